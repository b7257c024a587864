#include "actors/meta/metasync.hpp"

#include "actors/cluster/gate.hpp"
#include "storage/base/log.hpp"
#include "storage/base/mutant.hpp"

#include <caf/stateful_actor.hpp>

#include <algorithm>
#include <deque>

namespace ais {

namespace {

using extended = metasync_actor::extend<caf::reacts_to<atom::tick, uint64_t>,
                                        caf::reacts_to<atom::flush, uint64_t>>;

/// What the primary knows of another member.
struct progress {
  bool asked = false; ///< a request is under way
  bool heard = false; ///< `has` is its own word, of this epoch
  stamp has;
  stamp shown;
};

struct waiting_proposal {
  propose what;
  caf::typed_response_promise<cluster_state_ptr> answer;
};

/// A request for votes under way.
struct ballot {
  std::string candidate;
  uint64_t epoch = 0;
  uint64_t base = 0; ///< what we had promised when it began
  bool probe = true;
  size_t left = 0; ///< answers to come
  bool over = false;
  std::set<std::string> yes;
};

struct metasync_state {
  static inline const char* name = "metasync";

  extended::pointer self = nullptr;
  metasync_config config;
  uint64_t promised = 0;
  uint64_t heard_of = 0;      ///< the highest epoch anybody was seen to promise
  cluster_state_ptr accepted; ///< newest on our disk
  cluster_state_ptr shown;    ///< newest known to be committed
  bool trusting = false;      ///< a primary of `promised` lives

  // Candidate.
  std::shared_ptr<ballot> voting;
  caf::typed_response_promise<ack> elected; ///< of the campaign under way

  // Primary.
  bool leading = false;
  bool ready = false; ///< the first state of our epoch is committed
  std::map<std::string, progress> members;
  std::set<std::string> have; ///< ids that have `accepted`
  cluster_state_ptr base;     ///< what `accepted` follows
  std::deque<waiting_proposal> waiting;
  caf::typed_response_promise<cluster_state_ptr> proposer; ///< of `accepted`
  bool proposing = false; ///< `accepted` is not committed yet
  bool showing = false;   ///< committed; the proposer waits for the others

  // -- helpers

  const std::string& uuid() const { return accepted->uuid(); }
  stamp at() const { return accepted->at; }

  error stranger(const std::string& cluster) const {
    return fail(errc::integrity, "cluster integrity error cie#50: cluster "
                                   + cluster + " is not ours, " + uuid());
  }
  bool foreign(const std::string& cluster) const {
    return !uuid().empty() && cluster != uuid();
  }

  sync_answer standing() const {
    return {promised, at(), shown->at, config.seats};
  }

  std::set<std::string> own() const {
    return {config.seats.begin(), config.seats.end()};
  }

  void show() {
    auto& map = *shown->map;
    auto member
      = std::any_of(config.seats.begin(), config.seats.end(),
                    [&](auto& id) { return map.find(id) != nullptr; });
    config.show({shown, accepted, promised, leading && ready, member});
  }

  /// Puts a state on disk, then calls `f(error)`. Nothing else is handled
  /// meanwhile.
  template <class F>
  void save(const cluster_state_ptr& x, F f) {
    if (AIS_MUTANT("state-unsaved"))
      return f(error{});
    auto version = x->at.epoch << 32 | x->at.number;
    self
      ->request(config.vault, vault_timeout,
                save_meta{"state", version, to_json(*x)})
      .await([f](ack) mutable { f(error{}); }, [f](error& e) mutable { f(e); });
  }

  /// The same for a promise.
  template <class F>
  void save_promise(uint64_t epoch, F f) {
    if (AIS_MUTANT("promise-unsaved"))
      return f(error{});
    self
      ->request(config.vault, vault_timeout,
                save_meta{"epoch", epoch, std::to_string(epoch)})
      .await([f](ack) mutable { f(error{}); }, [f](error& e) mutable { f(e); });
  }

  // -- voter

  caf::result<vote> cast(const vote_request& req) {
    if (foreign(req.cluster))
      return stranger(req.cluster);
    vote out;
    out.promised = promised;
    out.seats = config.seats;
    auto* candidate = accepted->map->find(req.candidate);
    if (req.epoch < promised
        || (req.epoch == promised && !AIS_MUTANT("vote-twice")))
      out.reason = "epoch " + std::to_string(promised) + " is promised";
    else if (req.has < at() && !AIS_MUTANT("vote-for-older")) {
      out.reason = "its state " + to_string(req.has) + " is older than ours, "
                   + to_string(at());
      out.newer = to_json(*accepted);
    } else if (trusting || (leading && ready))
      out.reason
        = "the primary of epoch " + std::to_string(promised) + " lives";
    else if (!candidate || !electable(*candidate))
      out.reason = "it is not electable";
    else
      out.granted = true;
    if (!out.granted || req.probe)
      return out;
    auto answer = self->make_response_promise<vote>();
    step_down("another proxy runs for primary");
    save_promise(req.epoch, [this, answer, out,
                             epoch = req.epoch](const error& e) mutable {
      if (e) {
        answer.deliver(e);
        return;
      }
      promised = out.promised = epoch;
      trusting = false;
      show();
      answer.deliver(out);
    });
    return answer;
  }

