// Jobs (xactions): started on buckets, shown and stopped through /v1/cluster.
// Source: api-control 5; api-data 1.12.
#pragma once

#include "http/edge.hpp"

namespace ais::http::v1 {

/// DELETE /v1/buckets/<bucket> with "delete-listrange".
task<> delete_objects(edge& e, call& c, bucket_ptr b, json::value value);

/// POST /v1/buckets/<bucket> with "copy-bck" or "copy-listrange".
task<> copy_objects(edge& e, call& c, bucket_ptr b, action_msg msg);

/// POST /v1/buckets/<bucket> with "move-bck".
task<> rename_bucket(edge& e, call& c, bucket_ptr b, json::value value);

/// POST /v1/buckets/<bucket> with "make-n-copies".
task<> make_copies(edge& e, call& c, bucket_ptr b, json::value value);

/// PATCH /v1/buckets/<bucket>: answers after its properties were changed; where
/// that is work for the objects that are there, with the id of the job that
/// does it. @param before  the bucket as it was
task<> apply_props(edge& e, call& c, bucket_ptr before);

/// GET /v1/cluster?what=status|status_all|qryxstats|running_all
task<> query_jobs(edge& e, call& c, std::string_view what);

/// PUT /v1/cluster with "start".
/// @param prefix  of the objects that a rebalance moves
task<> start_job(edge& e, call& c, json::value value, std::string prefix);
/// ... with "stop".
task<> stop_jobs(edge& e, call& c, json::value value);

} // namespace ais::http::v1
