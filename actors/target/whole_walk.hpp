// A walk that is to look at every object of a target, for one purpose (a
// placement, a version of the volume): what keeps it from being complete is
// noted, and the actor tries again after a while.
#pragma once

#include "actors/base/gather.hpp"
#include "actors/target/object_walk.hpp"
#include "storage/base/log.hpp"

namespace ais {

/// Belongs to an actor; it is not one.
template <class Self>
class whole_walk {
public:
  static constexpr std::chrono::seconds tick_timeout{60};

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
  };

  /// @param what   the job, for the log
  /// @param retry  sends the actor what makes it begin again, after a while
  whole_walk(Self* self, place where, std::string what, size_t at_once,
             std::function<void()> retry)
    : self_(self), place_(std::move(where)), what_(std::move(what)),
      retry_(std::move(retry)), walk_(self, place_.target, at_once) {}

  /// What the walk is for that runs or has ended; 0: none.
  uint64_t purpose() const { return purpose_; }
  bool running() const { return walk_.running(); }
  /// Why it is not complete: the first reason; empty: it is.
  const std::string& why_not() const { return why_not_; }

  /// One that runs is stopped.
  void begin(uint64_t purpose, hooks to) {
    stop();
    purpose_ = purpose;
    to_ = std::move(to);
    why_not_.clear();
    std::vector<shard_actor> shards;
    auto view = place_.view->read();
    for (auto* all : {&view->mountpaths, &view->leaving})
      for (auto& mp : *all)
        shards.insert(shards.end(), mp->shards.begin(), mp->shards.end());
    // What they accepted under an earlier view is on disk before we look there.
    gather(self_, shards, tick_timeout, atom::tick_v, ticked{this, number_});
  }

  void stop() {
    ++number_;
    purpose_ = 0;
    walk_.stop();
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
  struct ticked {
    whole_walk* it;
    uint64_t number;
    void deliver(ack) {
      if (number == it->number_)
        it->go();
    }
    void deliver(const error& e) {
      if (number != it->number_)
        return;
      it->note(e);
      it->to_.ended();
    }
  };

  void go() {
    std::deque<bucket_ptr> all;
    for (auto& [which, b] : place_.buckets->read()->buckets)
      all.push_back(b);
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
         to_.ended();
       }});
  }

  void visit(const object_key& key, const std::function<void()>& looked_at) {
    to_.visit(key, [this, b = key.bucket, looked_at](const error& e) {
      if (e && there(*b))
        note(e);
      looked_at();
    });
  }

  bool there(const bucket& x) const {
    auto now = place_.buckets->read()->find(x.ref.bck);
    return now && (*now)->ref.bid == x.ref.bid;
  }

  Self* self_;
  place place_;
  std::string what_;
  std::function<void()> retry_;
  object_walk<Self> walk_;
  hooks to_;
  uint64_t number_ = 0; ///< tells late answers of earlier walks
  uint64_t purpose_ = 0;
  std::string why_not_;
  rare_warnings warnings_;
};

} // namespace ais
