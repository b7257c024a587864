#include "cli/pager.hpp"

#include "cli/output.hpp"
#include "cli/settings.hpp"

#include <algorithm>
#include <cstdio>

namespace ais::cli {

void page(const std::string& text, const settings& config) {
  auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  if (!stdout_is_terminal() || config.no_more() || lines < terminal_height()) {
    say_raw(text);
    return;
  }
  flush_output();
  if (auto* to = ::popen("more", "w")) {
    std::fwrite(text.data(), 1, text.size(), to);
    if (::pclose(to) == 0)
      return;
  }
  say_raw(text);
}

} // namespace ais::cli
