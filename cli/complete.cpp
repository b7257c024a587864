#include "cli/complete.hpp"

#include "cli/context.hpp"
#include "cli/props.hpp"
#include "cli/s3_keys.hpp"
#include "cli/snaps.hpp"
#include "storage/base/names.hpp"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <set>
#include <sstream>

namespace ais::cli {

namespace {

using candidates = std::vector<std::string>;

/// The cluster has that long to answer: people wait.
constexpr std::chrono::milliseconds patience{2000};
/// Of a listing: more names do not help anybody.
constexpr uint64_t max_names = 200;

/// What was typed, taken apart.
struct typed {
  place at;
  const flag* value_of = nullptr;    ///< the flag whose value is completed
  std::vector<std::string> operands; ///< whole ones
  std::set<std::string_view> used;   ///< flags
  std::string current;
  bool only_operands = false; ///< behind "--"
};

const flag* find_flag(std::string_view word, const std::vector<flag>& flags) {
  while (!word.empty() && word.front() == '-')
    word.remove_prefix(1);
  for (auto& f : flags)
    if (f.name == word || f.short_name == word)
      return &f;
  return nullptr;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in{text};
  std::vector<std::string> out;
  for (std::string w; in >> w;)
    out.push_back(w);
  return out;
}

typed read_words(std::vector<std::string> words, const settings& config,
                 std::vector<flag>& flags) {
  typed out;
  if (words.empty())
    words.emplace_back();
  out.current = words.back();
  words.pop_back();
  if (!words.empty() && !command_tree().find(words[0])) {
    auto i = config.aliases.find(words[0]);
    if (i != config.aliases.end()) {
      auto target = words_of(i->second);
      words.erase(words.begin());
      words.insert(words.begin(), target.begin(), target.end());
    }
  }
  out.at = locate(words);
  flags = all_flags(out.at.what());
  for (size_t i = out.at.used; i < words.size(); ++i) {
    auto& w = words[i];
    if (out.only_operands || w.size() < 2 || w.front() != '-') {
      out.operands.push_back(w);
      continue;
    }
    if (w == "--") {
      out.only_operands = true;
      continue;
    }
    auto eq = w.find('=');
    auto* f = find_flag(std::string_view{w}.substr(0, eq), flags);
    if (!f)
      continue;
    out.used.insert(f->name);
    if (f->kind == value_kind::nothing || eq != w.npos)
      continue;
    if (i + 1 == words.size())
      out.value_of = f;
    ++i;
  }
  return out;
}

// -- what the cluster knows ---------------------------------------------------

class source {
public:
  explicit source(const settings& config) : config_(config) {}

  api& cluster() {
    if (!api_)
      api_ = std::make_unique<api>(config_, patience);
    return *api_;
  }

  candidates buckets(const std::string& current, bool with_objects) {
    auto mark = current.find("://");
    if (with_objects && mark != current.npos
        && current.find('/', mark + 3) != current.npos)
      return objects(current);
    candidates out;
    for (auto& b : cluster().buckets({{"presence", "2"}}))
      out.push_back(cname_of(b) + (with_objects ? "/" : ""));
    if (out.empty())
      out.emplace_back("ais://");
    return out;
  }

  candidates objects(const std::string& current) {
    auto slash = current.find('/', current.find("://") + 3);
    auto parsed = parse(current.substr(0, slash));
    if (!parsed)
      return {};
    list_query q;
    q.props = "name";
    q.prefix = current.substr(slash + 1);
    q.flags = 16 | 2048; // names, one level
    q.limit = max_names;
    candidates out;
    cluster().list(*parsed, q, [&](auto page) {
      for (auto& o : page)
        out.push_back(cname_of(*parsed, o.name));
      return true;
    });
    return out;
  }

  candidates nodes(bool proxies, bool targets, const std::string& current,
                   bool resting_only = false) {
    candidates out;
    // A list of several goes on behind its last comma.
    auto comma = current.rfind(',');
    auto before = comma == current.npos ? "" : current.substr(0, comma + 1);
    for (auto& n : cluster().map().all())
      if ((n.target ? targets : proxies) && (n.maintenance() || !resting_only))
        if (before.find(n.name()) == before.npos)
          out.push_back(before + n.name());
    return out;
  }

