#include "actors/mover/mover.hpp"

#include "test/actors/one_target.hpp"

using namespace ais;

namespace {

/// Target t1 with a mover; streams come from t2, which is only in the map.
struct fixture : one_target {
  mover_actor mover
    = spawn_mover(sys, {env, "t1", sync, buckets, target, gate, {}});

  ~fixture() {
    caf::anon_send_exit(mover, caf::exit_reason::user_shutdown);
    run();
  }

  stream_offer offer_of(std::string_view what) const {
    stream_offer x;
    x.cluster = "uuid";
    x.epoch = 3;
    x.from = "t2";
    x.to = "t1";
    x.bucket = b->ref.bck;
    x.bid = b->ref.bid;
    x.name = mine;
    x.attrs.size_bytes = what.size();
    x.attrs.cksum
      = storage::cksum_of(storage::cksum_type::xxhash2, content(what));
    x.attrs.custom = {{"k", "v"}};
    x.attrs.version = "7";
    x.attrs.atime_ns = x.attrs.mtime_ns = 1'600'000'000'000'000'000;
    return x;
  }

  admitted_stream
  offer(const stream_offer& x, std::string_view secret = "secret") {
    auto raw = encode_offer(x, secret);
    REQUIRE(raw);
    auto out = ask<admitted_stream>(mover, offered_stream{*raw});
    REQUIRE(out);
    return *out;
  }

  stream_receipt receipt(const storage::bytes& raw) {
    auto out = decode_receipt(raw);
    REQUIRE(out);
    return *out;
  }

  /// What it is refused with.
  errc refused(const stream_offer& x, std::string_view secret = "secret") {
    auto out = offer(x, secret);
    CHECK_FALSE(out.writer);
    return out.writer ? errc::none : receipt(out.receipt).code;
  }

  stream_receipt end(const admitted_stream& x, std::string_view what) {
    REQUIRE(x.writer);
    REQUIRE(x.writer->append(content(what)));
    auto done = ask<carried>(mover, ended_stream{x.ticket, x.writer});
    REQUIRE(done);
    return receipt(done->receipt);
  }

  stream_receipt receive(const stream_offer& x, std::string_view what) {
    auto admitted = offer(x);
    if (!admitted.writer)
      return receipt(admitted.receipt);
    return end(admitted, what);
  }

  shard_actor shard() {
    auto digest = placement_digest(uname_of(b->ref.bck, mine));
    return mpath->shard_of(digest);
  }
  object_key key() { return {b, mine}; }

  /// Version and content of our object.
  std::string stored() {
    auto l = ask<lease_ptr>(shard(), open_object{key()});
    if (!l)
      return to_string(code_of(l.error()));
    storage::bytes out((*l)->object->attrs.size_bytes);
    REQUIRE((*l)->object->content->read_at(out, 0));
    return (*l)->object->attrs.version + ':'
           + std::string{reinterpret_cast<const char*>(out.data()), out.size()};
  }

  expected<lom_ptr> put(std::string_view what) {
    put_object req;
    req.key = key();
    req.content = std::make_shared<storage::bytes>(content(what));
    return ask<lom_ptr>(shard(), std::move(req));
  }

  size_t work_files() {
    auto found = disk.list("/root/mp/@ais/b/%wk");
    REQUIRE(found);
    return found->size();
  }
};

struct tally {
  uint64_t objects = 0, bytes = 0;
};

/// Counts what moves here.
arrivals_actor::behavior_type counter(arrivals_actor::pointer, tally* sum) {
  return {[sum](const moved_here& x) {
    ++sum->objects;
    sum->bytes += x.size_bytes;
  }};
}

} // namespace

