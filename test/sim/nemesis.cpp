#include "test/sim/nemesis.hpp"

#include "actors/cluster/membership.hpp"
#include "test/sim/courier.hpp"

namespace ais::sim {

using namespace std::chrono_literals;

void nemesis::begin() {
  active_ = true;
  w_.net.min_delay = std::chrono::microseconds{w_.pick(20, 500)};
  w_.net.max_delay = std::chrono::milliseconds{w_.pick(1, 20)};
  vote_odds_ = w_.chance(0.5) ? 0.5 : 0;
  state_odds_ = w_.chance(0.5) ? 0.02 : 0;
  forget_ = w_.chance(0.5);
  flip_odds_ = w_.chance(0.4) ? 0.3 : 0.02;
  join_odds_ = flip_odds_ > 0.1 ? 0.5 : 0;
  change_odds_ = w_.chance(0.3) ? 0.05 : 0;
  stream_odds_ = w_.chance(0.3) ? 0.05 : 0;
  aimed_left_ = w_.pick(0, 16);
  w_.on_send = [this](node_t from, node_t to, const caf::message& x) {
    watch(from, to, x);
  };
}

void nemesis::relent() {
  active_ = false;
  w_.on_send = nullptr;
  w_.heal();
  w_.net = {};
  for (node_t id = 0; id < c_.size(); ++id) {
    c_.disk(id).fault = nullptr;
    if (w_.paused(id))
      w_.pause(id, false);
    if (!w_.up(id))
      c_.start(id);
  }
}

node_t nemesis::any_node() {
  return static_cast<node_t>(w_.pick(0, static_cast<int64_t>(c_.size()) - 1));
}

/// Until a process is back: some at once, as under a supervisor.
nanos nemesis::soon() {
  return w_.chance(0.4) ? w_.pick_ms(1, 300) : w_.pick_ms(200, 12'000);
}

void nemesis::strike() {
  auto id = any_node(), other = any_node();
  auto later = w_.pick_ms(200, 12'000);
  switch (w_.pick(0, 18)) {
    case 0:
      return crash(id, false, soon());
    case 1:
      return crash(id, true, soon());
    case 2:
      if (auto p = c_.primary())
        crash(*p, w_.chance(0.5), soon());
      return;
    case 3:
      crash(id, w_.chance(0.5), soon());
      return crash(other, w_.chance(0.5), soon());
    case 4:
      return pause(id, later);
    case 5:
      return cut(id, other, true, later);
    case 6:
      return cut(id, other, false, later);
    case 7:
      return isolate({id}, later);
    case 8: {
      std::set<node_t> side;
      for (node_t n = 0; n < c_.size(); ++n)
        if (w_.chance(0.5))
          side.insert(n);
      return isolate(side, later);
    }
    case 9:
      if (auto p = c_.primary())
        isolate({*p}, later);
      return;
    case 10:
      ++counts["loss"];
      w_.net.drop = 0.001 * static_cast<double>(w_.pick(1, 100));
      return w_.at(later, [this] { w_.net.drop = 0; });
    case 11:
      ++counts["duplication"];
      w_.net.duplicate = 0.01 * static_cast<double>(w_.pick(1, 50));
      return w_.at(later, [this] { w_.net.duplicate = 0; });
    case 12:
      ++counts["reordering and delay"];
      w_.net.reorder = true;
      w_.net.max_delay = std::chrono::milliseconds{w_.pick(10, 800)};
      return w_.at(later, [this] {
        w_.net.reorder = false;
        w_.net.max_delay = 5ms;
      });
    case 13:
      return sicken(id, later);
    case 14: // looks like death, and is not: others run while it goes on
    case 17:
      if (auto p = c_.primary())
        sever(*p);
      return;
    case 15:
      return sever(id);
    case 18:
      ++counts["bits of streams flipped"];
      w_.net.corrupt = 0.1 * static_cast<double>(w_.pick(1, 5));
      return w_.at(later, [this] { w_.net.corrupt = 0; });
    case 16: // what a retransmission through a bad network looks like
      ++counts["duplication, reordering"];
      w_.net.duplicate = 0.5;
      w_.net.reorder = true;
      w_.net.max_delay = std::chrono::milliseconds{w_.pick(100, 1500)};
      return w_.at(later, [this] {
        w_.net.duplicate = 0;
        w_.net.reorder = false;
        w_.net.max_delay = 5ms;
      });
  }
}

// -- at chosen moments --------------------------------------------------------

void nemesis::watch(node_t from, node_t to, const caf::message& x) {
  if (!active_ || aimed_left_ <= 0)
    return;
  auto odds = 0.0;
  auto what = moment::other;
  if (x.match_elements<vote_request>())
    asked_[{to, from}] = !x.get_as<vote_request>(0).probe;
  if (x.match_elements<vote>()) {
    what = moment::vote;
    odds = x.get_as<vote>(0).granted && asked_[{from, to}] ? vote_odds_ : 0;
  } else if (x.match_elements<join_request>()) {
    what = moment::join;
    odds = join_odds_;
  } else if (x.match_elements<state_update>() || x.match_elements<sync_answer>()
             || x.match_elements<commit_notice>())
    odds = state_odds_;
  else if (x.match_elements<segment>())
    odds = stream_odds_;
  else if (x.match_elements<create_bucket>()
           || x.match_elements<destroy_bucket>()
           || x.match_elements<set_config>() || x.match_elements<carry_out>())
    odds = change_odds_;
  if (odds <= 0 || !w_.chance(odds))
    return;
  --aimed_left_;
  // Around the arrival: before, or when the receiver has acted on it.
  auto hops = what == moment::join ? 4 : 2;
  auto when = nanos{w_.pick(0, hops * w_.net.max_delay.count())};
  w_.at(when, [this, from, to, what] {
    if (active_)
      strike_at(from, to, what);
  });
}

void nemesis::strike_at(node_t from, node_t to, moment what) {
  auto later = w_.pick_ms(200, 8'000);
  ++counts[what == moment::vote   ? "at a vote"
           : what == moment::join ? "at a join"
                                  : "at a message"];
  if (what == moment::join) // the members change, perhaps only here
    return isolate({to}, w_.pick_ms(2'000, 9'000));
  auto typical = what == moment::vote && w_.chance(0.7);
  if (typical && !forget_) // the old primary goes on
    return isolate({to}, w_.pick_ms(50, 2'000));
  switch (typical ? 4 : w_.pick(0, 5)) {
    case 0:
      return crash(from, w_.chance(0.5), soon());
    case 1:
      return crash(to, w_.chance(0.5), soon());
    case 2:
      return isolate({from}, later);
    case 3:
      return isolate({to}, later);
    case 4: // forgets what it just said, to one who cannot use it at once
      crash(from, w_.chance(0.5), w_.pick_ms(1, 300));
      return isolate({to}, later);
    case 5:
      crash(to, w_.chance(0.5), w_.pick_ms(1, 300));
      return isolate({from}, later);
  }
}

// -- faults -------------------------------------------------------------------

void nemesis::crash(node_t id, bool power, nanos later) {
  if (!w_.up(id))
    return;
  ++counts[power ? "power loss" : "kill"];
  if (on_kill)
    on_kill(id);
  c_.kill(id, power);
  // The first node remains electable: somebody must.
  if (id > 0 && w_.chance(flip_odds_)) {
    ++counts["electable or not"];
    c_.set_electable(id, !c_.options(id).electable);
  }
  if (w_.chance(0.15))
    damage(id);
  w_.at(later, [this, id] {
    if (active_ && !w_.up(id))
      c_.start(id);
  });
}

void nemesis::pause(node_t id, nanos later) {
  if (!w_.up(id) || w_.paused(id))
    return;
  ++counts["pause"];
  w_.pause(id, true);
  w_.at(later, [this, id] { w_.pause(id, false); });
}

void nemesis::cut(node_t a, node_t b, bool both, nanos later) {
  if (a == b)
    return;
  ++counts[both ? "cut" : "one-way cut"];
  w_.trace("cut " + std::to_string(a) + (both ? " <> " : " > ")
           + std::to_string(b));
  w_.cut(a, b);
  if (both)
    w_.cut(b, a);
  w_.at(later, [this] { w_.heal(); });
}

void nemesis::sever(node_t id) {
  ++counts["connections broken"];
  for (node_t n = 0; n < c_.size(); ++n)
    if (n != id && w_.chance(0.7))
      w_.sever(id, n);
}

void nemesis::isolate(const std::set<node_t>& side, nanos later) {
  ++counts["partition"];
  std::string who;
  for (node_t a : side) {
    who += ' ' + std::to_string(a);
    for (node_t b = 0; b < c_.size(); ++b)
      if (!side.count(b))
        w_.cut_both(a, b);
  }
  w_.trace("isolate" + who);
  w_.at(later, [this] { w_.heal(); });
}

void nemesis::sicken(node_t id, nanos later) {
  auto full = w_.chance(0.5);
  ++counts[full ? "full disk" : "disk errors"];
  w_.trace("sick disk " + std::to_string(id));
  auto rate = w_.chance(0.3) ? 1.0 : 0.05;
  // The whole machine, or one disk of it.
  std::string where;
  if (c_.options(id).mountpaths > 1 && w_.chance(0.5)) {
    auto last = static_cast<int64_t>(c_.options(id).mountpaths);
    where = "/root/mp" + std::to_string(w_.pick(1, last)) + '/';
    ++counts["one disk"];
  }
  c_.disk(id).fault
    = [this, full, rate, where](
        storage::disk_op op, const std::string& path) -> std::optional<errc> {
    if (path.compare(0, where.size(), where) != 0)
      return std::nullopt;
    auto writes = op == storage::disk_op::write
                  || op == storage::disk_op::create
                  || op == storage::disk_op::mkdir;
    if ((full && !writes) || !w_.chance(rate))
      return std::nullopt;
    return full ? errc::no_space : errc::io_error;
  };
  w_.at(later, [this, id] { c_.disk(id).fault = nullptr; });
}

/// Flips a bit of something at rest: one copy of the metadata, always the same
/// one of a node (the other must save it), or an object's content.
void nemesis::damage(node_t id) {
  auto& disk = c_.disk(id);
  auto& weak = weak_copy_[id];
  if (weak == 0)
    weak = static_cast<size_t>(w_.pick(1, 2));
  std::vector<std::string> dirs{"/root/node/conf"};
  dirs.push_back(c_.options(id).target ? "/root/mp1" : "/root/node/conf.copy");
  std::vector<std::string> files;
  if (w_.chance(0.5)) {
    for (auto kind : {"state", "epoch", "node", "mountpaths"})
      files.push_back(dirs[weak - 1] + "/.ais." + kind);
  } else {
    for (size_t i = 0; i < c_.options(id).mountpaths; ++i) {
      for (auto part : {"/%ob", "/%cp"}) {
        auto dir = "/root/mp" + std::to_string(i + 1) + "/@ais/data" + part;
        if (auto found = disk.list(dir))
          for (auto& x : *found)
            files.push_back(dir + '/' + x.name);
      }
    }
  }
  if (files.empty())
    return;
  auto& file = files[w_.random() % files.size()];
  auto st = disk.stat(file);
  if (!st || st->stamp.size_bytes == 0)
    return;
  auto offset = w_.random() % st->stamp.size_bytes;
  ++counts["bit flip"];
  w_.trace("bit flip " + std::to_string(id) + ' ' + file);
  static_cast<void>(
    disk.flip_bit(file, offset, static_cast<unsigned>(w_.pick(0, 7))));
}

} // namespace ais::sim
