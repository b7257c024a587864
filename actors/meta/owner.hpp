// An OWNER holds the current version of one kind of cluster metadata (smap,
// bmd, cluster config) and is the only one to replace it: the next version is
// first durable, then shown to everyone, then acknowledged. Versions only grow.
#pragma once

#include "actors/base/board.hpp"
#include "actors/meta/vault.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace ais {

inline constexpr std::chrono::seconds vault_timeout{15};

// -- messages (in-process)
// --------------------------------------------------------

/// Proposes the successor of version `base`.
template <class T>
struct replace {
  uint64_t base = 0;
  std::shared_ptr<const T> next;
};

// -- interface
// --------------------------------------------------------------------

/// The OWNER actor interface.
template <class T>
using owner_actor = caf::typed_actor<
  // Returns the current version; never fails.
  typename caf::replies_to<atom::get>::template with<std::shared_ptr<const T>>,
  // Returns the version that is now current; errc::conflict when `base` is not
  // the current one any more, io_error when it could not be saved.
  typename caf::replies_to<replace<T>>::template with<
    std::shared_ptr<const T>>>;

// -- state and behaviour
// ------------------------------------------------------------

/// How an owner names and saves a kind; specialised beside each value with
///   static constexpr const char* kind;
///   static uint64_t version(const T&);
///   static std::string to_json(const T&);
template <class T>
struct meta_traits;

template <class T>
struct owner_state {
  static inline const char* name = "meta-owner";
  std::shared_ptr<const T> current;
};

/// The behaviour of an OWNER of `boot`; shows each version on `shown`, then
/// tells `tell` of it.
template <class T>
typename owner_actor<T>::behavior_type
owner(typename owner_actor<T>::template stateful_pointer<owner_state<T>> self,
      std::shared_ptr<const T> boot, vault_actor vault,
      std::shared_ptr<board<T>> shown,
      std::function<void(std::shared_ptr<const T>)> tell) {
  using value_ptr = std::shared_ptr<const T>;
  using traits = meta_traits<T>;
  self->state.current = boot;
  shown->show(boot);
  tell(std::move(boot));
  return {
    [self](atom::get) { return self->state.current; },
    [self, vault, shown,
     tell](const replace<T>& req) -> caf::result<value_ptr> {
      auto version = traits::version(*self->state.current);
      if (req.base != version || traits::version(*req.next) <= version)
        return fail(errc::conflict, std::string{traits::kind}
                                      + " has changed meanwhile: try again");
      auto install = [self, shown, tell, next = req.next] {
        self->state.current = next;
        shown->show(next);
        tell(next);
        return next;
      };
      auto answer = self->template make_response_promise<value_ptr>();
      // await: no other change is looked at before this one is safe.
      self
        ->request(vault, vault_timeout,
                  save_meta{traits::kind, traits::version(*req.next),
                            traits::to_json(*req.next)})
        .await([answer, install](ack) mutable { answer.deliver(install()); },
               [answer](error& e) mutable { answer.deliver(std::move(e)); });
      return answer;
    },
  };
}

} // namespace ais
