// The one block of atoms and message type ids: append, never reorder.
//
// Only what crosses nodes needs an id. Messages that stay in one process (they
// carry open files or shared snapshots) are marked with
// CAF_ALLOW_UNSAFE_MESSAGE_TYPE beside their definition.
#pragma once

#include "storage/base/names.hpp"
#include "storage/lom.hpp"

#include <caf/atom.hpp>
#include <caf/type_id.hpp>

namespace ais {

/// The answer of a request that has nothing else to say: it is done.
struct ack {};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, ack&) {
  return f();
}

} // namespace ais

CAF_BEGIN_TYPE_ID_BLOCK(ais, first_custom_type_id)

  CAF_ADD_TYPE_ID(ais, (ais::ns))
  CAF_ADD_TYPE_ID(ais, (ais::bck))
  CAF_ADD_TYPE_ID(ais, (ais::storage::cksum))
  CAF_ADD_TYPE_ID(ais, (ais::storage::lom))
  CAF_ADD_TYPE_ID(ais, (ais::ack))

  CAF_ADD_ATOM(ais, ais::atom, get, "get")
  CAF_ADD_ATOM(ais, ais::atom, flush, "flush")
  CAF_ADD_ATOM(ais, ais::atom, tick, "tick")
  CAF_ADD_ATOM(ais, ais::atom, sweep, "sweep")
  CAF_ADD_ATOM(ais, ais::atom, start, "start")
  CAF_ADD_ATOM(ais, ais::atom, stop, "stop")
  CAF_ADD_ATOM(ais, ais::atom, next, "next")

CAF_END_TYPE_ID_BLOCK(ais)
