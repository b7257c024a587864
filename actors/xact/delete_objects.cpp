#include "actors/xact/delete_objects.hpp"

#include "storage/base/home.hpp"
#include "storage/base/hrw.hpp"
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

using extended = xact_actor::extend<caf::reacts_to<atom::next>>;

struct delete_state {
  static inline const char* name = "delete-objects";

  extended::pointer self = nullptr;
  xact_order order;
  std::optional<name_template> range;
  uint64_t at = 0;               ///< of the list, the range, or the page
  std::vector<std::string> page; ///< of a prefix
  std::string token;             ///< last name of the page
  bool paging = false;           ///< a page is on its way
  bool last_page = false;
  bool stopped = false;
  size_t under_way = 0;
  size_t failures = 0;
  std::string first_failure;

  bool by_prefix() const { return order.what.what.names.empty() && !range; }

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
    for (size_t step = 0; !stopped && under_way < max_deletes_at_once; ++step) {
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
    } else if (under_way < max_deletes_at_once && by_prefix() && !paging) {
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
    self->request(order.node.target, shard_timeout, std::move(req))
      .then(
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
        [this](error& e) {
          paging = false;
          stop_with(e);
        });
  }

  // -- one object

  void begin(const std::string& object) {
    auto& node = order.node;
    auto digest = placement_digest(uname_of(order.what.bucket, object));
    auto* owner = owner_of(*node.sync->read()->state->map,
                           home_digest(order.what.bucket, object));
    if (!owner || owner->id != node.node_id)
      return;
    auto bucket = node.buckets->read()->find(order.what.bucket);
    if (!bucket || (*bucket)->ref.bid != order.what.bid)
      return stop_with(fail(errc::bucket_not_found, "the bucket is gone"));
    auto* place = node.view->read()->place(digest);
    if (!place)
      return stop_with(fail(errc::not_ready, "there is no usable mountpath"));
    if (auto ok = leased(); !ok)
      return stop_with(ok.error());
    object_key key{*bucket, object};
    auto shard = place->shard_of(digest);
    ++under_way;
    self
      ->request(node.settler, std::chrono::minutes{copy_timeout},
                settle_object{key})
      .then([this, key, shard](ack) { look_at(key, shard); },
            [this](error& e) { done(fail(code_of(e), message_of(e))); });
  }

  void look_at(const object_key& key, const shard_actor& shard) {
    self->request(shard, shard_timeout, head_object{key})
      .then(
        [this, key, shard](lom_ptr& x) { remove(key, shard, x->size_bytes); },
        [this, key, shard](error& e) {
          // Damaged ones can be removed, too.
          if (e == errc::object_not_found)
            done({});
          else
            remove(key, shard, 0);
        });
  }

  void remove(const object_key& key, const shard_actor& shard, uint64_t bytes) {
    self->request(shard, shard_timeout, delete_object{key, {}})
      .then(
        [this, bytes](ack) {
          // Without a lease nobody may say that it is gone.
          if (auto ok = leased(); !ok)
            return done(ok.error());
          ++order.progress->objects;
          order.progress->bytes += bytes;
          done({});
        },
        [this](error& e) { done(e == errc::object_not_found ? error{} : e); });
  }

  expected<void> leased() const {
    if (order.node.gate_fence->open(order.node.env.steady_ns()))
      return caf::unit;
    return fail(errc::not_ready, "this node has lost contact with the primary");
  }

  void done(const error& e) {
    --under_way;
    if (e)
      note(e);
    if (e == errc::not_ready)
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
    auto text = first_failure;
    if (failures > 1)
      text += " (and " + std::to_string(failures - 1) + " more)";
    order.ended({order.what.id, stopped, std::move(text)});
    self->quit();
  }
};

extended::behavior_type
delete_objects(extended::stateful_pointer<delete_state> self, xact_order order,
               std::optional<name_template> range) {
  auto& st = self->state;
  st.self = self;
  st.order = std::move(order);
  st.range = std::move(range);
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
spawn_delete_objects(caf::actor_system& sys, const xact_order& order) {
  std::optional<name_template> range;
  auto& what = order.what.what;
  if (what.names.empty() && !what.name_template.empty()) {
    auto parsed = name_template::parse(what.name_template);
    if (!parsed)
      return parsed.error();
    range = std::move(*parsed);
  }
  return caf::actor_cast<xact_actor>(
    spawn_plain(sys, order.node.env, delete_objects, order, std::move(range)));
}

} // namespace ais
