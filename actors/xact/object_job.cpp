#include "actors/xact/object_job.hpp"

#include "actors/base/ask.hpp"
#include "actors/target/object_walk.hpp"
#include "storage/base/name_template.hpp"

#include <caf/stateful_actor.hpp>

#include <optional>

namespace ais {

namespace {

using namespace std::chrono_literals;

constexpr auto shard_timeout = 60s;
constexpr uint64_t names_per_page = 1000;
/// Names of other targets are skipped in steps, so that a stop is heard.
constexpr size_t names_per_step = 4096;
/// Of longer lists it is not counted which are ours, but guessed.
constexpr uint64_t max_counted_names = 4 * names_per_step;

using counting_walk
  = object_walk<std::remove_pointer_t<object_job_actor::pointer>>;

struct job_state {
  static inline const char* name = "object-job";

  object_job_actor::pointer self = nullptr;
  xact_order order;
  deed what;
  bool stubborn = false; ///< goes on after an object that failed
  std::optional<name_template> range;
  uint64_t at = 0;               ///< of the list, the range, or the page
  std::vector<std::string> page; ///< of a prefix
  std::string token;             ///< last name of the page
  bool paging = false;           ///< a page is on its way
  bool last_page = false;
  bool stopped = false;
  size_t under_way = 0;
  size_t failures = 0;
  std::optional<counting_walk> count; ///< of a prefix: how many there are
  uint64_t counted = 0;
  std::string first_failure;

  bool by_prefix() const { return order.what.what.names.empty() && !range; }

  // -- how many there are, for people who wait

  void begin_count() {
    if (by_prefix())
      return count_prefix();
    auto& total = order.progress->total;
    auto& names = order.what.what.names;
    auto n = range ? range->size() : names.size();
    if (n > max_counted_names) {
      auto targets = order.node.sync->read()->state->map->targets.size();
      total = n / std::max<uint64_t>(targets, 1);
      return;
    }
    for (uint64_t i = 0; i < n; ++i)
      total += ours(range ? range->at(i) : names[i]);
  }

  /// Takes less than doing something with them.
  void count_prefix() {
    auto bucket = order.node.buckets->read()->find(order.what.bucket);
    if (!bucket)
      return;
    count.emplace(self, order.node.target, 1);
    storage::walk_options options;
    options.prefix = order.what.what.prefix;
    options.with_attrs = false;
    count->begin(order.what.id + "-count-", {*bucket},
                 {[this](const object_key& key, const auto& next) {
                    counted += ours(key.name);
                    next();
                  },
                  [this](const ais::bucket&, const error&) { count->stop(); },
                  [this] {
                    if (!stopped)
                      order.progress->total = counted;
                  }},
                 options);
  }

  bool ours(const std::string& object) const {
    auto map = order.node.sync->read()->state->map;
    return static_cast<bool>(
      check_owner(*map, order.node.node_id, order.what.bucket, object));
  }

  /// The next name, if there is one at hand.
  std::optional<std::string> next_name() {
    auto& names = order.what.what.names;
    if (!names.empty())
      return at < names.size() ? std::optional{names[at++]} : std::nullopt;
    if (range)
      return at < range->size() ? std::optional{range->at(at++)} : std::nullopt;
    return at < page.size() ? std::optional{std::move(page[at++])}
                            : std::nullopt;
  }

  void pump() {
    for (size_t step = 0; !stopped && under_way < max_objects_at_once; ++step) {
      if (step == names_per_step) {
        self->send(self, atom::next_v);
        return;
      }
      auto object = next_name();
      if (!object)
        break;
      begin(*object);
    }
    if (stopped || at_end()) {
      if (under_way == 0 && !paging)
        end();
    } else if (under_way < max_objects_at_once && by_prefix() && !paging) {
      next_page();
    }
  }

  bool at_end() const {
    if (by_prefix())
      return last_page && at >= page.size();
    return at >= (range ? range->size() : order.what.what.names.size());
  }

