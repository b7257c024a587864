#include "test/sim/world.hpp"

#include "storage/base/assert.hpp"

#include <caf/actor_cast.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/make_actor.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/send.hpp>
#include <caf/to_string.hpp>

#include <algorithm>

namespace ais::sim {

constexpr node_t nobody = SIZE_MAX;

/// An actor of another node, as `viewer` has it.
class world::proxy : public caf::monitorable_actor {
public:
  proxy(caf::actor_config& cfg, world* w, node_t v, node_t o, uint32_t v_inc,
        uint32_t o_inc, caf::strong_actor_ptr t)
    : caf::monitorable_actor(cfg), where(w), viewer(v), owner(o),
      viewer_incarnation(v_inc), owner_incarnation(o_inc),
      target(std::move(t)) {}

  const char* name() const override { return "sim-proxy"; }
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override {
    where->transmit(*this, std::move(what));
  }

  world* where;
  node_t viewer, owner;
  uint32_t viewer_incarnation, owner_incarnation;
  caf::strong_actor_ptr target;
};

world::world(uint64_t seed)
  : sched(dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler())),
    rng_(seed) {
  // Away from the clock's zero, which CAF's timers take for "none".
  sched.clock().current_time += std::chrono::hours{1};
  start_ = sched.clock().now();
}

world::~world() {
  closing_ = true;
  events_.clear();
  paused_.clear();
  for (auto& [id, p] : processes_)
    for (auto& a : p.actors)
      if (auto strong = caf::actor_cast<caf::strong_actor_ptr>(a))
        caf::anon_send_exit(strong, caf::exit_reason::kill);
  // Actors that await an answer look at nothing else until its time is out.
  auto alive = [&] {
    for (auto& [id, p] : processes_)
      for (auto& a : p.actors)
        if (auto strong = caf::actor_cast<caf::strong_actor_ptr>(a))
          if (!strong->get()->getf(caf::abstract_actor::is_terminated_flag))
            return true;
    return false;
  };
  drain();
  for (int i = 0; i < 120 && alive(); ++i) {
    sched.clock().advance_time(std::chrono::seconds{1});
    drain();
  }
  for (auto& [key, p] : proxies_) {
    auto* raw = static_cast<proxy*>(caf::actor_cast<caf::abstract_actor*>(p));
    raw->cleanup(caf::exit_reason::user_shutdown, nullptr);
    raw->target = nullptr;
  }
  drain();
  proxies_.clear();
  doors_.clear();
  sched.clock().cancel_all();
}

// -- time ---------------------------------------------------------------------

nanos world::now() const {
  return sched.clock().now() - start_;
}

void world::at(nanos delay, std::function<void()> f) {
  events_.emplace(now() + delay, std::move(f));
}

void world::run_for(nanos d) {
  run_until(d, [] { return false; });
}

bool world::run_until(nanos d, const std::function<bool()>& done) {
  auto end = now() + d;
  for (;;) {
    drain();
    if (done())
      return true;
    auto next = end;
    if (auto& timers = sched.clock().schedule(); !timers.empty())
      next = std::min(next, std::max(timers.begin()->first - start_, now()));
    if (!events_.empty())
      next = std::min(next, std::max(events_.begin()->first, now()));
    sched.clock().advance_time(std::max(next - now(), nanos{0}));
    while (!events_.empty() && events_.begin()->first <= now()) {
      auto f = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      f();
    }
    if (now() >= end) {
      drain();
      return done();
    }
  }
}

/// Runs what is ready, one message at a time, in an order that the seed picks.
void world::drain() {
  auto& jobs = sched.jobs;
  for (;;) {
    size_t ready = jobs.size();
    if (!paused_.empty()) {
      // Those of paused nodes stay behind.
      auto middle
        = std::stable_partition(jobs.begin(), jobs.end(), [&](auto* x) {
            return paused_.count(node_of(x)) == 0;
          });
      ready = static_cast<size_t>(middle - jobs.begin());
    }
    if (ready == 0)
      return;
    if (auto k = ready > 1 ? rng_() % ready : 0)
      std::swap(jobs[0], jobs[k]);
    sched.run_once();
  }
}

node_t world::node_of(const caf::resumable* job) const {
  auto* actor = dynamic_cast<const caf::scheduled_actor*>(job);
  auto i = actor ? owners_.find(actor->id()) : owners_.end();
  return i == owners_.end() ? nobody : i->second;
}

// -- chance -------------------------------------------------------------------

bool world::chance(double p) {
  return static_cast<double>(rng_() >> 11) * 0x1p-53 < p;
}

int64_t world::pick(int64_t lo, int64_t hi) {
  // Not a std distribution: those differ between libraries.
  return lo + static_cast<int64_t>(rng_() % static_cast<uint64_t>(hi - lo + 1));
}

nanos world::pick_ms(int64_t lo, int64_t hi) {
  return std::chrono::milliseconds{pick(lo, hi)};
}

// -- processes ----------------------------------------------------------------

void world::boot(node_t id) {
  auto& p = processes_[id];
  AIS_ASSERT(!p.up);
  p.up = true;
  ++p.incarnation;
  p.actors.clear();
  trace("boot " + std::to_string(id));
}

bool world::up(node_t id) const {
  auto i = processes_.find(id);
  return i != processes_.end() && i->second.up;
}