  // -- follower

  caf::result<sync_answer> update(const state_update& u) {
    if (foreign(u.cluster))
      return stranger(u.cluster);
    if ((u.epoch < promised && !AIS_MUTANT("old-epoch-obeyed"))
        || u.at.epoch != u.epoch)
      return standing();
    if (leading && u.epoch == promised)
      return fail(errc::integrity, "cluster integrity error cie#90: two"
                                   " primaries of epoch "
                                     + std::to_string(u.epoch));
    if (u.at <= at()) {
      learn(u.committed);
      return standing();
    }
    auto full = u.base == stamp{};
    if (!full && u.base != at())
      return standing(); // it will send the whole
    auto next = assemble(u, full);
    if (!next)
      return next.error();
    auto answer = self->make_response_promise<sync_answer>();
    // A ballot of ours, too, ends: its votes are for what we had until now.
    step_down("another primary is there");
    save(*next, [this, answer, next = *next, u](const error& e) mutable {
      if (e) {
        answer.deliver(e);
        return;
      }
      // What we had is what the primary built upon: committed, if it says so.
      learn(u.committed);
      accepted = next;
      promised = u.epoch;
      trusting = true;
      show();
      learn(AIS_MUTANT("shown-when-accepted") ? u.at : u.committed);
      answer.deliver(standing());
    });
    return answer;
  }

  expected<cluster_state_ptr> assemble(const state_update& u, bool full) {
    auto next
      = std::make_shared<cluster_state>(full ? cluster_state{} : *accepted);
    next->at = u.at;
    next->before = u.before;
    if (!u.map.empty()) {
      auto x = parse_smap(u.map);
      if (!x)
        return x.error();
      next->map = *x;
    }
    if (!u.buckets.empty()) {
      auto x = parse_bmd(u.buckets);
      if (!x)
        return x.error();
      next->buckets = *x;
    }
    if (!u.config.empty()) {
      auto x = parse_cluster_config(u.config);
      if (!x)
        return x.error();
      next->config = *x;
    }
    if (next->uuid() != u.cluster)
      return stranger(next->uuid());
    return cluster_state_ptr{next};
  }

  caf::result<sync_answer> notice(const commit_notice& x) {
    if (foreign(x.cluster))
      return stranger(x.cluster);
    if (x.epoch == promised && !leading)
      learn(x.committed);
    return standing();
  }

  /// A primary says that `committed` is; if that is what we have, show it.
  void learn(const stamp& committed) {
    if ((committed != at() && !AIS_MUTANT("shown-when-any-is"))
        || shown->at == at())
      return;
    shown = accepted;
    show();
  }

  // -- candidate

  caf::result<ack> run(const campaign& req) {
    if (leading || voting)
      return fail(errc::conflict, "already running");
    elected = self->make_response_promise<ack>();
    poll(req.candidate, std::max(promised, heard_of) + 1, true);
    return elected;
  }

  void lose(const std::string& why) {
    if (voting)
      voting->over = true;
    voting = nullptr;
    if (elected.pending())
      elected.deliver(fail(errc::conflict, why));
  }

  /// Asks everybody for a vote, first only whether they would give it.
  void poll(const std::string& candidate, uint64_t epoch, bool probe) {
    auto now = std::make_shared<ballot>();
    now->candidate = candidate;
    now->epoch = epoch;
    now->base = promised;
    now->probe = probe;
    now->yes = own();
    voting = now;
    vote_request req{uuid(), candidate, epoch, at(), probe};
    auto peers = config.peers->read();
    for (auto& id : everyone()) {
      auto gate = peers->gates.find(id);
      if (now->yes.count(id) || gate == peers->gates.end())
        continue;
      ++now->left;
      self->request(gate->second, sync_timeout, req)
        .then([this, now](vote& v) { counted(now, v); },
              [this, now](error&) { counted(now, vote{}); });
    }
    ++now->left;
    counted(now, vote{}); // our own are in already
  }

