#include "actors/mover/mover.hpp"

#include "actors/base/ask.hpp"
#include "actors/base/client_watch.hpp"
#include "storage/base/crash.hpp"
#include "storage/base/home.hpp"
#include "storage/base/log.hpp"
#include "storage/base/metrics.hpp"
#include "storage/base/mutant.hpp"

#include <deque>

namespace ais {

namespace {

using namespace std::chrono_literals;

/// A shard may sit behind a group of durable writes on a slow disk.
constexpr auto shard_timeout = 60s;
constexpr auto offer_patience = 15s; ///< for room

uint64_t home_of(const object_key& x) {
  return home_digest(x.bucket->ref.bck, x.name);
}

std::string cname_of(const object_key& x) {
  return ais::cname_of(x.bucket->ref.bck, x.name);
}

/// A copy under way.
struct copying {
  copy_object what;
  located from;
  lease_ptr source;
  caf::typed_response_promise<lom_ptr> answer;
};
using copying_ptr = std::shared_ptr<copying>;

/// A stream that comes in.
struct arrival {
  stream_offer offer;
  object_key key;
  shard_actor shard;
  int64_t until_ns = 0; ///< then it is forgotten
  bool filled = false;

  write_options options() const {
    write_options out;
    out.custom = offer.attrs.custom;
    out.when = offer.when;
    out.anywhere = offer.anywhere;
    out.durable = true;
    if (offer.how == stream_write::move)
      out.moved = offer.attrs;
    return out;
  }
};

struct sending {
  send_object what;
  caf::typed_response_promise<sent_object> answer;
};

/// An offer for which there is no room yet.
struct waiting_offer {
  storage::bytes raw;
  caf::typed_response_promise<admitted_stream> answer;
  int64_t until_ns = 0; ///< then it is refused
};

/// Moves have places that copies do not take: a copy may have to wait, where it
/// goes, for a move (settle), which must not wait for copies.
constexpr size_t places(stream_write how, size_t all) {
  return how == stream_write::move ? all : all / 2;
}

struct mover_state {
  static inline const char* name = "mover";

  mover_actor::pointer self = nullptr;
  mover_config config;
  settler_actor settler;  ///< null: nothing ever moves
  arrivals_actor counter; ///< of what moves here; null: nobody
  size_t copies = 0;      ///< running
  std::deque<copying_ptr> copies_waiting;
  size_t streams = 0; ///< going out
  std::deque<sending> moves_sent;
  std::deque<sending> copies_sent;         ///< the others
  std::map<uint64_t, arrival> arrivals;    ///< by ticket
  std::deque<waiting_offer> moves_offered; ///< they wait for room
  std::deque<waiting_offer> copies_offered;
  uint64_t last_ticket = 0;
  rare_warnings warnings;
  client_watch watch;

  // -- helpers

  expected<void> leased() const {
    return config.gate_fence->check(config.env.steady_ns());
  }

  expected<located> locate(const object_key& key) const {
    return config.target->read()->locate(key);
  }

  /// The id of the target that owns it; empty: the cluster has none.
  std::string owner_id(const object_key& key) const {
    auto view = config.sync->read();
    auto* owner = owner_of(*view->state->map, home_of(key));
    return owner ? owner->id : std::string{};
  }

  bool mine(const object_key& key) const {
    return owner_id(key) == config.node_id;
  }

  /// Goes on when all there is of an object of ours is here.
  void settle(const object_key& key, std::function<void()> then,
              std::function<void(const error&)> no) {
    auto map = config.sync->read()->state->map;
    if (!settler || !may_be_elsewhere(*map, *config.target->read(), key))
      return then();
    ask<ack>(
      self, settler, copy_timeout, settle_object{key}, [then](ack) { then(); },
      no);
  }

  // -- copy and rename

  caf::result<lom_ptr> copy(const copy_object& req) {
    if (copies_waiting.size() >= max_copies_waiting)
      return fail(errc::too_many_requests,
                  "too many objects are being copied; try again");
    auto job = std::make_shared<copying>();
    job->what = req;
    job->answer = self->make_response_promise<lom_ptr>();
    auto answer = job->answer;
    copies_waiting.push_back(std::move(job));
    next_copy();
    return answer;
  }

  void next_copy() {
    while (copies < max_copies_at_once && !copies_waiting.empty()) {
      auto job = std::move(copies_waiting.front());
      copies_waiting.pop_front();
      ++copies;
      open_source(job);
    }
  }

