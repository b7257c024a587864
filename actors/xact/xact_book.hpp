// The jobs that an actor runs by itself, one after the other: what XACTIONS
// shows of them.
#pragma once

#include "actors/base/environment.hpp"
#include "actors/xact/xaction.hpp"

#include <memory>

namespace ais {

class xact_book {
public:
  /// @param shown  may be null
  xact_book(std::string kind, size_t max_kept, environment env,
            std::shared_ptr<xact_board> shown)
    : kind_(std::move(kind)), max_kept_(max_kept), env_(std::move(env)),
      shown_(std::move(shown)) {}

  bool running() const { return !kept_.empty() && kept_.back().end_ns == 0; }

  /// Of the one that runs, or ran last; empty: there was none.
  std::string last_id() const { return kept_.empty() ? "" : kept_.back().id; }

  /// One that runs is aborted: this one does its work.
  void begin(const std::string& id) {
    end(true);
    if (kept_.size() == max_kept_)
      kept_.erase(kept_.begin());
    xact_snap snap;
    snap.id = id;
    snap.kind = kind_;
    snap.start_ns = env_.wall_ns();
    kept_.push_back(std::move(snap));
    show();
  }

  /// Nothing where none runs.
  void end(bool aborted) {
    if (!running())
      return;
    kept_.back().end_ns = env_.wall_ns();
    kept_.back().aborted = aborted;
    show();
  }

  /// How far the one is that runs; all as in xact_snap.
  /// @param error  why it goes on; may be empty
  void update(uint64_t objects, uint64_t bytes, uint64_t looked, uint64_t total,
              const std::string& error) {
    if (!running())
      return;
    kept_.back().objects = objects;
    kept_.back().bytes = bytes;
    kept_.back().looked = looked;
    kept_.back().total = total;
    kept_.back().error = error;
    show();
  }

  /// The one that runs has got an object of this size from another node.
  void received(uint64_t size_bytes) {
    if (!running())
      return;
    ++kept_.back().objects_in;
    kept_.back().bytes_in += size_bytes;
    show();
  }

private:
  void show() {
    if (shown_)
      shown_->show(std::make_shared<const std::vector<xact_snap>>(kept_));
  }

  std::string kind_;
  size_t max_kept_;
  environment env_;
  std::shared_ptr<xact_board> shown_;
  std::vector<xact_snap> kept_; ///< oldest first; the last one may run
};

} // namespace ais
