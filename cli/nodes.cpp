#include "cli/nodes.hpp"

#include "cli/transfer.hpp"

#include <cstdio>
#include <fmt/format.h>
#include <mutex>

namespace ais::cli {

namespace {

/// The software generation this program was made for: AIStore's.
constexpr int major_version = 5;
constexpr int minor_version = 0;

struct flag_word {
  std::string_view word; ///< empty: no alert
  bool red = false;
};

constexpr flag_word words[] = {
  {"vote-in-progress"},
  {""}, // cluster started
  {""}, // node started
  {"rebalancing"},
  {"rebalance-interrupted"},
  {"resilvering"},
  {"resilver-interrupted"},
  {"restarted"},
  {"OOS", true},
  {"OOM", true},
  {"in-maintenance-mode"},
  {"low-usable-capacity"},
  {"low-memory"},
  {"disk-fault", true},
  {"number-of-threads"},
  {"high-number-of-threads", true},
  {"tls-cert-will-soon-expire"},
  {"tls-cert-expired", true},
  {"tls-cert-invalid"},
  {"keep-alive-errors"},
  {"out-of-cpu", true},
  {"low-cpu"},
  {"disk-OOS", true},
  {"disk-low-capacity"},
};

/// One warning at most, about the first node that does not fit.
void check_versions(const std::vector<node_status>& all) {
  static std::once_flag once;
  for (auto& n : all) {
    if (!n.why.empty() || n.said.empty())
      continue;
    auto version = text_at(n.said, "ais_version");
    int major = 0, minor = 0;
    if (std::sscanf(version.c_str(), "%d.%d", &major, &minor) != 2) {
      if (n.online())
        report_error(fmt::format("{} has version \"{}\", which is none",
                                 n.node.name(), version));
      continue;
    }
    auto gap = major != major_version ? 2 : std::abs(minor - minor_version);
    if (gap == 0)
      continue;
    std::call_once(once, [&] {
      warn(fmt::format("{} runs version {}: this program was made for {}.{} and"
                       " {}",
                       n.node.name(), version, major_version, minor_version,
                       gap == 1 ? "may not be fully compatible"
                                : "is not compatible"));
    });
  }
}

} // namespace

std::string alerts_of(uint64_t flags) {
  std::string out;
  if (!(flags & 2))
    out = "cluster-not-started-yet";
  if (!(flags & 4))
    out += (out.empty() ? "" : " ") + std::string{"node-not-started-yet"};
  for (size_t i = 0; i < std::size(words); ++i)
    if (flags >> i & 1 && !words[i].word.empty())
      out += (out.empty() ? "" : " ") + std::string{words[i].word};
  return out.find(' ') == out.npos ? out : '[' + out + ']';
}

bool red_alert(uint64_t flags) {
  for (size_t i = 0; i < std::size(words); ++i)
    if (flags >> i & 1 && words[i].red)
      return true;
  return false;
}

std::string node_status::word() const {
  if (node.decommission())
    return "decommission";
  if (node.maintenance())
    return "maintenance";
  if (!why.empty())
    return "n/a";
  auto text = text_at(said, "status");
  return text.empty() ? "online" : text;
}

uint64_t node_status::flags() const {
  return number_at(object_at(said, "cluster"), "flags");
}

std::vector<node_status>
ask_nodes(context& x, const std::vector<node_info>& nodes) {
  std::vector<node_status> out(nodes.size());
  in_parallel(x.config, 8, nodes.size(), [&](api& cluster, uint64_t i) {
    out[i].node = nodes[i];
    try {
      auto got = cluster.node_query(nodes[i], "node_status");
      if (auto* o = got.if_object())
        out[i].said = *o;
      else
        out[i].why = "no answer";
    } catch (const failure& e) {
      out[i].why = e.what();
    }
  });
  check_versions(out);
  return out;
}

std::vector<node_info>
chosen_targets(context& x, const arguments& a, size_t first_operand) {
  if (a.operands.size() <= first_operand)
    return x.cluster().map().targets;
  std::vector<node_info> out;
  for (size_t i = first_operand; i < a.operands.size(); ++i)
    out.push_back(x.cluster().target(a.operands[i]));
  return out;
}

} // namespace ais::cli
