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

#include <vector>

namespace ais {

struct admit_node;
struct admitted;
struct beat;
struct beat_answer;
struct begin_txn;
struct bucket_totals;
struct change_mountpath;
struct change_nodes;
struct commit_notice;
struct count_bucket;
struct carry_out;
struct claim;
struct create_bucket;
struct destroy_bucket;
struct dismiss;
struct end_cluster;
struct hello;
struct hello_answer;
struct invite;
struct invited;
struct join_answer;
struct join_request;
struct list_part;
struct node_account;
struct node_question;
struct listed_part;
struct override_config;
struct mountpath_changed;
struct moves_state;
struct query_moves;
struct query_xacts;
struct rebalance_started;
struct remove_objects;
struct removed_objects;
struct seek_object;
struct set_access_keys;
struct set_bucket_props;
struct set_config;
struct set_primary;
struct start_rebalance;
struct start_xact;
struct state_update;
struct stop_xact;
struct surrender;
struct sync_answer;
struct take_over;
struct vote;
struct vote_request;
struct xact_snaps;

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

  CAF_ADD_TYPE_ID(ais, (ais::hello))
  CAF_ADD_TYPE_ID(ais, (ais::hello_answer))
  CAF_ADD_TYPE_ID(ais, (ais::vote_request))
  CAF_ADD_TYPE_ID(ais, (ais::vote))
  CAF_ADD_TYPE_ID(ais, (ais::state_update))
  CAF_ADD_TYPE_ID(ais, (ais::commit_notice))
  CAF_ADD_TYPE_ID(ais, (ais::sync_answer))
  CAF_ADD_TYPE_ID(ais, (ais::beat))
  CAF_ADD_TYPE_ID(ais, (ais::beat_answer))
  CAF_ADD_TYPE_ID(ais, (ais::join_request))
  CAF_ADD_TYPE_ID(ais, (ais::join_answer))
  CAF_ADD_TYPE_ID(ais, (ais::create_bucket))
  CAF_ADD_TYPE_ID(ais, (ais::destroy_bucket))
  CAF_ADD_TYPE_ID(ais, (ais::set_bucket_props))
  CAF_ADD_TYPE_ID(ais, (ais::set_config))
  CAF_ADD_TYPE_ID(ais, (ais::override_config))
  CAF_ADD_TYPE_ID(ais, (ais::begin_txn))
  CAF_ADD_TYPE_ID(ais, (ais::carry_out))
  CAF_ADD_TYPE_ID(ais, (ais::list_part))
  CAF_ADD_TYPE_ID(ais, (ais::listed_part))
  CAF_ADD_TYPE_ID(ais, (ais::count_bucket))
  CAF_ADD_TYPE_ID(ais, (ais::bucket_totals))
  CAF_ADD_TYPE_ID(ais, (ais::node_question))
  CAF_ADD_TYPE_ID(ais, (ais::node_account))
  CAF_ADD_TYPE_ID(ais, (ais::take_over))
  CAF_ADD_TYPE_ID(ais, (ais::change_nodes))
  CAF_ADD_TYPE_ID(ais, (ais::admit_node))
  CAF_ADD_TYPE_ID(ais, (ais::admitted))
  CAF_ADD_TYPE_ID(ais, (ais::set_primary))
  CAF_ADD_TYPE_ID(ais, (ais::end_cluster))
  CAF_ADD_TYPE_ID(ais, (ais::invite))
  CAF_ADD_TYPE_ID(ais, (ais::invited))
  CAF_ADD_TYPE_ID(ais, (ais::dismiss))
  CAF_ADD_TYPE_ID(ais, (ais::start_xact))
  CAF_ADD_TYPE_ID(ais, (ais::stop_xact))
  CAF_ADD_TYPE_ID(ais, (ais::query_xacts))
  CAF_ADD_TYPE_ID(ais, (ais::xact_snaps))
  CAF_ADD_TYPE_ID(ais, (ais::surrender))
  CAF_ADD_TYPE_ID(ais, (ais::query_moves))
  CAF_ADD_TYPE_ID(ais, (ais::moves_state))
  CAF_ADD_TYPE_ID(ais, (ais::start_rebalance))
  CAF_ADD_TYPE_ID(ais, (ais::rebalance_started))
  CAF_ADD_TYPE_ID(ais, (ais::remove_objects))
  CAF_ADD_TYPE_ID(ais, (ais::removed_objects))
  CAF_ADD_TYPE_ID(ais, (ais::change_mountpath))
  CAF_ADD_TYPE_ID(ais, (ais::mountpath_changed))
  CAF_ADD_TYPE_ID(ais, (ais::set_access_keys))
  CAF_ADD_TYPE_ID(ais, (ais::claim))
  CAF_ADD_TYPE_ID(ais, (ais::seek_object))

  CAF_ADD_ATOM(ais, ais::atom, get, "get")
  CAF_ADD_ATOM(ais, ais::atom, flush, "flush")
  CAF_ADD_ATOM(ais, ais::atom, tick, "tick")
  CAF_ADD_ATOM(ais, ais::atom, sweep, "sweep")
  CAF_ADD_ATOM(ais, ais::atom, start, "start")
  CAF_ADD_ATOM(ais, ais::atom, stop, "stop")
  CAF_ADD_ATOM(ais, ais::atom, next, "next")

CAF_END_TYPE_ID_BLOCK(ais)
