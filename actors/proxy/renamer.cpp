#include "actors/proxy/renamer.hpp"

#include "actors/cluster/ask_targets.hpp"
#include "storage/base/log.hpp"

#include <caf/stateful_actor.hpp>

namespace ais {

namespace {

constexpr auto answer_timeout = std::chrono::seconds{10};
constexpr unsigned max_vain_rounds = 300; ///< a minute, at least

using extended = renamer_actor::extend<caf::reacts_to<atom::tick>>;

struct renamer_state {
  static inline const char* name = "renamer";

  extended::pointer self = nullptr;
  renamer_config config;
  sync_view view;
  bool busy = false; ///< asking, or a tick is on its way
  uint64_t bid = 0;  ///< of the bucket at hand
  unsigned round = 1;
  unsigned vain = 0; ///< rounds in which only failures happened, of late

  void see(const sync_view& x) {
    view = x;
    if (!busy)
      look();
  }

  void pause() {
    busy = true;
    self->delayed_send(self, rename_pause, atom::tick_v);
  }

  /// The first bucket that is being renamed; null: none.
  bucket_ptr renamed() const {
    for (auto& [which, b] : view.state->buckets->buckets)
      if (!b->props->renamed.empty())
        return b;
    return nullptr;
  }

  void look() {
    busy = false;
    auto from = view.primary ? renamed() : nullptr;
    if (!from)
      return;
    if (std::exchange(bid, from->ref.bid) != bid) {
      round = 1;
      vain = 0;
    }
    auto parsed = parse_uname(from->props->renamed);
    auto to = parsed ? view.state->buckets->find(parsed->first)
                     : expected<bucket_ptr>{parsed.error()};
    if (!to)
      return give_up(from, "the new bucket is gone");
    // Objects of targets that do not serve would be lost with the bucket.
    for (auto& [id, node] : view.state->map->targets)
      if (!active(node) || (node.flags & snode_silent) != 0)
        return pause();
    if (moving(*view.state->map))
      return pause();
    start(from, *to);
  }

  void start(const bucket_ptr& from, const bucket_ptr& to) {
    auto order = rename_order(*from, *to, round);
    ask_all<ack>(order,
                 [this, from, id = order.id](const target_answers<ack>& x) {
                   if (x.first)
                     return pause();
                   look_how_far(from, id);
                 });
  }

  void look_how_far(const bucket_ptr& from, const std::string& id) {
    query_xacts question;
    question.id = id;
    ask_all<xact_snaps>(question,
                        [this, from](const target_answers<xact_snaps>& x) {
                          if (x.first)
                            return pause();
                          std::string failure;
                          uint64_t moved = 0;
                          for (auto& y : x.all) {
                            if (y.snaps.empty() || y.snaps.front().end_ns == 0)
                              return pause();
                            auto& snap = y.snaps.front();
                            moved += snap.objects;
                            if (!snap.error.empty())
                              failure = snap.error;
                            else if (snap.aborted)
                              return give_up(from, "it was stopped");
                          }
                          if (failure.empty())
                            return look_what_is_left(from);
                          // A node that is restarted meanwhile is no reason to
                          // give up.
                          vain = moved > 0 ? 0 : vain + 1;
                          if (vain == max_vain_rounds)
                            return give_up(from, failure);
                          ++round;
                          pause();
                        });
  }

  void look_what_is_left(const bucket_ptr& from) {
    count_bucket question{from->ref.bck, from->ref.bid, {}};
    ask_all<bucket_totals>(
      question, [this, from](const target_answers<bucket_totals>& x) {
        if (x.first)
          return pause();
        uint64_t objects = 0;
        for (auto& y : x.all) {
          if (!y.complete)
            return pause();
          objects += y.objects;
        }
        if (objects == 0)
          return end(from);
        ++round;
        pause();
      });
  }

  void end(const bucket_ptr& from) {
    busy = true;
    ask<ack>(
      self, config.proxy, change_timeout, destroy_bucket{from->ref.bck},
      [this, from](ack) {
        log_info("bucket " + cname_of(from->ref.bck) + " is renamed to "
                 + from->props->renamed);
        pause();
      },
      [this](const error&) { pause(); });
  }

  /// Takes the mark away.
  void give_up(const bucket_ptr& from, const std::string& why) {
    busy = true;
    carry_through change{[ref = from->ref](cluster_state& x) -> expected<void> {
      auto known = x.buckets->find(ref.bck);
      if (!known || (*known)->ref.bid != ref.bid)
        return fail(errc::conflict, "the bucket has changed meanwhile");
      auto props = *(*known)->props;
      props.renamed.clear();
      auto next = with_bucket_props(*x.buckets, ref.bck, std::move(props));
      if (!next)
        return next.error();
      x.buckets = *next;
      return caf::unit;
    }};
    ask<ack>(
      self, config.proxy, change_timeout, std::move(change),
      [this, from, why](ack) {
        log_error("bucket " + cname_of(from->ref.bck)
                  + " is not renamed, objects are in it and in "
                  + from->props->renamed + ": " + why);
        pause();
      },
      [this](const error&) { pause(); });
  }

  template <class Answer, class Question>
  void ask_all(const Question& what,
               std::function<void(const target_answers<Answer>&)> end) {
    busy = true;
    ask_targets<Answer>(self, *view.state->map, *config.peers->read(),
                        answer_timeout, what, std::move(end));
  }
};

extended::behavior_type
renamer(extended::stateful_pointer<renamer_state> self, renamer_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  return {
    [&st](const sync_view& x) { st.see(x); },
    [&st](atom::tick) { st.look(); },
  };
}

} // namespace

std::string rename_id(uint64_t bid) {
  return "mv" + std::to_string(bid & 0xffff'ffff'ffff);
}

start_xact rename_order(const bucket& from, const bucket& to, unsigned round) {
  start_xact out;
  out.id
    = rename_id(from.ref.bid) + (round > 1 ? "r" + std::to_string(round) : "");
  out.kind = "move-bck";
  out.bucket = from.ref.bck;
  out.bid = from.ref.bid;
  out.copy.to = to.ref.bck;
  out.copy.to_bid = to.ref.bid;
  out.copy.go_on = true;
  return out;
}

renamer_actor
spawn_renamer(caf::actor_system& sys, const renamer_config& config) {
  return spawn_plain(sys, config.env, renamer, config);
}

} // namespace ais