TEST_CASE_METHOD(fixture, "mover: what a stream must show", "[actors][mover]") {
  auto with = [&](auto change) {
    auto x = offer_of("content");
    change(x);
    return refused(x);
  };
  CHECK(refused(offer_of("content"), "guessed") == errc::access_denied);
  CHECK(with([](auto& x) { x.cluster = "other"; }) == errc::integrity);
  CHECK(with([](auto& x) { x.epoch = 2; }) == errc::not_ready);
  CHECK(with([](auto& x) { x.from = "t9"; }) == errc::node_not_found);
  CHECK(with([](auto& x) { x.from = "p1"; }) == errc::node_not_found);
  CHECK(with([](auto& x) { x.from = "t1"; }) == errc::node_not_found);
  CHECK(with([](auto& x) { x.to = "t2"; }) == errc::node_not_found);
  CHECK(with([](auto& x) { x.bucket.name = "c"; }) == errc::bucket_not_found);
  CHECK(with([](auto& x) { ++x.bid; }) == errc::bucket_not_found);
  CHECK(with([&](auto& x) { x.name = theirs; }) == errc::not_ready);
  CHECK(with([](auto& x) { x.name = "a/../b"; }) == errc::invalid_name);
  gate->open_until(0);
  CHECK(with([](auto&) {}) == errc::not_ready);
  gate->open_until(fence::always);
  auto garbage = ask<admitted_stream>(mover, offered_stream{content("what?")});
  REQUIRE(garbage);
  CHECK_FALSE(garbage->writer);
  CHECK(stored() == "object_not_found");
  CHECK(work_files() == 0);

  SECTION("a sender of a newer epoch is right") {
    auto x = offer_of("content");
    x.epoch = 4;
    CHECK(receive(x, "content").stored);
  }
  SECTION("told so, a target keeps what it does not own") {
    auto x = offer_of("content");
    x.name = theirs;
    x.anywhere = true;
    CHECK(receive(x, "content").stored);
  }
}

TEST_CASE_METHOD(fixture, "mover: a stream comes in", "[actors][mover]") {
  auto x = offer_of("content");
  SECTION("as a copy: a version of its own") {
    auto r = receive(x, "content");
    CHECK(r.stored);
    CHECK(r.attrs.version == "1");
    CHECK(r.attrs.custom == x.attrs.custom);
    CHECK(receive(x, "content").attrs.version == "2");
    CHECK(stored() == "2:content");
  }
  SECTION("as the version it is") {
    x.how = stream_write::move;
    auto r = receive(x, "content");
    CHECK(r.stored);
    CHECK(stored() == "7:content");
    auto attrs = ask<lom_ptr>(shard(), head_object{key()});
    REQUIRE(attrs);
    CHECK((*attrs)->mtime_ns == x.attrs.mtime_ns);
    // From the disk, too.
    auto loaded = mpath->disk->load(b->ref, mine);
    REQUIRE(loaded);
    CHECK(loaded->mtime_ns == x.attrs.mtime_ns);
  }
  SECTION("damaged on its way") {
    CHECK(receive(x, "c0ntent").code == errc::bad_checksum);
    CHECK(stored() == "object_not_found");
  }
  SECTION("shorter or longer than told") {
    CHECK(receive(x, "conten").code == errc::timed_out);
    CHECK(receive(x, "content!").code == errc::timed_out);
    CHECK(stored() == "object_not_found");
  }
  SECTION("given up") {
    auto admitted = offer(x);
    REQUIRE(admitted.writer);
    REQUIRE(admitted.writer->append(content("cont")));
    admitted.writer = nullptr;
    REQUIRE(ask<carried>(mover, ended_stream{admitted.ticket, nullptr}));
    CHECK(stored() == "object_not_found");
  }
  SECTION("for a bucket that goes meanwhile") {
    auto admitted = offer(x);
    REQUIRE(ask<ack>(mpath_actor, trash_bucket{b->ref.bck}));
    CHECK(end(admitted, "content").code == errc::bucket_not_found);
    return;
  }
  SECTION("for a target that loses its lease, or the object, meanwhile") {
    auto admitted = offer(x);
    gate->open_until(0);
    CHECK(end(admitted, "content").code == errc::not_ready);
    gate->open_until(fence::always);
    admitted = offer(x);
    auto map = std::make_shared<smap>(*state.map);
    map->targets["t1"].flags |= snode_maintenance;
    state.map = map;
    show();
    CHECK(end(admitted, "content").code == errc::not_ready);
    CHECK(stored() == "object_not_found");
  }
  CHECK(work_files() == 0);
}