  void counted(const std::shared_ptr<ballot>& b, const vote& v) {
    --b->left;
    heard_of = std::max(heard_of, v.promised);
    if (b->over || voting != b)
      return;
    if (!v.newer.empty())
      return catch_up(v.newer);
    if (v.granted)
      b->yes.insert(v.seats.begin(), v.seats.end());
    if (v.promised > b->epoch)
      return lose("epoch " + std::to_string(v.promised) + " is promised");
    if (promised != b->base)
      return lose("another vote was given meanwhile");
    if (decided(b->yes)) {
      b->over = true;
      if (b->probe)
        return stand(*b);
      return lead(b->candidate);
    }
    if (b->left == 0)
      lose("no majority of votes");
  }

  /// Takes over a voter's state, to run again with it. It counts for no primary
  /// that it should not: whoever asks us is told what we promised, too.
  void catch_up(const std::string& text) {
    lose("its state is older than a voter's");
    auto next = parse_cluster_state(text);
    if (!next || (*next)->uuid() != uuid() || (*next)->at <= at())
      return;
    save(*next, [this, next = *next](const error& e) {
      if (e)
        return;
      accepted = next;
      promised = std::max(promised, at().epoch);
      show();
    });
  }

  /// The electorates of what we have; of one that is committed, its own alone.
  bool decided(const std::set<std::string>& ids) const {
    if (shown->at == at())
      return electorate_of(*accepted->map).decided_by(ids);
    return accepted->decided_by(ids);
  }

  /// Everybody would vote for us: promise the epoch to ourselves, then ask.
  void stand(const ballot& b) {
    save_promise(b.epoch, [this, candidate = b.candidate,
                           epoch = b.epoch](const error& e) {
      if (e)
        return lose(message_of(e));
      promised = epoch;
      trusting = false;
      poll(candidate, epoch, false);
    });
  }

  // -- primary

  void lead(const std::string& candidate) {
    voting = nullptr;
    leading = true;
    ready = false;
    members.clear();
    log_info("epoch " + std::to_string(promised) + ": " + candidate
             + " is elected");
    auto next = successor(*accepted, promised, shown->at == at());
    auto map = std::make_shared<smap>(*accepted->map);
    map->primary = candidate;
    ++map->version;
    next.map = map;
    put(std::move(next));
    self->delayed_send(self, sync_retry, atom::tick_v, promised);
  }

  caf::result<cluster_state_ptr> enqueue(const propose& req) {
    if (!leading)
      return not_primary();
    if (waiting.size() >= max_proposals)
      return fail(errc::too_many_requests,
                  "too many changes of the cluster at once; try again");
    auto answer = self->make_response_promise<cluster_state_ptr>();
    waiting.push_back({req, answer});
    next_proposal();
    return answer;
  }

  error not_primary() const {
    return fail(errc::not_ready,
                "this proxy is not the primary any more; try again");
  }

  void next_proposal() {
    while (ready && !proposing && !showing && !waiting.empty()) {
      auto now = std::move(waiting.front());
      waiting.pop_front();
      auto next = successor(*accepted, promised, true);
      if (auto ok = now.what.change(next); !ok) {
        now.answer.deliver(ok.error());
        continue;
      }
      proposer = now.answer;
      put(std::move(next));
    }
  }

  /// Accepts our own proposal, then offers it to all.
  void put(cluster_state&& x) {
    auto next = std::make_shared<const cluster_state>(std::move(x));
    base = accepted;
    proposing = true;
    save(next, [this, next](const error& e) {
      if (e) {
        log_error("cannot save the cluster state: " + message_of(e));
        return step_down(message_of(e));
      }
      accepted = next;
      have = own();
      pump_all();
      check();
    });
  }

  /// Every member of the state and of the one before.
  std::set<std::string> everyone() const {
    std::set<std::string> out;
    for (auto* x : {&accepted, &base}) {
      if (!*x)
        continue;
      for (auto* nodes : {&(*x)->map->proxies, &(*x)->map->targets})
        for (auto& [id, node] : *nodes)
          out.insert(id);
    }
    return out;
  }

  void pump_all() {
    if (!leading)
      return;
    auto peers = config.peers->read();
    for (auto& id : everyone())
      pump(id, *peers);
  }

  /// Sends a member what it lacks.
  void pump(const std::string& id, const peer_set& peers) {
    auto gate = peers.gates.find(id);
    auto& m = members[id];
    if (m.asked || gate == peers.gates.end() || own().count(id))
      return;
    if (m.heard && m.has == at()) {
      if (m.shown == shown->at || shown->at != at())
        return;
      ask(id, gate->second, commit_notice{uuid(), promised, shown->at});
      return;
    }
    ask(id, gate->second, update_for(m));
  }

  state_update update_for(const progress& m) const {
    state_update u;
    u.cluster = uuid();
    u.epoch = promised;
    u.at = at();
    u.committed = shown->at;
    u.before = accepted->before;
    auto delta = m.heard && base
                 && (m.has == base->at || AIS_MUTANT("delta-on-wrong-base"));
    if (delta)
      u.base = m.has;
    if (!delta || accepted->map != base->map)
      u.map = to_text(to_json(*accepted->map));
    if (!delta || accepted->buckets != base->buckets)
      u.buckets = to_text(to_json(*accepted->buckets));
    if (!delta || accepted->config != base->config)
      u.config = to_text(to_json(*accepted->config));
    return u;
  }

