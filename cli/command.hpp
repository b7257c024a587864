// The tree of commands: one description from which parsing, help, reference,
// suggestions and completion are made.
#pragma once

#include "storage/base/words.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ais::cli {

class context;

// -- options ------------------------------------------------------------------

enum class value_kind { nothing, text, number, size, duration };

struct flag {
  std::string_view name;       ///< long, without dashes
  std::string_view short_name; ///< one letter or two; may be empty
  value_kind kind = value_kind::nothing;
  std::string_view value; ///< what stands for its value in help, e.g. "N"
  std::string_view help;  ///< one sentence, no full stop
};

/// What a command was called with.
class arguments {
public:
  std::vector<std::string> operands;
  std::map<std::string, std::string, std::less<>> flags; ///< that were given

  bool has(std::string_view flag_name) const;
  /// The value of a flag; empty without it.
  std::string get(std::string_view flag_name) const;
  /// A whole number; validated by the parser.
  uint64_t number(std::string_view flag_name, uint64_t otherwise) const;
  /// A duration; validated by the parser.
  std::chrono::nanoseconds duration(std::string_view flag_name,
                                    std::chrono::nanoseconds otherwise) const;
  /// A comma-separated value as its parts; empty parts are left out.
  std::vector<std::string> list(std::string_view flag_name) const;
};

// -- commands -----------------------------------------------------------------

/// What an operand is, so that it can be completed.
enum class operand {
  none,
  file,
  bucket,        ///< BUCKET
  object,        ///< BUCKET/OBJECT
  node,          ///< p[ID], t[ID]
  target,        ///< t[ID]
  proxy,         ///< p[ID]
  bucket_prop,   ///< name=
  cluster_prop,  ///< name=
  config_scope,  ///< cluster, cli, nodes; then sections
  node_scope,    ///< inherited, local; then sections
  cli_prop,      ///< name=
  alias,         ///< a name of one
  command_words, ///< words of other commands
  job,
  mountpath,  ///< t[ID]=/path
  access_key, ///< of the S3 API
  shell       ///< bash, zsh, fish
};

using handler = void (*)(context&, const arguments&);

struct command {
  std::string name;
  std::string summary; ///< one line
  /// Operands: "[X]" may be missing, "X..." may be repeated.
  std::string usage;
  std::vector<flag> flags;
  handler run = nullptr;         ///< null: only its children do something
  std::vector<operand> operands; ///< the last holds for all that follow
  std::vector<std::string> examples;
  std::string more; ///< text for help below the summary
  std::vector<command> children;
  /// What --refresh and --count mean is its own business.
  bool refreshes_itself = false;
  /// Flags of which at most one may be given.
  std::vector<std::vector<std::string_view>> exclusive;
  /// The form in which it will come. Not empty: there is no such command yet,
  /// it is not shown and only says so.
  std::string later;

  bool shown() const { return later.empty(); }
  const command* find(std::string_view word) const;
};

/// A command and the words that lead to it.
struct place {
  std::vector<const command*> path; ///< from the root on
  size_t used = 0;                  ///< words
  const command& what() const { return *path.back(); }
  /// "ais bucket ls".
  std::string name() const;
};

/// The whole tree; its root is "ais".
const command& command_tree();

/// Follows words as far as they name commands.
place locate(const std::vector<std::string>& words);

/// Whether an alias leads to a command that is there.
bool alias_works(const std::string& target);

// -- parsing ------------------------------------------------------------------

/// How many operands a usage text asks for.
struct arity {
  size_t least = 0;
  size_t most = 0;
  std::vector<std::string> names; ///< of those that must be there
};
arity arity_of(std::string_view usage);

/// The flags of a command with those that every command has.
std::vector<flag> all_flags(const command& c);

/// Parses what follows a command's name. Options may stand anywhere, with one
/// dash or two. @throws misuse
arguments
parse_arguments(const command& c, const std::vector<std::string>& words);

// -- texts --------------------------------------------------------------------

/// Help of one command; of the root, with the aliases.
std::string
help_of(const place& at, const std::map<std::string, std::string>& aliases);

/// One line of synopsis: "ais bucket ls [BUCKET[/PREFIX]] [options]".
std::string synopsis_of(const place& at);

/// All commands as Markdown; kept as cli/README.md.
std::string reference();

/// What is said about a word that names no command: the commands there are, and
/// which was meant.
std::string
unknown_command(const place& at, const std::vector<std::string>& words,
                const std::map<std::string, std::string>& aliases);

/// Full commands ("ais bucket ls") with all the words or their synonyms.
std::vector<std::string> search_commands(const std::vector<std::string>& words);
/// Those that match a regular expression. @throws failure if it is none.
std::vector<std::string> match_commands(const std::string& regex);
/// What search_commands knows about: words of commands and synonyms.
std::vector<std::string> search_words();

/// Calls `f` for every shown command that does something.
void for_each_command(const std::function<void(const place&)>& f);

} // namespace ais::cli