  void end(const copying_ptr& job, const expected<lom_ptr>& x) {
    --copies;
    if (x)
      job->answer.deliver(*x);
    else
      job->answer.deliver(x.error());
    next_copy();
  }

  /// Ends a job with an error.
  auto failing(const copying_ptr& job) {
    return [this, job](const error& e) {
      end(job, e);
    };
  }

  void open_source(const copying_ptr& job) {
    if (auto ok = leased(); !ok)
      return end(job, ok.error());
    auto from = locate(job->what.from);
    if (!from)
      return end(job, from.error());
    job->from = std::move(*from);
    auto open = [this, job] {
      if (job->what.source)
        return opened(job, job->what.source);
      ask<lease_ptr>(
        self, job->from.shard, shard_timeout,
        open_object{job->what.from, false},
        [this, job](const lease_ptr& x) { opened(job, x); }, failing(job));
    };
    settle(job->what.from, open, failing(job));
  }

  void opened(const copying_ptr& job, const lease_ptr& x) {
    job->source = x;
    if (job->what.rename && AIS_MUTANT("source-goes-first"))
      remove_source(job, nullptr);
    else
      choose_way(job);
  }

  void choose_way(const copying_ptr& job) {
    if (mine(job->what.to))
      return copy_here(job);
    auto owner = owner_id(job->what.to);
    if (owner.empty())
      return end(job, fail(errc::not_ready, "the cluster has no target"));
    send_object req{
      owner,          job->source, job->what.to,    stream_write::copy,
      condition(job), false,       job->what.custom};
    ask<sent_object>(
      self, caf::actor_cast<mover_actor>(self), copy_timeout, std::move(req),
      [this, job](sent_object& x) {
        copied(job, std::make_shared<const storage::lom>(std::move(x.attrs)));
      },
      [this, job](const error& e) {
        if (e == errc::bad_checksum)
          suspect(job, e);
        else
          not_copied(job, e);
      });
  }

  static write_if condition(const copying_ptr& job) {
    return job->what.unless_there && !AIS_MUTANT("renamed-over")
             ? write_if::absent
             : write_if::always;
  }

  void not_copied(const copying_ptr& job, const error& e) {
    if (e != errc::exists || condition(job) != write_if::absent)
      return end(job, e);
    auto& attrs = job->source->object->attrs;
    copied(job, std::make_shared<const storage::lom>(attrs));
  }

  /// What arrived was not what the attributes say: perhaps it is not what is on
  /// our disk, either.
  void suspect(const copying_ptr& job, const error& why) {
    ask<lom_ptr>(
      self, job->from.shard, copy_timeout, head_object{job->what.from, true},
      [this, job, why](lom_ptr&) { end(job, why); }, failing(job));
  }

  void copy_here(const copying_ptr& job) {
    auto to = locate(job->what.to);
    if (!to)
      return end(job, to.error());
    auto& attrs = job->source->object->attrs;
    write_options options;
    options.custom = job->what.custom.value_or(attrs.custom);
    options.durable = job->what.rename;
    options.when = condition(job);
    auto no = [this, job](const error& e) {
      not_copied(job, e);
    };
    auto begin = [this, job, to = *to, options, no, size = attrs.size_bytes] {
      ask<put_begun>(
        self, to.shard, shard_timeout, begin_put{to.key, options, size},
        [this, job, to, options](put_begun& x) {
          fill_here(job, to, options, x.writer);
        },
        no);
    };
    settle(to->key, begin, failing(job));
  }

  void
  fill_here(const copying_ptr& job, const located& to,
            const write_options& options, const storage::writer_ptr& writer) {
    auto& io = to.mpath->io_of(*job->source->object);
    ask<ack>(
      self, io, copy_timeout, copy_content{job->source, writer},
      [this, job, to, options, writer](ack) {
        ask<lom_ptr>(
          self, to.shard, shard_timeout, commit_put{to.key, options, writer},
          [this, job](lom_ptr& x) { copied(job, x); },
          [this, job](const error& e) { not_copied(job, e); });
      },
      [this, job](const error& e) {
        if (e == errc::corrupted)
          self->send(job->from.shard,
                     verdict{job->what.from, job->source, false});
        end(job, e);
      });
  }

  /// The destination is durable.
  void copied(const copying_ptr& job, const lom_ptr& x) {
    AIS_CRASH_POINT("stream.copied");
    if (job->what.rename && !AIS_MUTANT("source-goes-first"))
      return remove_source(job, x);
    finish(job, x);
  }

