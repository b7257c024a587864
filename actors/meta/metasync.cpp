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
                                        caf::reacts_to<atom::flush, uint64_t>,
                                        caf::reacts_to<atom::sweep, uint64_t>>;

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
  uint64_t consent = 0;
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

  /// Who becomes primary in our place.
  struct {
    std::string to; ///< empty: nobody
    bool asked = false;
    uint64_t number = 0; ///< counts them
    caf::typed_response_promise<ack> answer;
  } handing;

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
    if (!handing.to.empty() && map.primary == handing.to)
      handed({});
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
    } else if ((trusting || (leading && ready)) && !consented(req))
      out.reason
        = "the primary of epoch " + std::to_string(promised) + " lives";
    else if (!candidate || !electable(*candidate))
      out.reason = "it is not electable";
    else
      out.granted = true;
    if (!out.granted || req.probe)
      return out;
    auto answer = self->make_response_promise<vote>();
    save_promise(req.epoch, [this, answer, out,
                             epoch = req.epoch](const error& e) mutable {
      if (e) {
        answer.deliver(e);
        return;
      }
      // At once: whoever asks a primary that is none any more, and has promised
      // nothing, runs himself.
      resign("another proxy runs for primary");
      promised = out.promised = epoch;
      trusting = false;
      show();
      answer.deliver(out);
    });
    return answer;
  }

  /// Whether the primary that we follow, or are, wants this one in its place.
  bool consented(const vote_request& req) const {
    return req.consent == promised && promised > 0
           && (!leading || req.candidate == handing.to);
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
    next->secret = u.secret;
    next->access_keys = u.access_keys;
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
    poll(req.candidate, std::max(promised, heard_of) + 1, true, req.consent);
    return elected;
  }

  /// The primary wants one of us in its place.
  caf::result<ack> replace(const take_over& req) {
    if (foreign(req.cluster))
      return stranger(req.cluster);
    auto& ids = config.seats;
    if (req.epoch != promised
        || std::find(ids.begin(), ids.end(), req.candidate) == ids.end())
      return fail(errc::conflict, "epoch " + std::to_string(promised)
                                    + " is promised, try again");
    return run({req.candidate, req.epoch});
  }

  void lose(const std::string& why) {
    if (voting)
      voting->over = true;
    voting = nullptr;
    if (elected.pending())
      elected.deliver(fail(errc::conflict, why));
  }

  /// Asks everybody for a vote, first only whether they would give it.
  void poll(const std::string& candidate, uint64_t epoch, bool probe,
            uint64_t consent) {
    auto now = std::make_shared<ballot>();
    now->candidate = candidate;
    now->epoch = epoch;
    now->base = promised;
    now->probe = probe;
    now->consent = consent;
    now->yes = own();
    voting = now;
    vote_request req{uuid(), candidate, epoch, at(), probe, consent};
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
    save_promise(b.epoch, [this, candidate = b.candidate, epoch = b.epoch,
                           consent = b.consent](const error& e) {
      if (e)
        return lose(message_of(e));
      promised = epoch;
      trusting = false;
      show(); // our beats must not vouch for the primary any more
      poll(candidate, epoch, false, consent);
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
    if (next.secret.empty())
      next.secret = make_secret(config.env);
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
    hand();
    while (ready && !proposing && !showing && handing.to.empty()
           && !waiting.empty()) {
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
    u.secret = accepted->secret;
    u.access_keys = accepted->access_keys;
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
              // The tick tries again; nobody waits for it meanwhile.
              if (leading && promised == epoch)
                members[id].asked = members[id].heard = false;
              if (e == errc::integrity)
                log_error(id + ": " + message_of(e));
            });
  }

  void answered(const std::string& id, uint64_t epoch, const sync_answer& x) {
    if (!leading || promised != epoch)
      return;
    if (outdone(x.promised))
      return;
    auto& m = members[id];
    auto before = m;
    m = {false, true, x.has, x.shown};
    if (x.has == at())
      have.insert(x.seats.begin(), x.seats.end());
    check();
    hand();
    // Not in a loop when the answer brought nothing new: the tick goes on then.
    if (!before.heard || before.has != x.has || before.shown != x.shown)
      pump(id, *config.peers->read());
  }

  /// Ends our epoch if another one has been promised.
  bool outdone(uint64_t epoch) {
    heard_of = std::max(heard_of, epoch);
    if (epoch <= promised || AIS_MUTANT("higher-promise-ignored"))
      return false;
    step_down("epoch " + std::to_string(epoch) + " is promised elsewhere");
    return true;
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

  /// Whether every member that answers shows the state.
  bool all_show() const {
    auto peers = config.peers->read();
    return std::all_of(members.begin(), members.end(), [&](auto& x) {
      return !x.second.heard || x.second.shown == at()
             || !peers->gates.count(x.first) || !accepted->map->find(x.first);
    });
  }

  void finish() {
    showing = false;
    if (proposer.pending())
      proposer.deliver(accepted);
    proposer = {};
    next_proposal();
  }

  /// Asks everybody whether they still obey us. Whoever does has promised no
  /// other primary anything, so nothing is committed that we do not know of.
  caf::result<ack> assure() {
    if (!leading || !ready)
      return not_primary();
    struct round {
      std::set<std::string> yes;
      size_t left = 1;
      bool over = false;
    };
    auto now = std::make_shared<round>();
    now->yes = own();
    auto answer = self->make_response_promise<ack>();
    auto count = [this, now, answer, epoch = promised]() mutable {
      --now->left;
      if (now->over)
        return;
      auto well = leading && promised == epoch && decided(now->yes);
      now->over = well || now->left == 0;
      if (well)
        answer.deliver(ack{});
      else if (now->over)
        answer.deliver(not_primary());
    };
    auto peers = config.peers->read();
    for (auto& id : everyone()) {
      auto gate = peers->gates.find(id);
      if (now->yes.count(id) || gate == peers->gates.end())
        continue;
      ++now->left;
      self
        ->request(gate->second, sync_timeout,
                  commit_notice{uuid(), promised, shown->at})
        .then(
          [now, count, epoch = promised](const sync_answer& x) mutable {
            if (x.promised == epoch)
              now->yes.insert(x.seats.begin(), x.seats.end());
            count();
          },
          [count](error&) mutable { count(); });
    }
    count();
    return answer;
  }

  // -- handing over: nothing is proposed meanwhile, so that the other can have
  // -- all there is, and wins

  caf::result<ack> begin_hand_over(const hand_over& req) {
    if (!leading || !ready)
      return not_primary();
    if (!handing.to.empty())
      return fail(errc::conflict, handing.to + " is becoming primary");
    handing.to = req.to;
    handing.asked = false;
    handing.answer = self->make_response_promise<ack>();
    self->delayed_send(self, hand_over_timeout, atom::sweep_v,
                       ++handing.number);
    auto answer = handing.answer;
    hand();
    return answer;
  }

  /// Asks the other as soon as it has what we have.
  void hand() {
    if (handing.to.empty() || handing.asked || !leading || proposing || showing)
      return;
    auto& m = members[handing.to];
    auto peers = config.peers->read();
    auto gate = peers->gates.find(handing.to);
    if (!m.heard || m.has != at() || gate == peers->gates.end())
      return; // later, by the tick
    handing.asked = true;
    self
      ->request(gate->second, hand_over_timeout,
                take_over{uuid(), promised, handing.to})
      .then([](ack) {}, // shown when its first state comes
            [this, number = handing.number](error& e) {
              if (number == handing.number)
                handed(e);
            });
  }

  void handed(const error& e) {
    handing.to.clear();
    auto answer = std::exchange(handing.answer, {});
    if (!answer.pending())
      return;
    if (e)
      answer.deliver(fail(errc::conflict,
                          "the other proxy was not elected: " + message_of(e)));
    else
      answer.deliver(ack{});
    next_proposal();
  }

  /// A member that shows something else than we remember has started anew.
  void compare(const member_shows& x) {
    auto i = members.find(x.id);
    if (!leading || i == members.end() || outdone(x.promised)
        || i->second.shown == x.shown)
      return;
    i->second.heard = false;
    pump(x.id, *config.peers->read());
  }

  void step_down(const std::string& why) {
    if (resign(why))
      show();
  }

  /// @returns whether we were primary, and others are to hear of it.
  bool resign(const std::string& why) {
    lose(why);
    if (!leading)
      return false;
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
    return true;
  }

  /// Tries again what went unanswered, as long as `epoch` is ours.
  void tick(uint64_t epoch) {
    if (!leading || epoch != promised || AIS_MUTANT("sync-not-retried"))
      return;
    pump_all();
    hand();
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
    [&st](const confirm&) { return st.assure(); },
    [&st](const hand_over& x) { return st.begin_hand_over(x); },
    [&st](const take_over& x) { return st.replace(x); },
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
    [&st](atom::sweep, uint64_t number) {
      if (number == st.handing.number && !st.handing.to.empty())
        st.handed(fail(errc::timed_out, "it did not answer in time"));
    },
  };
}

} // namespace

metasync_actor
spawn_metasync(caf::actor_system& sys, const metasync_config& config) {
  return spawn_plain(sys, config.env, metasync, config);
}

} // namespace ais
