// A target of two that are in the map, without the actors above its mountpath.
#pragma once

#include "actors/cluster/keepalive.hpp"
#include "actors/meta/metasync.hpp"
#include "actors/target/target.hpp"
#include "storage/base/hrw.hpp"
#include "test/sim/deterministic.hpp"

#include <caf/send.hpp>
#include <catch2/catch.hpp>

namespace ais {

inline storage::bytes content(std::string_view x) {
  auto raw = std::as_bytes(std::span{x.data(), x.size()});
  return {raw.begin(), raw.end()};
}

/// Target t1; t2 is only in the map.
struct one_target : sim::deterministic {
  std::shared_ptr<board<sync_view>> sync = std::make_shared<board<sync_view>>();
  std::shared_ptr<board<bmd>> buckets = std::make_shared<board<bmd>>();
  std::shared_ptr<board<target_view>> target
    = std::make_shared<board<target_view>>();
  std::shared_ptr<fence> gate = std::make_shared<fence>();
  cluster_state state;
  bucket_ptr b;
  mountpath_actor mpath_actor;
  mountpath_ptr mpath;
  std::string mine, theirs; ///< names of objects by owner

  one_target() {
    auto map = std::make_shared<smap>();
    map->uuid = "uuid";
    for (auto id : {"t1", "t2"})
      map->targets[id] = {id, node_role::target, {}, {}, {"10.0.0.2", 1}, 0};
    map->proxies["p1"] = {"p1", node_role::proxy, {}, {}, {}, 0};
    state.at = {3, 1};
    state.map = map;
    state.secret = "secret";
    show();
    auto with = with_bucket(bmd{}, {provider::ais, {}, "b"}, bprops{});
    REQUIRE(with);
    buckets->show(*with);
    b = (*with)->buckets.begin()->second;
    gate->open_until(fence::always);
    mountpath_config mp;
    mp.env = env;
    mp.root = "/root/mp";
    mp.node_id = "t1";
    mp.shards = 2;
    mpath_actor = spawn_mountpath(sys, mp);
    auto opened = ask<mountpath_ptr>(mpath_actor, atom::start_v);
    REQUIRE(opened);
    mpath = *opened;
    REQUIRE(ask<ack>(mpath_actor, make_bucket_dirs{b->ref}));
    auto view = std::make_shared<target_view>();
    view->node_id = "t1";
    view->mountpaths = {mpath};
    view->digests = {mpath->disk->digest()};
    target->show(view);
    for (int i = 0; mine.empty() || theirs.empty(); ++i) {
      auto name = "o" + std::to_string(i);
      auto digest = placement_digest(uname_of(b->ref.bck, name));
      (owner_of(*map, digest)->id == "t1" ? mine : theirs) = name;
    }
  }

  ~one_target() {
    target->show(std::make_shared<const target_view>());
    static_cast<void>(ask<ack>(mpath_actor, atom::stop_v));
    mpath = nullptr;
    run();
  }

  void show() {
    auto view = std::make_shared<sync_view>();
    view->state = std::make_shared<const cluster_state>(state);
    view->accepted = view->state;
    view->promised = 3;
    view->member = true;
    sync->show(view);
  }

  /// Stores an object.
  void put(const std::string& name, std::string_view what) {
    put_object req{{b, name}, {}, {}};
    req.content = std::make_shared<storage::bytes>(content(what));
    REQUIRE(ask<lom_ptr>(shard_of(name), req));
  }

  bool there(const std::string& name) {
    return bool(ask<lom_ptr>(shard_of(name), head_object{{b, name}}));
  }

  shard_actor shard_of(const std::string& name) const {
    return mpath->shard_of(placement_digest(uname_of(b->ref.bck, name)));
  }
};

} // namespace ais