  void remove_source(const copying_ptr& job, const lom_ptr& x) {
    ask<ack>(
      self, job->from.shard, shard_timeout,
      delete_object{job->what.from, job->source},
      [this, job, x](ack) {
        AIS_CRASH_POINT("stream.source_gone");
        if (!x) // only with the mutant
          return choose_way(job);
        finish(job, x);
      },
      [this, job](const error& e) {
        // Not "not found": the copy is there.
        if (e == errc::object_not_found)
          end(job,
              fail(errc::conflict, cname_of(job->what.from)
                                     + " was removed meanwhile; its copy "
                                     + cname_of(job->what.to) + " is there"));
        else
          end(job, e);
      });
  }

  /// Without a lease nobody may say what is the case.
  void finish(const copying_ptr& job, const lom_ptr& x) {
    if (auto ok = leased(); !ok)
      return end(job, ok.error());
    end(job, x);
  }

  // -- sending

  caf::result<sent_object> send(const send_object& req) {
    auto& waiting = req.how == stream_write::move ? moves_sent : copies_sent;
    if (waiting.size() >= max_copies_waiting)
      return fail(errc::too_many_requests,
                  "too many objects are being sent; try again");
    auto answer = self->make_response_promise<sent_object>();
    waiting.push_back({req, answer});
    next_stream();
    return answer;
  }

  void next_stream() {
    for (auto* waiting : {&moves_sent, &copies_sent}) {
      while (!waiting->empty()
             && streams < places(waiting->front().what.how, max_streams_out)) {
        auto job = std::move(waiting->front());
        waiting->pop_front();
        ++streams;
        start(std::move(job));
      }
    }
  }

  void end(sending& job, const error& e) {
    --streams;
    job.answer.deliver(e);
    next_stream();
  }

  /// Says what is sent, and to whom.
  expected<carry> prepare(const send_object& req) const {
    // Moves go from targets in maintenance, too: it is the receiver who owns.
    if (auto ok = leased(); !ok && req.how != stream_write::move)
      return ok.error();
    auto view = config.sync->read();
    auto* to = view->state->map->find(req.to);
    if (!to || to->role != node_role::target)
      return fail(errc::node_not_found, "there is no target " + req.to);
    if (!config.courier)
      return fail(errc::not_ready, "this node talks to no others");
    if ((to->flags & snode_silent) != 0)
      return fail(errc::not_ready, name_of(*to) + " does not answer");
    stream_offer offer;
    offer.cluster = view->state->uuid();
    offer.epoch = view->promised;
    offer.from = config.node_id;
    offer.to = req.to;
    offer.id = config.env.random();
    offer.bucket = req.as.bucket->ref.bck;
    offer.bid = req.as.bucket->ref.bid;
    offer.name = req.as.name;
    offer.how = req.how;
    offer.when = req.when;
    offer.anywhere = req.anywhere;
    offer.attrs = req.what->object->attrs;
    if (req.custom)
      offer.attrs.custom = *req.custom;
    auto raw = encode_offer(offer, view->state->secret);
    if (!raw)
      return raw.error();
    return carry{to->data, std::move(*raw), req.what->object,
                 req.how == stream_write::move ? req.what : nullptr};
  }

  void start(sending job) {
    auto what = prepare(job.what);
    if (!what)
      return end(job, what.error());
    AIS_CRASH_POINT("stream.offer");
    auto size = what->content->attrs.size_bytes;
    // The receiver may wait for its shard twice.
    auto timeout = stream_time(size) + shard_timeout * 2 + 10s;
    ask<carried>(
      self, config.courier, timeout, std::move(*what),
      [this, job, size](const carried& x) mutable { took(job, x, size); },
      [this, job](const error& e) mutable { end(job, e); });
  }

  void took(sending& job, const carried& x, uint64_t size) {
    auto receipt = decode_receipt(x.receipt);
    if (!receipt)
      return end(job, receipt.error());
    if (receipt->code != errc::none)
      return end(job, fail(receipt->code, receipt->text));
    AIS_CRASH_POINT("stream.received");
    if (receipt->stored) {
      count(stat::stream_out_n);
      count(stat::stream_out_size, size);
    }
    --streams;
    job.answer.deliver(
      sent_object{receipt->stored, std::move(receipt->attrs), receipt->busy});
    next_stream();
  }

  // -- receiving

  void warn(const std::string& what) {
    warnings.warn(config.env.steady_ns(), what);
  }

  static admitted_stream refusal(const error& e) {
    admitted_stream out;
    out.receipt = encode_receipt(e);
    return out;
  }