void world::kill(node_t id) {
  auto& p = processes_[id];
  if (!p.up)
    return;
  trace("kill " + std::to_string(id));
  p.up = false;
  paused_.erase(id);
  held_.erase(id);
  std::erase_if(doors_, [&](auto& x) { return x.second.node == id; });
  for (auto& a : p.actors)
    if (auto strong = caf::actor_cast<caf::strong_actor_ptr>(a))
      caf::anon_send_exit(strong, caf::exit_reason::kill);
  // The connections break: monitors of its actors fire.
  for (auto& [key, x] : proxies_)
    disconnect(x, [&](auto& dead) { return dead.owner == id; });
}

void world::sever(node_t a, node_t b) {
  trace("sever " + std::to_string(a) + ' ' + std::to_string(b));
  for (auto& [key, x] : proxies_)
    disconnect(x, [&](auto& p) {
      return (p.owner == a && p.viewer == b) || (p.owner == b && p.viewer == a);
    });
}

/// Ends `x` soon, if it is of a current process and `fits`.
template <class F>
void world::disconnect(const caf::strong_actor_ptr& x, F fits) {
  auto* raw = static_cast<proxy*>(caf::actor_cast<caf::abstract_actor*>(x));
  if (raw->owner_incarnation != processes_[raw->owner].incarnation
      || !fits(*raw))
    return;
  at(pick_ms(0, 3), [x, raw] {
    raw->cleanup(caf::exit_reason::remote_link_unreachable, nullptr);
  });
}

void world::pause(node_t id, bool stop) {
  if (!up(id))
    return;
  trace((stop ? "pause " : "resume ") + std::to_string(id));
  if (stop) {
    paused_.insert(id);
    return;
  }
  paused_.erase(id);
  for (auto& f : std::exchange(held_[id], {}))
    f();
}

void world::own(node_t id, const caf::strong_actor_ptr& x) {
  processes_[id].actors.push_back(caf::actor_cast<caf::weak_actor_ptr>(x));
  owners_[x->id()] = id;
}

void world::publish(node_t id, const net_info& at,
                    const caf::strong_actor_ptr& x) {
  doors_[at.url()] = {id, x};
}

caf::strong_actor_ptr world::connect(node_t viewer, const net_info& at) {
  auto i = doors_.find(at.url());
  if (i == doors_.end() || blocked(viewer, i->second.node)
      || blocked(i->second.node, viewer) || paused(i->second.node))
    return nullptr;
  if (i->second.node == viewer)
    return i->second.actor;
  return proxy_of(viewer, i->second.node, i->second.actor);
}

caf::strong_actor_ptr world::proxy_of(node_t viewer, node_t owner,
                                      const caf::strong_actor_ptr& target) {
  auto& v = processes_[viewer];
  auto& x = proxies_[{viewer, v.incarnation, target->id()}];
  if (x && !x->get()->getf(caf::abstract_actor::is_terminated_flag))
    return x;
  caf::actor_config actor_cfg;
  x = caf::make_actor<proxy, caf::strong_actor_ptr>(
    sys.next_actor_id(), sys.node(), &sys, actor_cfg, this, viewer, owner,
    v.incarnation, processes_[owner].incarnation, target);
  return x;
}

// -- network ------------------------------------------------------------------

void world::heal() {
  cuts_.clear();
  trace("heal");
}

void world::transmit(proxy& via, caf::mailbox_element_ptr what) {
  auto& from = processes_[via.viewer];
  if (closing_ || !from.up || from.incarnation != via.viewer_incarnation)
    return; // the last words of a dead process
  auto message = what->move_content_to_message();
  ++sent;
  trace(std::to_string(via.viewer) + " > " + std::to_string(via.owner) + ' '
        + caf::to_string(message));
  if (on_send)
    on_send(via.viewer, via.owner, message);
  std::vector<char> content;
  caf::binary_serializer sink{sys, content};
  if (auto e = sink(message)) {
    trace("not serialisable");
    AIS_ASSERT(!"a message between nodes must be serialisable");
  }
  // Who answers must find the asker through the network, too.
  caf::strong_actor_ptr sender;
  if (what->sender)
    sender = proxy_of(via.owner, via.viewer, what->sender);
  deliver_later(via, content, sender, what->mid);
  if (chance(net.duplicate))
    deliver_later(via, content, sender, what->mid);
}

void world::deliver_later(proxy& via, const std::vector<char>& content,
                          const caf::strong_actor_ptr& sender,
                          caf::message_id mid) {
  auto from = via.viewer, to = via.owner;
  if (chance(net.drop)) {
    ++dropped;
    return;
  }
  auto when = now() + nanos{pick(net.min_delay.count(), net.max_delay.count())};
  if (!net.reorder) {
    auto& last = last_[{from, to}];
    when = last = std::max(last, when);
  }
  auto arrive = [this, from, to, f_inc = via.viewer_incarnation,
                 t_inc = via.owner_incarnation, content, sender, mid,
                 target = via.target] {
    auto &f = processes_[from], &t = processes_[to];
    if (!t.up || t.incarnation != t_inc || f.incarnation != f_inc
        || blocked(from, to)) {
      ++dropped;
      return;
    }
    caf::message message;
    caf::binary_deserializer source{sys, content};
    if (auto e = source(message))
      AIS_ASSERT(!"a message between nodes must be readable");
    target->enqueue(
      caf::make_mailbox_element(sender, mid, {}, std::move(message)), nullptr);
  };
  events_.emplace(when, [this, to, arrive] {
    if (paused(to))
      held_[to].push_back(arrive);
    else
      arrive();
  });
}

// -- trace --------------------------------------------------------------------

void world::trace(const std::string& line) {
  auto full = std::to_string(now().count()) + ' ' + line;
  for (unsigned char c : full)
    trace_hash = (trace_hash ^ c) * 0x100000001b3;
  if (on_trace)
    on_trace(full);
}

} // namespace ais::sim
