// The EDGE turns HTTP into messages and back: one per I/O thread, known to
// actors through its bridge. It routes a request to the part of http/v1 that
// parses it, asks, and writes the reply.
//
// GET of an object whose lease it holds is answered at once (fast()): no
// message, no copy; everything else is a coroutine.
#pragma once

#include "actors/node/node.hpp"
#include "http/bridge.hpp"
#include "http/handler.hpp"
#include "http/lease_cache.hpp"
#include "http/relay.hpp"
#include "http/s3/access.hpp"
#include "http/s3/sigv4.hpp"
#include "http/scout.hpp"
#include "http/signature.hpp"
#include "http/trace.hpp"
#include "http/url.hpp"
#include "storage/base/json.hpp"

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace ais::http {

/// What all edges of a process share.
struct edge_shared {
  environment env;
  std::shared_ptr<node_boards> boards;
  board<node_handles> handles; ///< empty until the node is active
  scout_actor scout;
  std::string log_file; ///< empty: stderr
  std::string dir;      ///< of the node
  std::vector<std::string> mountpaths;
  size_t leases_per_edge = 1024;
  bool relay = false; ///< requests for others' objects, instead of redirecting
  bool s3_redirect = false;            ///< S3's, instead of relaying
  std::vector<std::string> s3_domains; ///< with buckets as hosts below them
  std::string s3_region; ///< that S3 clients must sign for; empty: any
  /// Only programs of this machine reach the node: S3 needs no keys.
  bool loopback_only = false;
  std::shared_ptr<request_trace> trace = std::make_shared<request_trace>();
};

/// A read that the owner of an object sends to the target that still has it: of
/// an object of `owner` by the placement of that generation.
struct visit {
  std::string owner; ///< id
  uint64_t generation = 0;
};

/// One request on its way through http/v1.
struct call {
  exchange& x;
  const request& req;
  std::vector<std::string_view> path; ///< raw segments after "/v1/"
  std::string_view rest;              ///< raw path after the first two segments
  query q;
  std::optional<http::visit> visit = {};
};

/// Where a request belongs that is not ours.
struct handover {
  snode owner;
  std::string target; ///< of the request there
};

/// A control message's body.
struct action_msg {
  std::string action;
  std::string name;
  json::value value;
};

/// A bucket whose `access` allows GET.
struct readable_bucket {
  const bucket* it = nullptr;
  /// What its properties say to S3; none: not asked for yet.
  mutable std::optional<s3::bucket_rights> rights = {};
};

class edge : public handler {
public:
  edge(caf::actor_system& sys, worker& w, std::shared_ptr<edge_shared> shared);

  bool fast(const request& req, bool keep_alive, reply_plan& plan) override;
  task<> handle(exchange& x) override;
  reply refusal(int status, const request& req) override;
  uint64_t random() override { return env().random(); }
  void tick() override;
  void stop() override;

  // -- what http/v1 works with
  // --------------------------------------------------------

  bridge& actors() { return bridge_; }
  const edge_shared& shared() const { return *shared_; }
  const environment& env() const { return shared_->env; }
  const node_handles& node() { return *handles_.get(); }
  const smap& map() { return *map_.get(); }
  /// For those who wait in between: map() may be another one afterwards.
  smap_ptr map_ptr() { return map_.get(); }
  const bmd& buckets() { return *buckets_.get(); }
  const cluster_config& config() { return *config_.get(); }
  board<target_view>::value_ptr target() { return target_.get(); }
  /// Keeps the lease of an object that was served: the next GET is answered at
  /// once.
  void keep(const located& at, const lease_ptr& lease);
  /// The lease of an object, if it may be served now. @param start  steady [ns]
  held_lease* held(const bucket& b, std::string_view name, int64_t start);
  /// A bucket of the global namespace, if objects of it may be read; null: ask
  /// the slow way. Good until the next call.
  const readable_bucket* readable(std::string_view name);
  /// Plans the reply to a GET of a whole object. @param head  lasting_head()
  /// @param more  headers, each with its line end
  bool plan_object(held_lease& x, std::string_view head, std::string_view more,
                   const request& req, bool keep_alive, int64_t start,
                   reply_plan& plan);
  s3::access_book& s3_access() { return s3_access_; }
  s3::signing_keys& s3_signing_keys() { return s3_signing_keys_; }
  /// The access rules of this moment: the cluster's keys are looked at anew.
  s3::access_rules_ptr s3_rules();

  /// Clients are served.
  bool ready() {
    return (shared_->boards->state.load() & state_node_started) != 0
           && node().proxy;
  }

  std::string proxy_name() { return "p[" + node().proxy_id + ']'; }
  std::string target_name() { return "t[" + node().target_id + ']'; }
  std::string own_name() {
    return node().proxy_id.empty() ? target_name() : proxy_name();
  }
  const std::string& own_id() {
    return node().proxy_id.empty() ? node().target_id : node().proxy_id;
  }

  /// The bucket that path and query name; checks names, not existence.
  expected<bck> bucket_of(const call& c, std::string_view raw_name);
  /// The existing bucket, if its `access` allows `wanted`.
  expected<bucket_ptr> existing(const bck& b, access wanted);
  /// The object key a path names.
  expected<object_key> object_of(const call& c, access wanted);
  /// The gate of a node, ours included; null while it does not answer.
  gate_actor gate_of(const std::string& id);
  /// Who owns an object, unless it is us; none, too, if nobody does.
  std::optional<snode> other_owner(const bck& b, std::string_view object);
  /// Who owns the object in the path, unless it is us. Errors are left to the
  /// handler.
  std::optional<handover> elsewhere(const call& c);
  /// The request, for another node to answer.
  std::optional<handover> handover_to(const call& c, snode to);
  /// Waits until this node has another map, at most for map_wait. Who sent a
  /// request here has another one than we have; which is newer nobody knows.
  task<> next_map();
  /// Whether a request may come to this node without a proxy's signature;
  /// see http/signature.hpp.
  expected<void> welcome(const call& c);
  /// Redirects are signed, and targets want them to be.
  bool signing();
  http::relay& relay() { return relay_; }
  /// Whether this node may serve objects at the moment: see fence.
  /// errc::not_ready.
  expected<void> leased() const;
  /// Versions of what says where objects are: of targets, of mountpaths.
  struct places {
    uint64_t generation = 0;
    uint64_t volume = 0;
    bool operator==(const places&) const = default;
  };
  places places_now() {
    return {generation_of(map()), target()->volume->version};
  }
  /// Has an object brought to its place if it is ours and may be elsewhere
  /// (actors/rebalance, actors/resilver).
  task<expected<void>> settle(object_key key);
  /// Where an object of ours is that was settled under those.
  expected<located> place(object_key key, const places& settled);

  task<> reply_json(exchange& x, json::value v);
  task<> reply_json_text(exchange& x, std::string json);
  task<> reply_text(exchange& x, std::string text, int status = 200);
  task<> reply_error(exchange& x, const error& e, int status = 0);
  task<> reply_error_from(exchange& x, error e, std::string node, int status);

  /// Reads and parses an action message; an empty body gives an empty action.
  task<expected<action_msg>> read_action(exchange& x);

private:
  task<> route(call& c);
  /// This node is the only target.
  bool owns_all();
  bool fast_native(const request& req, bool keep_alive, reply_plan& plan);
  task<> method_not_allowed(exchange& x, std::string_view allow);

  std::shared_ptr<edge_shared> shared_;
  bridge bridge_;
  board<node_handles>::view handles_;
  board<smap>::view map_;
  board<bmd>::view buckets_;
  board<cluster_config>::view config_;
  board<target_view>::view target_;
  board<sync_view>::view sync_;
  lease_cache leases_;
  s3::access_book s3_access_;
  s3::signing_keys s3_signing_keys_;
  cluster_state_ptr keys_of_; ///< whose keys s3_access_ has
  http::relay relay_;
  bool signing_ = false;
  cluster_config_ptr signing_by_; ///< the configuration that says so
  /// For readable(): refilled when the bmd changes.
  std::unordered_map<std::string_view, readable_bucket> by_name_;
  bmd_ptr by_name_of_;
  smap_ptr placed_by_; ///< the map that leases_ was filled under
};

// -- http/v1
// ------------------------------------------------------------------------

namespace v1 {

/// /v1/objects/...; `digest` placement and leases included.
task<> objects(edge& e, call& c);
/// /v1/buckets/...
task<> buckets(edge& e, call& c);
/// /v1/daemon and, for a node, /v1/reverse/daemon.
task<> daemon(edge& e, call& c);
/// /v1/cluster
task<> cluster(edge& e, call& c);
/// /v1/health
task<> health(edge& e, call& c);
/// /metrics
task<> metrics(edge& e, call& c);

/// The part of a GET reply's header that stays the same.
std::string object_head(const storage::lom& x);

} // namespace v1

} // namespace ais::http