  void
  refuse(caf::typed_response_promise<admitted_stream>& answer, const error& e) {
    count(stat::err_stream_in_n);
    warn("refused a stream: " + message_of(e));
    answer.deliver(refusal(e));
  }

  caf::result<admitted_stream> offered(const offered_stream& x) {
    auto answer = self->make_response_promise<admitted_stream>();
    forget_late();
    auto until = config.env.steady_ns()
                 + std::chrono::nanoseconds{offer_patience}.count();
    enter({x.offer, answer, until});
    return answer;
  }

  void enter(waiting_offer x) {
    auto in = admit(x.raw);
    if (!in)
      return refuse(x.answer, in.error());
    if (arrivals.size() < places(in->offer.how, max_streams_in))
      return arrive(std::move(*in), x.answer);
    auto& waiting
      = in->offer.how == stream_write::move ? moves_offered : copies_offered;
    if (waiting.size() >= max_offers_waiting)
      return refuse(x.answer, fail(errc::too_many_requests,
                                   "too many streams at once; try again"));
    waiting.push_back(std::move(x));
  }

  /// The stream has ended, some way: others may come in.
  void leave(uint64_t ticket) {
    arrivals.erase(ticket);
    auto take = [&](std::deque<waiting_offer>& waiting, size_t room) {
      while (!waiting.empty() && arrivals.size() < room) {
        auto next = std::move(waiting.front());
        waiting.pop_front();
        if (config.env.steady_ns() < next.until_ns)
          enter(std::move(next));
        else
          refuse(next.answer, fail(errc::too_many_requests,
                                   "too many streams before it; try again"));
      }
    };
    take(moves_offered, places(stream_write::move, max_streams_in));
    take(copies_offered, places(stream_write::copy, max_streams_in));
  }

  void arrive(arrival x, caf::typed_response_promise<admitted_stream> answer) {
    auto ticket = ++last_ticket;
    auto& kept = arrivals[ticket] = std::move(x);
    if (kept.offer.how == stream_write::move || kept.offer.anywhere)
      return begin(ticket, answer);
    // A new version here: of which object, others may know.
    settle(
      kept.key, [this, ticket, answer] { begin(ticket, answer); },
      [this, ticket, answer](const error& e) mutable {
        answer.deliver(refusal(e));
        leave(ticket);
      });
  }

  void
  begin(uint64_t ticket, caf::typed_response_promise<admitted_stream> answer) {
    auto found = arrivals.find(ticket);
    if (found == arrivals.end()) {
      answer.deliver(
        refusal(fail(errc::timed_out, "the stream waited too long")));
      return;
    }
    auto& kept = found->second;
    auto size = kept.offer.attrs.size_bytes;
    ask<put_begun>(
      self, kept.shard, shard_timeout,
      begin_put{kept.key, kept.options(), size},
      [this, answer, ticket, size](put_begun& begun) mutable {
        auto i = arrivals.find(ticket);
        if (i == arrivals.end()) {
          answer.deliver(
            refusal(fail(errc::timed_out, "the stream waited too long")));
          return;
        }
        if (!AIS_MUTANT("stream-unchecked"))
          begun.writer->expect(i->second.offer.attrs.cksum);
        if (size >= storage::large_content_bytes)
          begun.writer->pass_cache();
        AIS_CRASH_POINT("stream.admitted");
        answer.deliver(admitted_stream{ticket, size, begun.writer, {}});
      },
      [this, answer, ticket](const error& e) mutable {
        admitted_stream out;
        out.receipt = receipt_of(e);
        answer.deliver(std::move(out));
        leave(ticket);
      });
  }

  /// What is there already is no failure.
  static storage::bytes receipt_of(const error& e) {
    if (e == errc::exists)
      return encode_receipt(stream_receipt{});
    return encode_receipt(e);
  }

