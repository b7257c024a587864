#include "actors/proxy/proxy.hpp"

#include "actors/base/gather.hpp"
#include "storage/base/log.hpp"

#include <deque>
#include <functional>

namespace ais {

namespace {

using namespace std::chrono_literals;

constexpr auto owner_timeout = 20s;
constexpr auto target_timeout = 40s;

/// Delivers to one of two continuations: what gather() wants for a promise.
template <class Ok, class Bad>
struct either {
  Ok ok;
  Bad bad;
  void deliver(ack) { ok(); }
  void deliver(const error& e) { bad(e); }
};
template <class Ok, class Bad>
either(Ok, Bad) -> either<Ok, Bad>;

struct proxy_state {
  static inline const char* name = "proxy";
  using promise = caf::typed_response_promise<ack>;

  proxy_actor::pointer self = nullptr;
  proxy_config config;
  std::deque<std::function<void()>> waiting; ///< the first one runs

  /// Queues a change; `run` must call done() on every path.
  caf::result<ack> enqueue(std::function<void(promise)> run) {
    if (waiting.size() >= max_waiting_changes)
      return fail(errc::too_many_requests,
                  "too many changes of the cluster at once; try again");
    auto answer = self->make_response_promise<ack>();
    waiting.push_back([run = std::move(run), answer] { run(answer); });
    if (waiting.size() == 1)
      waiting.front()();
    return answer;
  }

  void done(promise answer, const error& e = {}) {
    if (e)
      answer.deliver(e);
    else
      answer.deliver(ack{});
    waiting.pop_front();
    if (!waiting.empty())
      waiting.front()();
  }

  /// Asks the owner to make `next` its current version; then calls `f` with the
  /// error, if any.
  template <class T, class F>
  void install(const owner_actor<T>& owner, uint64_t base,
               std::shared_ptr<const T> next, F f) {
    self->request(owner, owner_timeout, replace<T>{base, next})
      .then([f](std::shared_ptr<const T>&) mutable { f(error{}); },
            [f](error& e) mutable { f(e); });
  }

  void create(const create_bucket& req, promise answer) {
    self->request(config.config, owner_timeout, atom::get_v)
      .then(
        [this, req, answer](cluster_config_ptr& c) {
          auto props = default_bprops(*c);
          props.created_ns = config.env.wall_ns();
          if (auto ok = adjust(props, req.props); !ok)
            return done(answer, ok.error());
          create_with(req.name, std::move(props), answer);
        },
        [this, answer](error& e) { done(answer, e); });
  }

  static expected<void> adjust(bprops& props, const std::string& text) {
    if (text.empty())
      return caf::unit;
    auto tree = parse_json(text);
    if (!tree)
      return tree.error();
    if (!tree->is_object())
      return fail(errc::invalid_argument,
                  "bucket properties must be an object");
    auto next = with_props(props, tree->get_object());
    if (!next)
      return next.error();
    props = std::move(*next);
    return caf::unit;
  }

  void create_with(const bck& b, bprops props, promise answer) {
    self->request(config.buckets, owner_timeout, atom::get_v)
      .then(
        [this, b, props = std::move(props), answer](bmd_ptr& now) {
          auto next = with_bucket(*now, b, props);
          if (!next)
            return done(answer, next.error());
          two_phase(begin_txn::op::create, (*next)->buckets.at(b)->ref,
                    now->version, *next, answer);
        },
        [this, answer](error& e) { done(answer, e); });
  }

  void destroy(const destroy_bucket& req, promise answer) {
    self->request(config.buckets, owner_timeout, atom::get_v)
      .then(
        [this, req, answer](bmd_ptr& now) {
          auto next = without_bucket(*now, req.name);
          if (!next)
            return done(answer, next.error());
          two_phase(begin_txn::op::destroy, now->buckets.at(req.name)->ref,
                    now->version, *next, answer);
        },
        [this, answer](error& e) { done(answer, e); });
  }

