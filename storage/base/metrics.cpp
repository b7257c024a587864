#include "storage/base/metrics.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>

namespace ais {

namespace {

constexpr std::array<stat_info, stat_count> infos{{
#define AIS_STAT_INFO(id, name, kind, help) {name, #kind, help},
  AIS_STATS(AIS_STAT_INFO)
#undef AIS_STAT_INFO
}};

// -- blocks -------------------------------------------------------------------

/// One thread's counters; only that thread writes them. They only grow, also
/// when the next thread takes the block over.
struct alignas(64) block {
  std::array<std::atomic<uint64_t>, stat_count> values{};
};

struct registry {
  std::mutex mutex; ///< guards all members
  std::vector<std::unique_ptr<block>> blocks;
  std::vector<block*> idle; ///< of threads that ended
  stat_values baseline{};   ///< the sums at the last reset

  /// Never destroyed: threads may count until the process is gone.
  static registry& instance() {
    static auto& x = *new registry;
    return x;
  }

  stat_values sums() const {
    stat_values res{};
    for (auto& b : blocks)
      for (size_t i = 0; i < stat_count; ++i)
        res[i] += b->values[i].load(std::memory_order_relaxed);
    return res;
  }

  block* acquire() {
    std::lock_guard guard{mutex};
    if (idle.empty()) {
      blocks.push_back(std::make_unique<block>());
      idle.reserve(blocks.size()); // so that release does not throw
      return blocks.back().get();
    }
    auto res = idle.back();
    idle.pop_back();
    return res;
  }

  void release(block* x) noexcept {
    std::lock_guard guard{mutex};
    idle.push_back(x);
  }
};

/// For counts after a thread gave its block back; not in the sums.
block discarded;

/// The calling thread's block. A plain pointer beside its owner: reading it
/// needs no check whether it is initialized.
thread_local constinit block* own_block = nullptr;

struct block_owner {
  block* owned = registry::instance().acquire();
  ~block_owner() {
    own_block = &discarded;
    registry::instance().release(owned);
  }
};

block& first_block() {
  thread_local block_owner owner;
  own_block = owner.owned;
  return *own_block;
}

// -- text ---------------------------------------------------------------------

/// Escapes a label's value.
std::string escaped(std::string_view x) {
  std::string res;
  for (char c : x) {
    if (c == '\\' || c == '"')
      res += '\\';
    if (c == '\n')
      res += "\\n";
    else
      res += c;
  }
  return res;
}

/// Writes the exposition; samples of one name must follow each other.
class text_writer {
public:
  text_writer(std::string_view prefix, std::string_view node_id)
    : prefix_{prefix}, node_label_{"node_id=\"" + escaped(node_id) + '"'} {}

  void
  begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = prefix_ + exported_name(name);
    text_ += "# HELP " + name_ + ' ';
    text_ += help;
    text_ += "\n# TYPE " + name_ + ' ';
    text_ += type;
    text_ += '\n';
  }

  void sample(const std::string& value, const std::string& more_labels = {}) {
    text_ += name_ + '{' + node_label_ + more_labels + "} " + value + '\n';
  }

  std::string take() { return std::move(text_); }

private:
  std::string prefix_;
  std::string node_label_;
  std::string name_;
  std::string text_;
};

} // namespace

const stat_info& info_of(stat x) {
  return infos[static_cast<size_t>(x)];
}

void count(stat x, uint64_t by) noexcept {
  auto& own = own_block ? *own_block : first_block();
  auto& value = own.values[static_cast<size_t>(x)];
  value.store(value.load(std::memory_order_relaxed) + by,
              std::memory_order_relaxed);
}

stat_values stat_sums() {
  auto& r = registry::instance();
  std::lock_guard guard{r.mutex};
  auto res = r.sums();
  for (size_t i = 0; i < stat_count; ++i)
    res[i] -= r.baseline[i];
  return res;
}

void reset_stats(bool errors_only) {
  auto& r = registry::instance();
  std::lock_guard guard{r.mutex};
  auto now = r.sums();
  for (size_t i = 0; i < stat_count; ++i)
    if (!errors_only || infos[i].name.starts_with("err."))
      r.baseline[i] = now[i];
}

std::string exported_name(std::string_view name) {
  if (name == "up.ns.time")
    return "uptime";
  std::string_view suffix;
  if (name.ends_with(".n")) {
    name.remove_suffix(2);
    suffix = "_count";
  } else if (name.ends_with(".size")) {
    name.remove_suffix(5);
    suffix = "_bytes";
  }
  std::string res{name};
  res += suffix;
  std::replace(res.begin(), res.end(), '.', '_');
  return res;
}

std::string prometheus_text(std::string_view prefix, std::string_view node_id,
                            std::vector<gauge> gauges) {
  text_writer out{prefix, node_id};
  auto sums = stat_sums();
  for (size_t i = 0; i < stat_count; ++i) {
    out.begin(infos[i].name, "counter", infos[i].help);
    out.sample(std::to_string(sums[i]));
  }
  std::stable_sort(gauges.begin(), gauges.end(),
                   [](auto& x, auto& y) { return x.name < y.name; });
  std::string_view last;
  for (auto& g : gauges) {
    if (g.name != last)
      out.begin(g.name, "gauge", g.name);
    last = g.name;
    std::string labels;
    for (auto& [name, value] : g.labels)
      labels += ',' + name + "=\"" + escaped(value) + '"';
    out.sample(std::to_string(g.value), labels);
  }
  return out.take();
}

} // namespace ais
