#include "actors/cluster/gate.hpp"

namespace ais {

namespace {

gate_actor::behavior_type
gate(gate_actor::pointer self, const gate_routes& to) {
  return {
    [to](const hello&) {
      return hello_answer{1, to.cluster(), to.seats};
    },
    [self, to](vote_request& x) {
      return self->delegate(to.metasync, std::move(x));
    },
    [self, to](state_update& x) {
      return self->delegate(to.metasync, std::move(x));
    },
    [self, to](commit_notice& x) {
      return self->delegate(to.metasync, std::move(x));
    },
    [self, to](take_over& x) {
      return self->delegate(to.metasync, std::move(x));
    },
    [self, to](beat& x) { return self->delegate(to.keepalive, std::move(x)); },
    [self, to](join_request& x) {
      return self->delegate(to.membership, std::move(x));
    },
    [self, to](invite& x) {
      return self->delegate(to.membership, std::move(x));
    },
    [self, to](create_bucket& x) {
      return self->delegate(to.proxy, std::move(x));
    },
    [self, to](destroy_bucket& x) {
      return self->delegate(to.proxy, std::move(x));
    },
    [self, to](set_bucket_props& x) {
      return self->delegate(to.proxy, std::move(x));
    },
    [self, to](set_config& x) {
      return self->delegate(to.proxy, std::move(x));
    },
    [self, to](set_access_keys& x) {
      return self->delegate(to.proxy, std::move(x));
    },
    [self, to](change_nodes& x) {
      return self->delegate(to.proxy, std::move(x));
    },
    [self, to](admit_node& x) {
      return self->delegate(to.proxy, std::move(x));
    },
    [self, to](set_primary& x) {
      return self->delegate(to.proxy, std::move(x));
    },
    [self, to](start_rebalance& x) {
      return self->delegate(to.proxy, std::move(x));
    },
    [self, to](end_cluster& x) {
      return self->delegate(to.proxy, std::move(x));
    },
    [self, to](dismiss& x) { return self->delegate(to.node, std::move(x)); },
    [self, to](node_question& x) -> caf::result<node_account> {
      if (!to.informant)
        return fail(errc::unsupported, "this node serves no clients");
      return self->delegate(to.informant, std::move(x));
    },
    [self, to](override_config& x) {
      return self->delegate(to.local, std::move(x));
    },
    [self, to](begin_txn& x) -> caf::result<ack> {
      if (!to.target)
        return fail(errc::unsupported, "this node is no target");
      return self->delegate(to.target, std::move(x));
    },
    [self, to](list_part& x) -> caf::result<listed_part> {
      if (!to.target)
        return fail(errc::unsupported, "this node is no target");
      return self->delegate(to.target, std::move(x));
    },
    [self, to](change_mountpath& x) -> caf::result<mountpath_changed> {
      if (!to.target)
        return fail(errc::unsupported, "this node is no target");
      return self->delegate(to.target, std::move(x));
    },
    [self, to](count_bucket& x) -> caf::result<bucket_totals> {
      if (!to.target)
        return fail(errc::unsupported, "this node is no target");
      return self->delegate(to.target, std::move(x));
    },
    [self, to](surrender& x) -> caf::result<ack> {
      if (!to.rebalance)
        return fail(errc::unsupported, "this node is no target");
      return self->delegate(to.rebalance, std::move(x));
    },
    [self, to](seek_object& x) -> caf::result<ack> {
      if (!to.rebalance)
        return fail(errc::unsupported, "this node is no target");
      return self->delegate(to.rebalance, std::move(x));
    },
    [self, to](query_moves& x) -> caf::result<moves_state> {
      if (!to.rebalance)
        return fail(errc::unsupported, "this node is no target");
      return self->delegate(to.rebalance, x);
    },
    [self, to](remove_objects& x) -> caf::result<removed_objects> {
      if (!to.remover)
        return fail(errc::unsupported, "this node is no target");
      return self->delegate(to.remover, std::move(x));
    },
    [self, to](start_xact& x) -> caf::result<ack> {
      if (!to.xactions)
        return fail(errc::unsupported, "this node is no target");
      return self->delegate(to.xactions, std::move(x));
    },
    [self, to](stop_xact& x) -> caf::result<ack> {
      if (!to.xactions)
        return fail(errc::unsupported, "this node is no target");
      return self->delegate(to.xactions, std::move(x));
    },
    [self, to](query_xacts& x) -> caf::result<xact_snaps> {
      if (!to.xactions)
        return fail(errc::unsupported, "this node is no target");
      return self->delegate(to.xactions, std::move(x));
    },
    [self, to](carry_out& x) -> caf::result<ack> {
      if (!to.target)
        return ack{};
      return self->delegate(to.target, x);
    },
  };
}

} // namespace

gate_actor spawn_gate(caf::actor_system& sys, const environment& env,
                      const gate_routes& routes) {
  return spawn_plain(sys, env, gate, routes);
}

} // namespace ais