  /// "t[ID]=" of all targets, or the mountpaths of one that fit the command.
  candidates
  mountpaths(const std::string& command, const std::string& current) {
    candidates out;
    auto eq = current.find('=');
    if (eq == current.npos) {
      for (auto& n : cluster().map().targets)
        out.push_back(n.name() + '=');
      return out;
    }
    auto node = cluster().target(current.substr(0, eq));
    auto said = cluster().node_query(node, "mountpaths");
    auto enables = command.ends_with(" enable");
    if (!said.is_object() || command.ends_with(" attach"))
      return out;
    for (auto* key : {"available", "disabled", "waiting_dd"})
      if (enables == (std::string_view{key} != "available"))
        for (auto& path : array_at(said.get_object(), key))
          out.push_back(current.substr(0, eq + 1) + plain_text(path));
    return out;
  }

  /// "key=" of all properties, or the values of one.
  candidates properties(const json::object& tree, const typed& t) {
    auto& current = t.current;
    auto eq = current.find('=');
    candidates out;
    if (eq == current.npos) {
      auto all = flattened(tree);
      // "key value" is as good as "key=value".
      if (!t.operands.empty())
        for (auto& [k, v] : all)
          if (k == t.operands.back())
            return values_of(tree, k, current);
      for (auto& [k, v] : all) {
        auto key = k + '=';
        if (std::none_of(t.operands.begin(), t.operands.end(),
                         [&](auto& x) { return x.starts_with(key); }))
          out.push_back(key);
      }
      return out;
    }
    auto key = current.substr(0, eq);
    auto front = key + '=';
    for (auto& v : values_of(tree, key, current.substr(eq + 1)))
      out.push_back(front + v);
    return out;
  }

  json::object cluster_config() {
    auto got = cluster().get("/v1/cluster", {{"what", "cluster_config"}});
    return got.as_object();
  }

  json::object bucket_props(const std::string& name) {
    auto parsed = parse(name);
    if (!parsed)
      return {};
    auto out = cluster().bucket_props(*parsed);
    for (auto key : {"bid", "created", "provider", "Renamed", "extra"})
      out.erase(key);
    return out;
  }

  /// Names of jobs and their IDs, of a kind its IDs only; then targets.
  candidates jobs(const typed& t) {
    job_choice which;
    auto rebalances = t.at.name().ends_with("rebalance show")
                      || t.at.name().ends_with("show rebalance");
    if (rebalances)
      which.kind = "rebalance";
    for (auto& word : t.operands)
      if (auto kind = kind_of(word); !kind.empty())
        which.kind = kind;
    candidates out;
    std::set<std::string> ids;
    for (auto& s : query_jobs(cluster(), which, t.used.count("all") == 0)) {
      ids.insert(s.text("id"));
      if (which.kind.empty())
        out.push_back(display_name(s.text("kind")));
    }
    out.insert(out.end(), ids.begin(), ids.end());
    if (rebalances || t.operands.empty())
      return out;
    auto targets = nodes(false, true, t.current);
    out.insert(out.end(), targets.begin(), targets.end());
    return out;
  }

private:
  static std::optional<bck> parse(const std::string& text) {
    auto mark = text.find("://");
    if (mark == text.npos)
      return {};
    auto p = parse_provider(text.substr(0, mark));
    if (!p)
      return {};
    return bck{*p, {}, text.substr(mark + 3)};
  }

  candidates values_of(const json::object& tree, const std::string& key,
                       const std::string& value) {
    auto list = [&](auto& names, auto name_of) {
      auto comma = value.rfind(',');
      auto before = comma == value.npos ? "" : value.substr(0, comma + 1);
      candidates out;
      for (auto& n : names)
        if (value.find(std::string{name_of(n)} + ',') == value.npos)
          out.push_back(before + std::string{name_of(n)});
      return out;
    };
    if (key == "access")
      return list(permission_names(), [](auto& x) { return x; });
    if (key == "features") {
      auto out = list(feature_names(), [](auto& x) { return x.name; });
      out.emplace_back("none");
      return out;
    }
    if (key == "checksum.type")
      return {"none", "xxhash", "xxhash2", "md5", "crc32c", "sha256", "sha512"};
    if (key.rfind("write_policy.", 0) == 0)
      return {"immediate", "delayed", "never"};
    if (key == "durability")
      return {"sync", "none"};
    if (key.size() > 12 && key.substr(key.size() - 12) == ".compression")
      return {"never", "always"};
    for (auto& [k, v] : flattened(tree))
      if (k == key && (v == "true" || v == "false"))
        return {"true", "false"};
    return {};
  }

