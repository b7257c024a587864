#include "cli/rates.hpp"

#include <algorithm>

namespace ais::cli {

namespace {

using clock = std::chrono::steady_clock;

/// How much of the time the busiest disk of a target is. Best effort: a number
/// among others.
uint64_t busiest_disk(api& cluster, const node_info& target) {
  uint64_t out = 0;
  try {
    auto said = cluster.node_query(target, "disk");
    if (auto* o = said.if_object())
      for (auto& m : object_at(*o, "AllDiskStats"))
        if (auto* disk = m.value().if_object())
          out = std::max(out, number_at(*disk, "Util"));
  } catch (const failure&) {
  }
  return out;
}

} // namespace

sample take_sample(context& x) {
  sample out;
  out.nodes = ask_nodes(x, x.cluster().map(true).all());
  out.when = clock::now();
  for (auto& n : out.nodes)
    if (n.node.target && n.online())
      out.busiest[n.node.id] = busiest_disk(x.cluster(), n.node);
  return out;
}

rates::rates(const sample& before, const sample& now)
  : before_(before),
    seconds_(std::max(
      std::chrono::duration<double>(now.when - before.when).count(), 0.001)) {}

double rates::of(const node_status& n, std::string_view metric) const {
  for (auto& old : before_.nodes)
    if (old.node.id == n.node.id) {
      auto was = number_at(old.tracker(), metric);
      auto is = number_at(n.tracker(), metric);
      return is > was ? static_cast<double>(is - was) / seconds_ : 0;
    }
  return 0;
}

double rates::errors(const node_status& n) const {
  double out = 0;
  for (auto& m : n.tracker()) {
    std::string_view name{m.key().data(), m.key().size()};
    if (name.substr(0, 4) == "err.")
      out += of(n, name);
  }
  return out;
}

std::vector<std::string> running_jobs(context& x) {
  json::value query = json::object{{"kind", ""}};
  auto jobs = x.cluster().get("/v1/cluster", {{"what", "running_all"}}, query);
  std::vector<std::string> out;
  if (auto* list = jobs.if_array())
    for (auto& j : *list)
      out.push_back(plain_text(j));
  return out;
}

} // namespace ais::cli
