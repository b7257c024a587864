// A walk that is to look at every object of a target, for one purpose (a
// placement, a version of the volume): what keeps it from being complete is
// noted, and the actor tries again after a while.
#pragma once

#include "actors/base/client_watch.hpp"
#include "actors/base/gather.hpp"
#include "actors/target/object_walk.hpp"
#include "storage/base/log.hpp"

#include <algorithm>

namespace ais {

/// Belongs to an actor; it is not one.
template <class Self>
class whole_walk {
public:
  static constexpr std::chrono::seconds tick_timeout{60};
  static constexpr uint64_t looks_per_step = 256;
  /// Objects at once are those of so many bytes [bytes],
  static constexpr uint64_t bytes_at_once = 64 << 20;
  /// but at least these; and until it is known how large they are.
  static constexpr size_t large_at_once = 16;
  /// Objects at once while clients ask, who are not to feel it.
  static constexpr size_t beside_clients = 4;
  /// So long after a node that takes what we visit said that clients ask it.
  static constexpr int64_t others_clients_ns = 200'000'000;

  struct place {
    environment env;
    target_actor target;
    std::shared_ptr<board<target_view>> view;
    std::shared_ptr<board<bmd>> buckets;
  };

  struct hooks {
    /// Looks at an object; calls `done`, once, now or later. An error: it has
    /// to be looked at again.
    std::function<void(const object_key&,
                       const std::function<void(const error&)>& done)>
      visit;
    /// All were visited, or why_not() says why not.
    std::function<void()> ended;
    /// Called now and then: looked() or total() have changed.
    std::function<void()> progress = [] {
    };
    /// Whether an object that only one place has needs no visit.
    std::function<bool(const object_key&, const std::string& place)> in_place
      = nullptr;
  };

  /// @param what   the job, for the log
  /// @param at_once  so many small objects at most
  /// @param retry  sends the actor what makes it begin again, after a while
  whole_walk(Self* self, place where, std::string what, size_t at_once,
             std::function<void()> retry)
    : self_(self), place_(std::move(where)), what_(std::move(what)),
      at_once_(at_once), retry_(std::move(retry)),
      walk_(self, place_.target, at_once), count_(self, place_.target, 1) {}

  /// What the walk is for that runs or has ended; 0: none.
  uint64_t purpose() const { return purpose_; }
  bool running() const { return walk_.running(); }
  /// Why it is not complete: the first reason; empty: it is.
  const std::string& why_not() const { return why_not_; }
  /// Objects that were visited.
  uint64_t looked() const { return looked_; }
  /// How many there are; 0: not known (yet).
  uint64_t total() const { return total_; }

  /// One that runs is stopped.
  void begin(uint64_t purpose, hooks to) {
    stop();
    purpose_ = purpose;
    to_ = std::move(to);
    why_not_.clear();
    looked_ = total_ = counted_ = 0;
    std::vector<shard_actor> shards;
    auto view = place_.view->read();
    for (auto* all : {&view->mountpaths, &view->leaving})
      for (auto& mp : *all)
        shards.insert(shards.end(), mp->shards.begin(), mp->shards.end());
    // What they accepted under an earlier view is on disk before we look there.
    gather(self_, shards, tick_timeout, atom::tick_v,
           [this, number = number_](const error& e) {
             if (number == number_)
               ticked(e);
           });
  }

  void stop() {
    ++number_;
    purpose_ = 0;
    walk_.stop();
    count_.stop();
  }

  /// Clients ask a node that is busy for us: give way as for our own.
  void clients_ask_there() {
    others_until_ns_ = place_.env.steady_ns() + others_clients_ns;
  }

  /// What was visited took so much moving: of small ones more go at once.
  void moved(uint64_t size_bytes) {
    typical_bytes_ = typical_bytes_ - typical_bytes_ / 8 + size_bytes / 8;
  }

  /// Stops it; the actor is to begin again after a while.
  void later() {
    stop();
    retry_();
  }

  void note(const error& e) {
    warnings_.warn(place_.env.steady_ns(),
                   what_ + ": an object stays for now: " + message_of(e));
    miss(message_of(e));
  }

  void miss(const std::string& why) {
    if (why_not_.empty())
      why_not_ = why;
  }

private:
  void ticked(const error& e) {
    if (!e)
      return go();
    note(e);
    to_.ended();
  }

  void go() {
    std::deque<bucket_ptr> all;
    for (auto& [which, b] : place_.buckets->read()->buckets)
      all.push_back(b);
    count(all);
    walk_.begin(
      what_ + std::to_string(purpose_) + '-', std::move(all),
      {[this](const object_key& key, const std::function<void()>& looked_at) {
         visit(key, looked_at);
       },
       [this](const bucket& b, const error& e) {
         if (there(b))
           note(e);
       },
       [this] {
         count_.stop();
         total_ = looked_;
         to_.ended();
       },
       [this](const object_key& key, const storage::walk_entry& entry,
              const std::string& where) {
         if (!to_.in_place || !entry.single || !to_.in_place(key, where))
           return false;
         looked_at_one();
         return true;
       }});
  }

  /// Lists names only, which takes less than looking at objects: so that people
  /// know how long it will take.
  void count(std::deque<bucket_ptr> all) {
    count_.begin(what_ + std::to_string(purpose_) + "-count-", std::move(all),
                 {[this](const object_key&, const std::function<void()>& next) {
                    ++counted_;
                    next();
                  },
                  [this](const bucket&, const error&) {
                    count_.stop(); // then it is not known
                  },
                  [this] {
                    total_ = counted_;
                    to_.progress();
                  }},
                 names_only());
  }

  static storage::walk_options names_only() {
    storage::walk_options out;
    out.with_attrs = false;
    return out;
  }

  void give_way() {
    auto& env = place_.env;
    auto asked = watch_.clients_ask(env) || env.steady_ns() < others_until_ns_;
    auto most = std::clamp<uint64_t>(
      bytes_at_once / std::max<uint64_t>(typical_bytes_, 1), large_at_once,
      std::max(at_once_, large_at_once));
    walk_.set_at_once(asked ? beside_clients
                            : std::min<size_t>(most, at_once_));
  }

  void visit(const object_key& key, const std::function<void()>& looked_at) {
    give_way();
    to_.visit(
      key, [this, number = number_, b = key.bucket, looked_at](const error& e) {
        if (e && there(*b))
          note(e);
        if (number == number_)
          looked_at_one();
        looked_at();
      });
  }

  void looked_at_one() {
    if (++looked_ % looks_per_step == 0)
      to_.progress();
  }

  bool there(const bucket& x) const {
    auto now = place_.buckets->read()->find(x.ref.bck);
    return now && (*now)->ref.bid == x.ref.bid;
  }

  Self* self_;
  place place_;
  std::string what_;
  size_t at_once_;
  std::function<void()> retry_;
  object_walk<Self> walk_;
  object_walk<Self> count_;
  hooks to_;
  uint64_t looked_ = 0;
  uint64_t total_ = 0;
  uint64_t counted_ = 0; ///< so far
  uint64_t number_ = 0;  ///< tells late answers of earlier walks
  uint64_t purpose_ = 0;
  uint64_t typical_bytes_ = bytes_at_once / large_at_once;
  client_watch watch_;
  int64_t others_until_ns_ = 0; ///< clients of others ask, as far as we know
  std::string why_not_;
  rare_warnings warnings_;
};

} // namespace ais