  const settings& config_;
  std::unique_ptr<api> api_;
};

// -- positions ----------------------------------------------------------------

candidates sections_of(const json::object& tree) {
  candidates out;
  for (auto& m : tree)
    out.emplace_back(m.key().data(), m.key().size());
  return out;
}

/// Words that may follow words.
candidates
command_words(const std::vector<std::string>& before, const settings& config) {
  auto there = locate(before);
  candidates out;
  if (there.used < before.size())
    return out;
  for (auto& c : there.what().children)
    if (c.shown())
      out.push_back(c.name);
  if (before.empty())
    for (auto& [name, target] : config.aliases)
      out.push_back(name);
  return out;
}

/// Candidates for an operand; ":files" for files.
candidates
of_operand(operand kind, const typed& t, source& from, const settings& config) {
  auto first = t.operands.empty() ? std::string{} : t.operands[0];
  switch (kind) {
    case operand::none:
      return {};
    case operand::file:
      return {":files"};
    case operand::bucket: {
      auto out = from.buckets(t.current, false);
      std::erase_if(out, [&](auto& b) {
        return std::find(t.operands.begin(), t.operands.end(), b)
               != t.operands.end();
      });
      return out;
    }
    case operand::object:
      return from.buckets(t.current, true);
    case operand::node:
      return from.nodes(true, true, t.current,
                        t.at.name().ends_with(" stop-maintenance"));
    case operand::target:
      return from.nodes(false, true, t.current);
    case operand::proxy:
      return from.nodes(true, false, t.current);
    case operand::bucket_prop:
      return from.properties(from.bucket_props(first), t);
    case operand::cluster_prop:
      if (t.at.what().usage.find("SECTION") != std::string::npos)
        return sections_of(from.cluster_config());
      return from.properties(from.cluster_config(), t);
    case operand::config_scope: {
      auto out = from.nodes(true, true, t.current);
      out.insert(out.begin(), {"cluster", "cli"});
      return out;
    }
    case operand::node_scope:
      if (first == "cluster")
        return sections_of(from.cluster_config());
      if (first == "cli")
        return {};
      return {"inherited", "local", "all"};
    case operand::cli_prop: {
      candidates out;
      for (auto& [k, v] : config.all())
        out.push_back(k + '=');
      return out;
    }
    case operand::alias: {
      candidates out;
      for (auto& [name, target] : config.aliases)
        out.push_back(name);
      return out;
    }
    case operand::command_words: {
      if (t.at.name() == "ais search")
        return search_words();
      auto words = t.operands;
      if (t.at.name() == "ais alias set" && !words.empty())
        words.erase(words.begin());
      return command_words(words, config);
    }
    case operand::job:
      return from.jobs(t);
    case operand::mountpath:
      return from.mountpaths(t.at.name(), t.current);
    case operand::access_key: {
      candidates out;
      auto all = ask_keys(from.cluster(), "GET");
      if (auto* list = all.if_array())
        for (auto& key : *list)
          out.push_back(text_at(key.as_object(), "access_key"));
      return out;
    }
    case operand::shell:
      return {"bash", "zsh", "fish"};
  }
  return {};
}

/// Values of a flag, as its help calls them: "a|b|c", "BUCKET", "NODE".
candidates of_flag(const flag& f, const typed& t, source& from) {
  candidates out;
  if (f.value.starts_with("BUCKET"))
    return from.buckets(t.current, false);
  if (f.value.starts_with("NODE"))
    return from.nodes(true, true, t.current);
  if (f.value.find('|') != f.value.npos) {
    std::istringstream in{std::string{f.value}};
    for (std::string x; std::getline(in, x, '|');)
      out.push_back(x);
  }
  return out;
}

candidates all_candidates(const typed& t, const std::vector<flag>& flags,
                          source& from, const settings& config) {
  if (t.value_of)
    return of_flag(*t.value_of, t, from);
  auto& c = t.at.what();
  candidates out;
  if (!t.only_operands && !t.current.empty() && t.current.front() == '-') {
    for (auto& f : flags)
      if (t.used.count(f.name) == 0)
        out.push_back("--" + std::string{f.name});
    return out;
  }
  if (t.operands.empty())
    for (auto& child : c.children)
      if (child.shown())
        out.push_back(child.name);
  if (t.operands.empty() && t.at.path.size() == 1)
    for (auto& [name, target] : config.aliases)
      if (alias_works(target))
        out.push_back(name);
  if (!c.run || c.operands.empty())
    return out;
  auto most = arity_of(c.usage).most;
  if (t.operands.size() >= most)
    return out;
  auto i = t.operands.size();
  // Where any number may come first, the last one is what is described last.
  auto kind = c.operands[std::min(i, c.operands.size() - 1)];
  auto more = of_operand(kind, t, from, config);
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

/// Calls `f` with the command and every candidate that fits.
void offer(
  const std::vector<std::string>& words,
  const std::function<void(const command& at, const std::string&)>& f) {
  try {
    auto config = settings::load();
    std::vector<flag> flags;
    auto t = read_words(words, config, flags);
    source from{config};
    std::set<std::string> seen;
    for (auto& x : all_candidates(t, flags, from, config)) {
      auto fits = x.compare(0, t.current.size(), t.current) == 0;
      if ((fits || x == ":files") && seen.insert(x).second)
        f(t.at.what(), x);
    }
  } catch (const std::exception& e) {
    report_error(e.what());
  }
  flush_output();
}

constexpr const char* bash_script = R"(# Completion of ais for bash.
_ais() {
  local line=${COMP_LINE:0:COMP_POINT} current rest candidate
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current=${words[${#words[@]} - 1]}
  COMPREPLY=()
  while IFS= read -r candidate; do
    if [[ $candidate == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
      done < <(compgen -f -- "$current")
      return
    fi
    COMPREPLY+=("$candidate")
  done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=,] ]]; then
    compopt -o nospace 2>/dev/null
  fi
  # Readline replaces only what follows the last of its word breaks.
  rest=$current
  [[ $COMP_WORDBREAKS == *=* ]] && rest=${rest##*=}
  [[ $COMP_WORDBREAKS == *:* ]] && rest=${rest##*:}
  if [[ $rest != "$current" ]]; then
    local cut=${current%"$rest"} i
    for i in "${!COMPREPLY[@]}"; do
      COMPREPLY[i]=${COMPREPLY[i]#"$cut"}
    done
  fi
}
complete -F _ais ais
)";

constexpr const char* zsh_script = R"(#compdef ais
# Completion of ais for zsh.
_ais() {
  local -a found whole open
  local x
  found=("${(@f)$(${words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ ${found[1]} == :files ]]; then
    _files
    return
  fi
  for x in $found; do
    case $x in
      */ | *= | *,) open+=("$x") ;;
      ?*) whole+=("$x") ;;
    esac
  done
  (( ${#open} )) && compadd -S '' -- $open
  (( ${#whole} )) && compadd -- $whole
}
if [[ ${funcstack[1]} == _ais ]]; then
  _ais "$@"
else
  compdef _ais ais
fi
)";

constexpr const char* fish_script = R"(# Completion of ais for fish.
function __ais_complete
  set -l words (commandline -opc)
  set -l found ($words[1] __complete $words[2..-1] (commandline -ct) 2>/dev/null)
  if test "$found[1]" = ":files"
    __fish_complete_path (commandline -ct)
  else
    printf '%s\n' $found
  end
end
complete -c ais -f -a '(__ais_complete)'
)";

} // namespace

int complete(const std::vector<std::string>& words) {
  offer(words, [](auto&, auto& x) { say(x); });
  return 0;
}

int complete_for_aistore(std::vector<std::string> words) {
  words.pop_back();
  if (words.empty() || !words.back().starts_with('-'))
    words.emplace_back(); // the word at the cursor is kept from us
  auto* hack = std::getenv("_CLI_ZSH_AUTOCOMPLETE_HACK");
  auto described = hack && std::string_view{hack} == "1";
  offer(words, [&](auto& at, auto& x) {
    auto* child = described ? at.find(x) : nullptr;
    if (child)
      say(x + ':' + child->summary);
    else if (x != ":files") // shells think of them by themselves
      say(x);
  });
  return 0;
}

std::string completion_script(const std::string& shell) {
  if (shell == "bash")
    return bash_script;
  if (shell == "zsh")
    return zsh_script;
  if (shell == "fish")
    return fish_script;
  return {};
}

} // namespace ais::cli