  template <class Message>
  void ask(const std::string& id, const gate_actor& gate, Message&& what) {
    members[id].asked = true;
    self->request(gate, sync_timeout, std::forward<Message>(what))
      .then([this, id,
             epoch = promised](sync_answer& x) { answered(id, epoch, x); },
            [this, id, epoch = promised](error& e) {
              if (leading && promised == epoch)
                members[id].asked = false; // the tick tries again
              if (e == errc::integrity)
                log_error(id + ": " + message_of(e));
            });
  }

  void answered(const std::string& id, uint64_t epoch, const sync_answer& x) {
    if (!leading || promised != epoch)
      return;
    heard_of = std::max(heard_of, x.promised);
    if (x.promised > promised && !AIS_MUTANT("higher-promise-ignored"))
      return step_down("epoch " + std::to_string(x.promised)
                       + " is promised elsewhere");
    auto& m = members[id];
    auto before = m;
    m = {false, true, x.has, x.shown};
    if (x.has == at())
      have.insert(x.seats.begin(), x.seats.end());
    check();
    // Not in a loop when the answer brought nothing new: the tick goes on then.
    if (!before.heard || before.has != x.has || before.shown != x.shown)
      pump(id, *config.peers->read());
  }

  /// Commits what enough have accepted, and ends the wait for the others.
  void check() {
    if (!leading)
      return;
    if (proposing
        && (accepted->decided_by(have) || AIS_MUTANT("commit-early"))) {
      proposing = false;
      showing = true;
      shown = accepted;
      auto first = !ready;
      ready = true;
      show();
      if (first && elected.pending())
        elected.deliver(ack{});
      self->delayed_send(self, show_wait, atom::flush_v, at().number);
      pump_all();
    }
    if (showing && all_show())
      finish();
  }

  /// Whether everybody who has the state shows it.
  bool all_show() const {
    return std::all_of(members.begin(), members.end(), [&](auto& x) {
      return !x.second.heard || x.second.has != at() || x.second.shown == at();
    });
  }

  void finish() {
    showing = false;
    if (proposer.pending())
      proposer.deliver(accepted);
    proposer = {};
    next_proposal();
  }

  /// A member that shows something else than we remember has started anew.
  void compare(const member_shows& x) {
    auto i = members.find(x.id);
    if (!leading || i == members.end() || i->second.shown == x.shown)
      return;
    i->second.heard = false;
    pump(x.id, *config.peers->read());
  }

  void step_down(const std::string& why) {
    lose(why);
    if (!leading)
      return;
    log_warning("epoch " + std::to_string(promised)
                + ": no longer primary: " + why);
    leading = ready = proposing = showing = false;
    if (proposer.pending())
      proposer.deliver(not_primary());
    proposer = {};
    for (auto& x : waiting)
      x.answer.deliver(not_primary());
    waiting.clear();
    members.clear();
    have.clear();
    show();
  }

  /// Tries again what went unanswered, as long as `epoch` is ours.
  void tick(uint64_t epoch) {
    if (!leading || epoch != promised || AIS_MUTANT("sync-not-retried"))
      return;
    pump_all();
    self->delayed_send(self, sync_retry, atom::tick_v, promised);
  }
};

extended::behavior_type
metasync(extended::stateful_pointer<metasync_state> self,
         metasync_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  st.accepted = st.config.accepted;
  st.promised = std::max(st.config.promised, st.accepted->at.epoch);
  st.shown = std::make_shared<const cluster_state>();
  return {
    [&st](const vote_request& x) { return st.cast(x); },
    [&st](const state_update& x) { return st.update(x); },
    [&st](const commit_notice& x) { return st.notice(x); },
    [&st](const propose& x) { return st.enqueue(x); },
    [&st](const campaign& x) { return st.run(x); },
    [&st](const primary_heard& x) {
      st.trusting = x.epoch == st.promised && !x.lost;
    },
    [&st](const member_shows& x) { st.compare(x); },
    [&st](atom::start) { st.show(); },
    [&st](atom::stop) { st.step_down("it lost its majority"); },
    [&st](atom::tick, uint64_t epoch) { st.tick(epoch); },
    [&st](atom::flush, uint64_t number) {
      if (st.showing && st.at().number == number)
        st.finish();
    },
  };
}

} // namespace

metasync_actor
spawn_metasync(caf::actor_system& sys, const metasync_config& config) {
  return spawn_plain(sys, config.env, metasync, config);
}

} // namespace ais
