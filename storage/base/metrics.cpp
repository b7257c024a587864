#include "storage/base/metrics.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>

namespace ais {

namespace {

constexpr std::array<stat_info, stat_count> infos{{
#define AIS_STAT_INFO(id, name, kind) {name, #kind},
  AIS_STATS(AIS_STAT_INFO)
#undef AIS_STAT_INFO
}};

/// One thread's counters; only that thread writes them.
struct alignas(64) block {
  std::array<std::atomic<uint64_t>, stat_count> values{};
};

/// All blocks, also of threads that ended, and the sums at the last reset.
struct registry {
  std::mutex mutex;
  std::vector<std::shared_ptr<block>> blocks;
  stat_values baseline{};

  static registry& instance() {
    static registry x;
    return x;
  }

  stat_values sum() const {
    stat_values out{};
    for (auto& b : blocks)
      for (size_t i = 0; i < stat_count; ++i)
        out[i] += b->values[i].load(std::memory_order_relaxed);
    return out;
  }
};

block& own_block() {
  thread_local std::shared_ptr<block> own = [] {
    auto fresh = std::make_shared<block>();
    auto& r = registry::instance();
    std::lock_guard guard{r.mutex};
    r.blocks.push_back(fresh);
    return fresh;
  }();
  return *own;
}

bool ends_with(std::string_view x, std::string_view end) {
  return x.size() >= end.size() && x.substr(x.size() - end.size()) == end;
}

std::string exported_name(std::string_view prefix, std::string_view name) {
  auto suffix = std::string_view{};
  if (ends_with(name, ".n")) {
    name.remove_suffix(2);
    suffix = "_count";
  } else if (ends_with(name, ".size")) {
    name.remove_suffix(5);
    suffix = "_bytes";
  }
  auto out = std::string{prefix} + std::string{name} + std::string{suffix};
  std::replace(out.begin(), out.end(), '.', '_');
  return out;
}

std::string escaped(std::string_view x) {
  std::string out;
  for (char c : x) {
    if (c == '\\' || c == '"')
      out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

} // namespace

const stat_info& info_of(stat x) {
  return infos[static_cast<size_t>(x)];
}

void count(stat x, uint64_t by) noexcept {
  auto& value = own_block().values[static_cast<size_t>(x)];
  value.store(value.load(std::memory_order_relaxed) + by,
              std::memory_order_relaxed);
}

stat_values stat_sums() {
  auto& r = registry::instance();
  std::lock_guard guard{r.mutex};
  auto out = r.sum();
  for (size_t i = 0; i < stat_count; ++i)
    out[i] -= r.baseline[i];
  return out;
}

void reset_stats(bool errors_only) {
  auto& r = registry::instance();
  std::lock_guard guard{r.mutex};
  auto now = r.sum();
  for (size_t i = 0; i < stat_count; ++i)
    if (!errors_only || infos[i].name.substr(0, 4) == "err.")
      r.baseline[i] = now[i];
}

std::string prometheus_text(std::string_view prefix, std::string_view node_id,
                            const std::vector<gauge>& gauges) {
  std::string out;
  auto id = escaped(node_id);
  auto sample = [&](const std::string& name, const char* type,
                    const std::string& value, const std::string& labels) {
    if (out.find("# TYPE " + name + ' ') == std::string::npos)
      out += "# TYPE " + name + ' ' + type + '\n';
    out += name + "{node_id=\"" + id + '"' + labels + "} " + value + '\n';
  };
  auto sums = stat_sums();
  for (size_t i = 0; i < stat_count; ++i)
    sample(exported_name(prefix, infos[i].name), "counter",
           std::to_string(sums[i]), "");
  for (auto& g : gauges) {
    std::string labels;
    for (auto& [k, v] : g.labels)
      labels += ',' + k + "=\"" + escaped(v) + '"';
    sample(exported_name(prefix, g.name), "gauge", std::to_string(g.value),
           labels);
  }
  return out;
}

} // namespace ais
