// A walk over all objects of a target, for jobs that look at each: bucket by
// bucket, page by page, a number of them at once.
#pragma once

#include "actors/base/ask.hpp"
#include "actors/target/target.hpp"

#include <deque>
#include <functional>

namespace ais {

/// Belongs to an actor; it is not one. After stop() nothing of it is heard any
/// more.
template <class Self>
class object_walk {
public:
  static constexpr std::chrono::seconds page_timeout{120};
  static constexpr uint64_t names_per_page = max_page_size;

  struct hooks {
    /// Looks at an object; calls `done`, once, now or later.
    std::function<void(const object_key&, const std::function<void()>& done)>
      visit;
    /// A part of a bucket cannot be listed; the walk goes on with the next.
    std::function<void(const bucket&, const error&)> failed;
    std::function<void()> ended;
    /// Whether an object needs no visit, by what the listing says; `place` is
    /// where it was found.
    std::function<bool(const object_key&, const storage::walk_entry&,
                       const std::string& place)>
      skip = nullptr;
  };

  object_walk(Self* self, target_actor target, size_t at_once)
    : self_(self), target_(std::move(target)), at_once_(at_once) {}

  bool running() const { return running_; }

  /// From now on so many at once, at least 1.
  void set_at_once(size_t x) { at_once_ = x; }

  /// Begins a new walk; one that runs is stopped. @param name  of its listings
  /// @param options  which objects, and whether unreadable ones are left out
  void begin(const std::string& name, std::deque<bucket_ptr> buckets, hooks to,
             storage::walk_options options = {}) {
    stop();
    options_ = std::move(options);
    options_.no_dirs = true;
    running_ = true;
    buckets_ = std::move(buckets);
    to_ = std::make_shared<hooks>(std::move(to));
    uuid_ = name + std::to_string(number_);
    pump();
  }

  void stop() {
    ++number_;
    running_ = listing_ = last_page_ = false;
    page_.clear();
    token_.clear();
    under_way_ = 0;
  }

private:
  void pump() {
    if (std::exchange(pumping_, true))
      return;
    auto number = number_;
    while (number == number_ && running_ && step()) {
    }
    pumping_ = false;
    if (running_ && number != number_)
      pump(); // another walk has begun meanwhile
  }

  /// @returns whether there may be more to do right now.
  bool step() {
    if (buckets_.empty()) {
      if (under_way_ > 0)
        return false;
      running_ = false;
      auto to = to_; // it may begin another walk
      to->ended();
      return false;
    }
    if (!page_.empty()) {
      if (under_way_ >= at_once_)
        return false;
      auto entry = std::move(page_.front());
      page_.pop_front();
      object_key key{buckets_.front(), entry.name};
      auto to = to_;
      if (to->skip && to->skip(key, entry, place_of(entry)))
        return true;
      ++under_way_;
      to->visit(key, [this, number = number_] {
        if (number != number_)
          return;
        --under_way_;
        pump();
      });
      return true;
    }
    if (listing_)
      return false;
    if (last_page_) {
      buckets_.pop_front();
      last_page_ = false;
      token_.clear();
      return true;
    }
    next_page();
    return false;
  }

  const std::string& place_of(const storage::walk_entry& x) const {
    static const std::string none;
    auto i = static_cast<size_t>(x.mountpath);
    return i < places_.size() ? places_[i] : none;
  }

  void next_page() {
    listing_ = true;
    auto& b = buckets_.front()->ref;
    list_part req;
    req.bucket = b.bck;
    req.bid = b.bid;
    req.options = options_;
    req.uuid = uuid_;
    req.token = token_;
    req.page_size = names_per_page;
    ask<listed_part>(
      self_, target_, page_timeout, std::move(req),
      [this, number = number_](listed_part& x) {
        if (number != number_)
          return;
        listing_ = false;
        places_ = std::move(x.places);
        for (auto& entry : x.entries)
          page_.push_back(std::move(entry));
        last_page_ = !x.more || page_.empty();
        if (!page_.empty())
          token_ = page_.back().name;
        pump();
      },
      [this, number = number_](const error& e) {
        if (number != number_)
          return;
        listing_ = false;
        last_page_ = true;
        to_->failed(*buckets_.front(), e);
        pump();
      });
  }

  Self* self_;
  target_actor target_;
  size_t at_once_;
  std::shared_ptr<hooks> to_;
  uint64_t number_ = 0; ///< tells late answers of earlier walks
  std::string uuid_;
  storage::walk_options options_;
  std::deque<bucket_ptr> buckets_;
  std::deque<storage::walk_entry> page_; ///< to look at
  std::vector<std::string> places_;      ///< where those are
  std::string token_;                    ///< the last name of it
  bool running_ = false;
  bool pumping_ = false;
  bool last_page_ = false;
  bool listing_ = false;
  size_t under_way_ = 0;
};

} // namespace ais