  /// Begin on all targets, make `next` current, commit on all targets. The
  /// moment `next` is durable decides: before it the change never happened,
  /// after it start-up completes what is missing.
  void two_phase(begin_txn::op what, storage::bucket_ref b, uint64_t base,
                 bmd_ptr next, promise answer) {
    auto id = make_id(config.env);
    auto abort = [this, id, answer](const error& why) {
      gather(self, config.targets, target_timeout, abort_txn{id},
             either{[this, answer, why] { done(answer, why); },
                    [this, answer, why](const error&) {
                      done(answer, why);
                    }});
    };
    auto commit = [this, id, answer] {
      gather(self, config.targets, target_timeout, commit_txn{id},
             either{[this, answer] { done(answer); },
                    [this, answer](const error& e) {
                      log_warning("a bucket transaction is committed, but not"
                                  " carried out everywhere: "
                                  + message_of(e)
                                  + "; the next start will complete it");
                      done(answer);
                    }});
    };
    gather(self, config.targets, target_timeout,
           begin_txn{id, what, std::move(b)},
           either{[this, base, next, answer, abort, commit] {
                    install<bmd>(config.buckets, base, next,
                                 [abort, commit](const error& e) mutable {
                                   if (e)
                                     abort(e);
                                   else
                                     commit();
                                 });
                  },
                  abort});
  }

  void props(const set_bucket_props& req, promise answer) {
    self->request(config.config, owner_timeout, atom::get_v)
      .then(
        [this, req, answer](cluster_config_ptr& c) {
          self->request(config.buckets, owner_timeout, atom::get_v)
            .then([this, req, answer,
                   c](bmd_ptr& now) { props_of(req, *c, now, answer); },
                  [this, answer](error& e) { done(answer, e); });
        },
        [this, answer](error& e) { done(answer, e); });
  }

  void props_of(const set_bucket_props& req, const cluster_config& c,
                const bmd_ptr& now, promise answer) {
    auto known = now->find(req.name);
    if (!known)
      return done(answer, known.error());
    auto props = *(*known)->props;
    if (req.reset)
      props.values = default_bprops(c).values;
    else if (auto ok = adjust(props, req.props); !ok)
      return done(answer, ok.error());
    auto next = with_bucket_props(*now, req.name, std::move(props));
    if (!next)
      return done(answer, next.error());
    install<bmd>(config.buckets, now->version, *next,
                 [this, answer](const error& e) { done(answer, e); });
  }

  void configure(const set_config& req, promise answer) {
    if (req.transient || req.reset) {
      self
        ->request(config.local, owner_timeout,
                  override_config{req.change, req.transient, req.reset})
        .then([this, answer](ack) { done(answer); },
              [this, answer](error& e) { done(answer, e); });
      return;
    }
    self->request(config.config, owner_timeout, atom::get_v)
      .then(
        [this, req, answer](cluster_config_ptr& now) {
          auto next = with_changes(*now, req.change, config.env.wall_ns());
          if (!next)
            return done(answer, next.error());
          install<cluster_config>(
            config.config, now->version, *next,
            [this, answer](const error& e) { done(answer, e); });
        },
        [this, answer](error& e) { done(answer, e); });
  }
};

proxy_actor::behavior_type
proxy(proxy_actor::stateful_pointer<proxy_state> self, proxy_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  return {
    [&st](const create_bucket& x) {
      return st.enqueue([&st, x](auto answer) { st.create(x, answer); });
    },
    [&st](const destroy_bucket& x) {
      return st.enqueue([&st, x](auto answer) { st.destroy(x, answer); });
    },
    [&st](const set_bucket_props& x) {
      return st.enqueue([&st, x](auto answer) { st.props(x, answer); });
    },
    [&st](const set_config& x) {
      return st.enqueue([&st, x](auto answer) { st.configure(x, answer); });
    },
  };
}

} // namespace

proxy_actor spawn_proxy(caf::actor_system& sys, const proxy_config& config) {
  return sys.spawn(proxy, config);
}

} // namespace ais
