// The tree of all commands. Source: cli.md 1 (words and their order).
#include "cli/context.hpp"
#include "cli/pager.hpp"

#include <fmt/format.h>

namespace ais::cli {

namespace {

command show_commands() {
  command c;
  c.name = "show";
  c.summary = "show buckets, objects, nodes, jobs, configuration and more";
  c.children = {bucket_props_show("bucket"),
                object_show("object"),
                show_cluster("cluster"),
                config_show("config"),
                show_storage(),
                performance_commands(),
                show_jobs("job"),
                show_rebalance("rebalance"),
                log_show("log"),
                dashboard(),
                later("remote-cluster", "ais show remote-cluster"),
                later("remote", "ais show remote-cluster"),
                later("etl", "ais show etl [NAME...]"),
                later("auth", "ais show auth user|role|cluster"),
                later("tls", "ais show tls [NODE]"),
                later("nbi", "ais show nbi [BUCKET]")};
  return c;
}

void show_version(context&, const arguments&) {
  say("version " AIS_VERSION);
}

void show_help(context& x, const arguments& a) {
  auto words = a.operands;
  if (!words.empty())
    if (auto i = x.config.aliases.find(words[0]);
        i != x.config.aliases.end() && !command_tree().find(words[0])) {
      auto space = i->second.find(' ');
      words[0] = i->second.substr(0, space);
      for (auto rest = i->second; space != rest.npos;) {
        rest = rest.substr(space + 1);
        space = rest.find(' ');
        words.push_back(rest.substr(0, space));
      }
    }
  auto there = locate(words);
  if (there.used < words.size()) {
    report_misuse(unknown_command(there, words, x.config.aliases));
    throw silent_failure{};
  }
  page(help_of(there, x.config.aliases), x.config);
}

command help_command() {
  command c;
  c.name = "help";
  c.summary = "show the list of commands, or help for one";
  c.usage = "[COMMAND...]";
  c.run = show_help;
  c.operands = {operand::command_words};
  c.examples = {"ais help bucket ls"};
  return c;
}

command version_command() {
  command c;
  c.name = "version";
  c.summary = "print the version of this program";
  c.run = show_version;
  return c;
}

command root() {
  command c;
  c.name = "ais";
  c.summary = "command line of AIStore";
  c.more = "The cluster's address is taken from AIS_ENDPOINT, or from"
           " cluster.url in the configuration ('ais config cli show').";
  c.children = {
    bucket_commands(),
    object_commands(),
    cluster_commands(),
    config_commands(),
    later("etl", "ais etl init|show|view-logs|start|stop|rm|object|bucket"),
    job_commands(),
    later("auth", "ais auth login|logout|add|set|rm|show"),
    show_commands(),
    help_command(),
    advanced_commands(),
    storage_commands(),
    later("archive", "ais archive bucket|put|get|ls|gen-shards"),
    log_commands(),
    later("tls", "ais tls show|load-certificate|validate-certificates"),
    performance_commands(),
    later("remote-cluster", "ais remote-cluster show, and"
                            " ais cluster remote-attach|remote-detach"),
    later("ml", "ais ml get-batch|lhotse-get-batch"),
    later("nbi", "ais nbi create|show|rm BUCKET"),
    s3_commands(),
    alias_commands(),
    doctor_command(),
    quickstart_command(),
    top_command(),
    trace_command(),
    search_command(),
    completion_command(),
    version_command(),
  };
  return c;
}

} // namespace

const command& command_tree() {
  static const auto tree = root();
  return tree;
}

} // namespace ais::cli