  /// Everything a stream must show before a byte of it is taken.
  expected<arrival> admit(const storage::bytes& raw) {
    auto view = config.sync->read();
    auto& state = *view->state;
    if (state.uuid().empty() || state.secret.empty())
      return fail(errc::not_ready, "this node is in no cluster yet");
    auto offer = decode_offer(raw, state.secret);
    if (!offer)
      return offer.error();
    auto& x = *offer;
    if (x.cluster != state.uuid())
      return fail(errc::integrity, "cluster integrity error cie#50: cluster "
                                     + x.cluster + " is not ours, "
                                     + state.uuid());
    if (x.to != config.node_id)
      return fail(errc::node_not_found,
                  "it is for " + x.to + ", this is " + config.node_id);
    if (x.epoch < view->promised)
      return fail(errc::not_ready, "epoch " + std::to_string(x.epoch) + " of "
                                     + x.from + " is over, "
                                     + std::to_string(view->promised)
                                     + " is promised: try again");
    auto* sender = state.map->find(x.from);
    if (!sender || sender->role != node_role::target
        || x.from == config.node_id)
      return fail(errc::node_not_found,
                  "its sender, " + x.from + ", is no target of this cluster");
    if (auto ok = leased(); !ok)
      return ok.error();
    auto bucket = config.buckets->read()->find(x.bucket);
    if (!bucket)
      return bucket.error();
    if ((*bucket)->ref.bid != x.bid)
      return fail(errc::bucket_not_found,
                  "bucket \"" + ais::cname_of(x.bucket) + "\" of id "
                    + std::to_string(x.bid) + " does not exist here");
    object_key key{*bucket, x.name};
    if (!x.anywhere && !mine(key))
      return fail(errc::not_ready, cname_of(key) + " belongs elsewhere by map v"
                                     + std::to_string(state.map->version)
                                     + ": try again");
    auto at = locate(key);
    if (!at)
      return at.error();
    auto time = stream_time(x.attrs.size_bytes) + shard_timeout;
    auto until
      = config.env.steady_ns() + std::chrono::nanoseconds{time}.count();
    return arrival{std::move(x), at->key, at->shard, until, false};
  }

  /// Couriers bring every writer back; this is for one that does not.
  void forget_late() {
    auto now = config.env.steady_ns();
    std::erase_if(arrivals, [&](auto& x) {
      return !x.second.filled && x.second.until_ns < now;
    });
  }

  caf::result<carried> ended(const ended_stream& x) {
    auto i = arrivals.find(x.ticket);
    if (i == arrivals.end())
      return carried{
        encode_receipt(fail(errc::timed_out, "the stream took too long"))};
    auto in = i->second;
    if (!x.writer || x.writer->size_bytes() != in.offer.attrs.size_bytes) {
      leave(x.ticket);
      count(stat::err_stream_in_n);
      warn("a stream from " + in.offer.from
           + " broke off: " + cname_of(in.key));
      return carried{
        encode_receipt(fail(errc::timed_out, "the stream ended too early"))};
    }
    auto still = leased();
    if (still && !in.offer.anywhere && !mine(in.key))
      still = fail(errc::not_ready,
                   cname_of(in.key) + " belongs elsewhere by now: try again");
    if (!still) {
      leave(x.ticket);
      return carried{encode_receipt(still.error())};
    }
    i->second.filled = true;
    AIS_CRASH_POINT("stream.filled");
    auto answer = self->make_response_promise<carried>();
    ask<lom_ptr>(
      self, in.shard, shard_timeout, commit_put{in.key, in.options(), x.writer},
      [this, answer, how = in.offer.how,
       ticket = x.ticket](const lom_ptr& attrs) mutable {
        AIS_CRASH_POINT("stream.committed");
        leave(ticket);
        count(stat::stream_in_n);
        count(stat::stream_in_size, attrs->size_bytes);
        if (how == stream_write::move && counter)
          self->send(counter, moved_here{attrs->size_bytes});
        if (auto ok = leased(); !ok)
          answer.deliver(carried{encode_receipt(ok.error())});
        else
          answer.deliver(carried{encode_receipt(stream_receipt{
            {}, {}, true, *attrs, watch.clients_ask(config.env)})});
      },
      [this, answer, in, ticket = x.ticket](const error& e) mutable {
        leave(ticket);
        if (e != errc::exists) {
          count(stat::err_stream_in_n);
          warn("a stream from " + in.offer.from
               + " was not stored: " + message_of(e));
        }
        answer.deliver(carried{receipt_of(e)});
      });
    return answer;
  }
};

mover_actor::behavior_type
mover(mover_actor::stateful_pointer<mover_state> self, mover_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  if (st.config.courier)
    self->send(st.config.courier,
               receive_streams{caf::actor_cast<stream_door>(self)});
  return {
    [&st](const offered_stream& x) { return st.offered(x); },
    [&st](const ended_stream& x) { return st.ended(x); },
    [&st](const copy_object& x) { return st.copy(x); },
    [&st](const send_object& x) { return st.send(x); },
    [&st](const use_settler& x) {
      st.settler = x.who;
      st.counter = x.arrivals;
    },
  };
}

} // namespace

mover_actor spawn_mover(caf::actor_system& sys, const mover_config& config) {
  return spawn_plain(sys, config.env, mover, config);
}

} // namespace ais
