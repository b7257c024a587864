// A shard whose bucket keeps former versions, on a disk that can lose power.
#pragma once

#include "actors/target/shard.hpp"
#include "storage/base/home.hpp"
#include "test/sim/deterministic.hpp"

#include <caf/send.hpp>
#include <catch2/catch.hpp>

namespace ais {

using storage::keeping;

inline std::shared_ptr<storage::bytes> shared_content(std::string_view x) {
  auto raw = std::as_bytes(std::span{x.data(), x.size()});
  return std::make_shared<storage::bytes>(raw.begin(), raw.end());
}

inline bucket_ptr make_bucket(keeping x) {
  auto out = std::make_shared<bucket>();
  out->ref = {{provider::ais, {}, "b"}, 7};
  out->keeping = x;
  out->versions_bid = 8;
  return out;
}

/// A shard on a disk that can lose power, and the bucket it serves.
struct versions : sim::deterministic {
  std::shared_ptr<storage::mountpath> mpath;
  bucket_ptr b = make_bucket(keeping::enabled);
  std::shared_ptr<bucket> former = std::make_shared<bucket>();
  shard_actor shard;
  int starts = 0;

  versions() {
    former->ref = {storage::versions_of(b->ref).bck, 8};
    start();
    REQUIRE(mpath->create_bucket(b->ref));
    REQUIRE(mpath->create_bucket(former->ref));
    REQUIRE(disk.sync_dir("/root"));
  }
  ~versions() { stop(); }

  void start() {
    auto nonce = "n" + std::to_string(++starts);
    auto opened = storage::mountpath::open(disk, {"/root/mp", "t", nonce});
    REQUIRE(opened);
    mpath = std::move(*opened);
    shard_config c;
    c.env = env;
    c.mpath = mpath;
    c.name = "t|0";
    shard = spawn_shard(sys, c);
  }
  void stop() {
    caf::anon_send_exit(shard, caf::exit_reason::kill);
    run();
  }

  object_key key(const std::string& name) { return {b, name}; }

  /// Versions have an order: that of their times.
  void a_moment_later() {
    advance(std::chrono::milliseconds{1});
    disk.set_time(now_ns); // a file's time is that of a version without an id
  }

  /// The id of the new version, or the error's name.
  std::string put(const std::string& name, std::string_view what) {
    a_moment_later();
    auto done
      = ask<lom_ptr>(shard, put_object{key(name), {}, shared_content(what)});
    return done
             ? std::string{storage::shown_version(storage::version_id(**done))}
             : to_string(code_of(done.error()));
  }
  std::string remove(const std::string& name, const std::string& version = {}) {
    a_moment_later();
    delete_object req{key(name)};
    req.version = version;
    auto done = ask<ack>(shard, req);
    return done ? "ok" : to_string(code_of(done.error()));
  }
  std::string text_of(const expected<lease_ptr>& l) {
    if (!l)
      return to_string(code_of(l.error()));
    storage::bytes out((*l)->object->attrs.size_bytes);
    if (!out.empty())
      REQUIRE((*l)->object->content->read_at(out, 0));
    CHECK((*l)->verified);
    return {reinterpret_cast<const char*>(out.data()), out.size()};
  }
  std::string get(const std::string& name) {
    return text_of(ask<lease_ptr>(shard, open_object{key(name)}));
  }
  std::string get(const std::string& name, const std::string& version) {
    auto found = ask<found_version>(shard, find_version{key(name), version});
    if (!found)
      return to_string(code_of(found.error()));
    if (found->present)
      return get(name);
    return text_of(ask<lease_ptr>(shard, open_object{{former, found->name}}));
  }
  /// All former versions, newest first: "null", "mark" or their content.
  std::string history(const std::string& name) {
    auto all = storage::kept_versions(*mpath, b->ref, name);
    if (!all)
      return to_string(code_of(all.error()));
    std::string out;
    for (auto& x : *all) {
      if (storage::is_null_version(x.id))
        out += "null:";
      out += storage::is_mark(x.id)
               ? "mark "
               : text_of(ask<lease_ptr>(shard, open_object{{former, x.name}}))
                   + ' ';
    }
    return out;
  }
};

} // namespace ais
