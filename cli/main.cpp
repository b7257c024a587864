// ais: the command line of AIStore.
#include "cli/context.hpp"

int main(int argc, char** argv) {
  return ais::cli::run({argv + 1, argv + argc});
}