TEST_CASE_METHOD(fixture, "mover: more streams than there is room for",
                 "[actors][mover]") {
  auto x = offer_of("content");
  std::vector<admitted_stream> open;
  auto come = [&](const stream_offer& what) {
    auto raw = encode_offer(what, "secret");
    REQUIRE(raw);
    self->send(mover, offered_stream{*raw});
    run();
  };
  // Those who are in, in the order in which they came.
  auto take = [&] {
    for (auto more = true; more;) {
      more = false;
      self->receive(
        [&](admitted_stream& in) {
          open.push_back(std::move(in));
          more = true;
        },
        caf::after(std::chrono::seconds{0}) >> [] {});
    }
    return open.size();
  };
  auto move = x;
  move.how = stream_write::move;
  for (size_t i = 0; i < max_streams_in; ++i)
    come(x);
  CHECK(take() == max_streams_in / 2);
  SECTION("moves still come in, to their own limit") {
    for (size_t i = 0; i < max_streams_in; ++i)
      come(move);
    CHECK(take() == max_streams_in);
    CHECK(end(open[0], "content").stored);
    CHECK(take() == max_streams_in + 1);
    for (size_t i = 1; i < open.size(); ++i) {
      CHECK(end(open[i], "content").code == errc::none);
      take();
    }
    CHECK(open.size() == 2 * max_streams_in); // nobody was sent away
  }
  SECTION("who waits is let in when one ends, or refused when it took long") {
    CHECK(end(open[0], "content").stored);
    REQUIRE(take() == max_streams_in / 2 + 1);
    CHECK(end(open.back(), "content").stored);
    REQUIRE(take() == max_streams_in / 2 + 2);
    advance(std::chrono::minutes{1});
    CHECK(end(open[1], "content").stored);
    REQUIRE(take() == max_streams_in);
    CHECK_FALSE(open.back().writer);
    CHECK(receipt(open.back().receipt).code == errc::too_many_requests);
  }
  SECTION("the queue has an end, too") {
    for (size_t i = max_streams_in / 2; i < max_offers_waiting; ++i)
      come(x);
    CHECK(take() == max_streams_in / 2);
    CHECK(refused(x) == errc::too_many_requests);
  }
  SECTION("those that nobody brings back are forgotten in time") {
    advance(std::chrono::minutes{3});
    CHECK(receive(x, "content").stored);
  }
  open.clear();
  CHECK(work_files() == 0);
}

TEST_CASE_METHOD(fixture, "mover: what moves here is told, once",
                 "[actors][mover]") {
  tally sum;
  arrivals_actor counting = sys.spawn(counter, &sum);
  caf::anon_send(mover, use_settler{{}, counting});
  auto x = offer_of("content");
  CHECK(receive(x, "content").stored); // a copy is no move
  CHECK(receive(x, "c0ntent").code == errc::bad_checksum);
  run();
  CHECK(sum.objects == 0);
  x.how = stream_write::move;
  x.attrs.version = "8";
  CHECK(receive(x, "content").stored);
  x.when = write_if::absent; // its receipt was lost, say
  CHECK_FALSE(receive(x, "content").stored);
  run();
  CHECK(sum.objects == 1);
  CHECK(sum.bytes == 7);
  caf::anon_send_exit(counting, caf::exit_reason::user_shutdown);
  run();
}

TEST_CASE_METHOD(fixture, "mover: what arrives does not replace what is newer",
                 "[actors][mover]") {
  auto x = offer_of("moved");
  x.how = stream_write::move;
  SECTION("only if absent") {
    x.when = write_if::absent;
    REQUIRE(put("ours"));
    auto r = receive(x, "moved");
    CHECK(r.code == errc::none);
    CHECK_FALSE(r.stored);
    CHECK(stored() == "1:ours");
  }
  SECTION("only if older, and surely so") {
    x.when = write_if::older;
    CHECK(receive(x, "moved").stored);
    CHECK_FALSE(receive(x, "moved").stored); // the same
    auto next = offer_of("next");
    next.how = stream_write::move;
    next.when = write_if::older;
    next.attrs.version = "8";
    ++next.attrs.mtime_ns;
    CHECK(receive(next, "next").stored);
    CHECK_FALSE(receive(x, "moved").stored);
    CHECK(stored() == "8:next");
    // A smaller number, but later: deleted and written again somewhere?
    next.attrs.version = "1";
    next.attrs.cksum
      = storage::cksum_of(storage::cksum_type::xxhash2, content("reborn"));
    next.attrs.size_bytes = 6;
    ++next.attrs.mtime_ns;
    CHECK(receive(next, "reborn").code == errc::conflict);
    CHECK(stored() == "8:next");
  }
  for (auto when : {write_if::absent, write_if::older}) {
    DYNAMIC_SECTION("written meanwhile: the later write stays, "
                    << static_cast<int>(when)) {
      x.when = when;
      auto admitted = offer(x);
      REQUIRE(put("ours"));
      auto r = end(admitted, "moved");
      CHECK(r.code == errc::none);
      CHECK_FALSE(r.stored);
      CHECK(stored() == "1:ours");
    }
    DYNAMIC_SECTION("written and deleted meanwhile: it stays deleted, "
                    << static_cast<int>(when)) {
      x.when = when;
      auto admitted = offer(x);
      REQUIRE(put("ours"));
      REQUIRE(ask<ack>(shard(), delete_object{key()}));
      CHECK(end(admitted, "moved").code == errc::conflict);
      CHECK(stored() == "object_not_found");
    }
    DYNAMIC_SECTION("deleted meanwhile, though it was not here yet, "
                    << static_cast<int>(when)) {
      x.when = when;
      auto admitted = offer(x);
      CHECK_FALSE(ask<ack>(shard(), delete_object{key()}));
      CHECK(end(admitted, "moved").code == errc::conflict);
      CHECK(stored() == "object_not_found");
      CHECK(receive(x, "moved").stored); // another attempt is another matter
    }
  }
  CHECK(work_files() == 0);
}