  void next_page() {
    paging = true;
    list_part req;
    req.bucket = order.what.bucket;
    req.bid = order.what.bid;
    req.options.prefix = order.what.what.prefix;
    req.options.no_dirs = true;
    req.uuid = order.what.id;
    req.token = token;
    req.page_size = names_per_page;
    ask<listed_part>(
      self, order.node.target, shard_timeout, std::move(req),
      [this](listed_part& x) {
        paging = false;
        page.clear();
        at = 0;
        for (auto& entry : x.entries)
          page.push_back(std::move(entry.name));
        last_page = !x.more || page.empty();
        if (!page.empty())
          token = page.back();
        pump();
      },
      [this](const error& e) {
        paging = false;
        stop_with(e);
      });
  }

  // -- one object

  void begin(const std::string& object) {
    auto& node = order.node;
    auto map = node.sync->read()->state->map;
    if (!check_owner(*map, node.node_id, order.what.bucket, object))
      return;
    auto bucket = node.buckets->read()->find(order.what.bucket);
    if (!bucket || (*bucket)->ref.bid != order.what.bid)
      return stop_with(fail(errc::bucket_not_found, "the bucket is gone"));
    auto here = node.view->read()->locate({*bucket, object});
    if (!here)
      return stop_with(here.error());
    if (auto ok = leased(); !ok)
      return stop_with(ok.error());
    ++under_way;
    ask<ack>(
      self, node.settler, std::chrono::minutes{copy_timeout},
      settle_object{here->key}, [this, x = *here](ack) { act_on(x); },
      [this](const error& e) { done(e); });
  }

  void act_on(const located& x) {
    what(self, x, [this](const deed_result& how) {
      // Without a lease nobody may say that it is done.
      auto ok = leased();
      if (!how)
        return done(how.error());
      if (!ok)
        return done(ok.error());
      if (*how) {
        ++order.progress->objects;
        order.progress->bytes += **how;
      }
      done({});
    });
  }

  expected<void> leased() const {
    return order.node.gate_fence->check(order.node.env.steady_ns());
  }

  void done(const error& e) {
    --under_way;
    ++order.progress->looked;
    if (e)
      note(e);
    if (e == errc::not_ready || (e && !stubborn))
      stopped = true;
    pump();
  }

  void note(const error& e) {
    if (failures++ == 0)
      first_failure = message_of(e);
  }

  // -- the end

  void stop_with(const error& e) {
    note(e);
    stopped = true;
    self->send(self, atom::next_v);
  }

  void end() {
    if (!stopped)
      order.progress->total = order.progress->looked.load();
    auto text = first_failure;
    if (failures > 1)
      text += " (and " + std::to_string(failures - 1) + " more)";
    order.ended({order.what.id, stopped, std::move(text)});
    self->quit();
  }
};

object_job_actor::behavior_type
object_job(object_job_actor::stateful_pointer<job_state> self, xact_order order,
           std::optional<name_template> range, deed what, bool stubborn) {
  auto& st = self->state;
  st.self = self;
  st.order = std::move(order);
  st.range = std::move(range);
  st.what = std::move(what);
  st.stubborn = stubborn;
  st.begin_count();
  self->send(self, atom::next_v);
  return {
    [&st](atom::stop) {
      st.stopped = true;
      st.pump();
    },
    [&st](atom::next) { st.pump(); },
  };
}

} // namespace

expected<xact_actor>
spawn_object_job(caf::actor_system& sys, const xact_order& order, deed what,
                 bool stubborn) {
  std::optional<name_template> range;
  auto& selected = order.what.what;
  if (selected.names.empty() && !selected.name_template.empty()) {
    auto parsed = name_template::parse(selected.name_template);
    if (!parsed)
      return parsed.error();
    range = std::move(*parsed);
  }
  return caf::actor_cast<xact_actor>(
    spawn_plain(sys, order.node.env, object_job, order, std::move(range),
                std::move(what), stubborn));
}

} // namespace ais
