// Tells ThreadSanitizer which order CAF gives to the work of threads: Debian's
// libcaf_core is not instrumented, so its mailboxes, schedulers and reference
// counts order nothing for TSan, and each message would be a data race. The
// functions here take the place of CAF's (the dynamic linker finds the ones of
// the executable first), say what happens before what, and call the original.
// Races between actors that share memory without a message stay visible.
//
// Linked into aisnode by the tsan preset only.
#include <caf/actor_control_block.hpp>
#include <caf/blocking_actor.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/ref_counted.hpp>
#include <caf/scheduled_actor.hpp>

#include <cstdlib>
#include <dlfcn.h>

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}

namespace {

template <class F>
F* original(const char* mangled) {
  auto* found = dlsym(RTLD_NEXT, mangled);
  if (!found)
    std::abort();
  return reinterpret_cast<F*>(found);
}

void* key(const void* x) {
  return const_cast<void*>(x);
}

/// What a read-modify-write with memory_order_acq_rel orders.
void ordered_by(const void* x) {
  __tsan_release(key(x));
  __tsan_acquire(key(x));
}

} // namespace

namespace caf {

// -- sending happens before receiving
// -------------------------------------------

void scheduled_actor::enqueue(mailbox_element_ptr what, execution_unit* host) {
  static auto* next
    = original<void(scheduled_actor*, mailbox_element_ptr, execution_unit*)>(
      "_ZN3caf15scheduled_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_"
      "6detail8disposerEEPNS_14execution_unitE");
  __tsan_release(what.get());
  next(this, std::move(what), host);
}

void blocking_actor::enqueue(mailbox_element_ptr what, execution_unit* host) {
  static auto* next
    = original<void(blocking_actor*, mailbox_element_ptr, execution_unit*)>(
      "_ZN3caf14blocking_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_"
      "6detail8disposerEEPNS_14execution_unitE");
  __tsan_release(what.get());
  next(this, std::move(what), host);
}

mailbox_element_ptr blocking_actor::dequeue() {
  static auto* next = original<mailbox_element_ptr(blocking_actor*)>(
    "_ZN3caf14blocking_actor7dequeueEv");
  auto out = next(this);
  __tsan_acquire(out.get());
  return out;
}

// -- an actor does one thing after the other
// --------------------------------------

invoke_message_result scheduled_actor::consume(mailbox_element& x) {
  static auto* next
    = original<invoke_message_result(scheduled_actor*, mailbox_element&)>(
      "_ZN3caf15scheduled_actor7consumeERNS_15mailbox_elementE");
  auto* me = ctrl();
  __tsan_acquire(&x);
  __tsan_acquire(me);
  auto out = next(this, x);
  __tsan_release(me);
  return out;
}

resumable::resume_result
scheduled_actor::resume(execution_unit* host, size_t max_throughput) {
  static auto* next
    = original<resume_result(scheduled_actor*, execution_unit*, size_t)>(
      "_ZN3caf15scheduled_actor6resumeEPNS_14execution_unitEm");
  __tsan_acquire(ctrl());
  return next(this, host, max_throughput); // another thread's when it returns
}

// -- the last reference deletes
// -----------------------------------------------------

void ref_counted::deref() const noexcept {
  static auto* next
    = original<void(const ref_counted*)>("_ZNK3caf11ref_counted5derefEv");
  ordered_by(this);
  next(this);
}

void intrusive_ptr_release(actor_control_block* x) {
  static auto* next = original<void(actor_control_block*)>(
    "_ZN3caf21intrusive_ptr_releaseEPNS_19actor_control_blockE");
  ordered_by(x);
  next(x);
}

void intrusive_ptr_release_weak(actor_control_block* x) {
  static auto* next = original<void(actor_control_block*)>(
    "_ZN3caf26intrusive_ptr_release_weakEPNS_19actor_control_blockE");
  ordered_by(x);
  next(x);
}

} // namespace caf