TEST_CASE_METHOD(fixture, "mover: copies and renames on one target",
                 "[actors][mover]") {
  std::string second; // another object of ours
  for (int i = 100; second.empty(); ++i) {
    auto name = "o" + std::to_string(i);
    auto digest = placement_digest(uname_of(b->ref.bck, name));
    if (owner_of(*state.map, digest)->id == "t1")
      second = name;
  }
  auto copy = [&](const std::string& from, const std::string& to, bool rename) {
    return ask<lom_ptr>(mover, copy_object{{b, from}, {b, to}, rename});
  };
  CHECK(copy(mine, second, false).error() == errc::object_not_found);
  REQUIRE(put("content"));
  auto made = copy(mine, second, false);
  REQUIRE(made);
  CHECK((*made)->version == "1");
  CHECK(stored() == "1:content");
  REQUIRE(copy(second, mine, true));
  CHECK(stored() == "2:content");
  CHECK(copy(second, mine, true).error() == errc::object_not_found);
  // A version that is not the current one any more, with other metadata.
  auto source = ask<lease_ptr>(shard(), open_object{key(), false});
  REQUIRE(source);
  REQUIRE(put("newer"));
  copy_object chosen{{b, mine}, {b, second}, false, *source, {{{"a", "b"}}}};
  auto older = ask<lom_ptr>(mover, chosen);
  REQUIRE(older);
  CHECK((*older)->size_bytes == 7);
  CHECK((*older)->custom == storage::custom_map{{"a", "b"}});
  REQUIRE(copy(second, mine, true));
  CHECK(stored() == "4:content");
  // To a target that cannot be reached, and without a lease.
  CHECK(copy(mine, theirs, true).error() == errc::not_ready);
  gate->open_until(0);
  CHECK(copy(mine, second, false).error() == errc::not_ready);
  gate->open_until(fence::always);
  CHECK(stored() == "4:content");
  CHECK(work_files() == 0);
}

namespace {

/// Keeps what it is to carry.
courier_actor::behavior_type
stub_courier(courier_actor::pointer, std::vector<carry>* seen) {
  return {
    [seen](const carry& x) -> caf::result<carried> {
      seen->push_back(x);
      return source_changed();
    },
    [](const receive_streams&) {},
  };
}

} // namespace

TEST_CASE_METHOD(fixture,
                 "mover: a move ends well only while its source is"
                 " valid, with a lease or without",
                 "[actors][mover]") {
  std::vector<carry> seen;
  auto courier = sys.spawn(stub_courier, &seen);
  auto sender
    = spawn_mover(sys, {env, "t1", sync, buckets, target, gate, courier});
  REQUIRE(put("content"));
  auto source = ask<lease_ptr>(shard(), open_object{key()});
  REQUIRE(source);
  auto send = [&](stream_write how) {
    send_object req{"t2", *source, key(), how, write_if::older};
    return ask<sent_object>(sender, req);
  };
  CHECK(send(stream_write::move).error() == errc::not_ready);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].valid == *source);
  CHECK(send(stream_write::copy).error() == errc::not_ready);
  REQUIRE(seen.size() == 2);
  CHECK(seen[1].valid == nullptr);
  // In maintenance a target has no lease, but objects to give.
  gate->open_until(0);
  CHECK(send(stream_write::copy).error() == errc::not_ready);
  CHECK(seen.size() == 2);
  CHECK(send(stream_write::move).error() == errc::not_ready);
  CHECK(seen.size() == 3);
  gate->open_until(fence::always);
  caf::anon_send_exit(sender, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(courier, caf::exit_reason::user_shutdown);
  run();
}
