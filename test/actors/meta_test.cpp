#include "actors/meta/bmd.hpp"
#include "actors/meta/cluster_state.hpp"
#include "actors/meta/meta_store.hpp"
#include "actors/meta/smap.hpp"
#include "storage/base/hrw.hpp"
#include "storage/memory_disk.hpp"

#include <catch2/catch.hpp>

using namespace ais;

TEST_CASE("bmd: buckets come and go", "[actors][bmd]") {
  bmd x;
  x.uuid = "u";
  bck b{provider::ais, {}, "b"};
  auto one = with_bucket(x, b, default_bprops(cluster_config{}));
  REQUIRE(one);
  CHECK((*one)->version == 1);
  CHECK(with_bucket(**one, b, {}).error() == errc::bucket_exists);
  CHECK(message_of(with_bucket(**one, b, {}).error())
        == "bucket \"ais://b\" already exists");
  auto two = with_bucket(**one, {provider::ais, {"", "ns"}, "b"}, {});
  REQUIRE(two);
  auto bid = (*two)->buckets.at(b)->ref.bid;
  CHECK(bid >> 63 == 1);

  SECTION("a number is never given twice") {
    auto gone = without_bucket(**two, b);
    REQUIRE(gone);
    CHECK((*gone)->find(b).error() == errc::bucket_not_found);
    auto again = with_bucket(**gone, b, {});
    CHECK((*again)->buckets.at(b)->ref.bid > bid);
  }
  SECTION("it reads back what it wrote") {
    auto back = parse_bmd(to_text(to_json(**two)));
    REQUIRE(back);
    CHECK(to_json(**back) == to_json(**two));
    CHECK((*back)->last_bid == 2);
  }
  SECTION("properties keep the incarnation") {
    auto changed = with_bucket_props(**two, b, {});
    CHECK((*changed)->buckets.at(b)->ref.bid == bid);
  }
  SECTION("a renaming ends with the bucket it goes to") {
    bck to{provider::ais, {}, "to"};
    auto three = with_bucket(**two, to, {});
    bprops props;
    props.renamed = uname_of(to);
    auto marked = with_bucket_props(**three, b, props);
    REQUIRE((*marked)->buckets.at(b)->props->renamed == uname_of(to));
    auto gone = without_bucket(**marked, to);
    REQUIRE(gone);
    CHECK((*gone)->buckets.at(b)->props->renamed.empty());
    CHECK((*gone)->buckets.at(b)->ref.bid == bid);
  }
  SECTION("former versions have a bucket, which goes with its parent") {
    bprops props;
    REQUIRE(props.values.set("s3.versioning", "Enabled"));
    auto kept = with_bucket_props(**two, b, props);
    REQUIRE(kept);
    auto& parent = *(*kept)->buckets.at(b);
    auto former = storage::versions_of(parent.ref).bck;
    REQUIRE((*kept)->buckets.count(former) == 1);
    CHECK(parent.versions_bid == (*kept)->buckets.at(former)->ref.bid);
    auto back = parse_bmd(to_text(to_json(**kept)));
    REQUIRE(back);
    CHECK((*back)->buckets.at(b)->versions_bid == parent.versions_bid);
    CHECK(without_bucket(**kept, former).error() == errc::conflict);
    INFO("another bucket of that name needs it, too");
    CHECK((*without_bucket(**kept, b))->buckets.count(former) == 1);
    auto alone = without_bucket(**kept, {provider::ais, {"", "ns"}, "b"});
    CHECK((*without_bucket(**alone, b))->buckets.empty());
  }
}

TEST_CASE("smap: as clients read it", "[actors][smap]") {
  smap x;
  x.version = 7;
  x.uuid = "sS7vKa7wo";
  x.created = "2026-11-21 01:43:31";
  net_info net{"127.0.0.1", 21480};
  x.proxies["gXhp21480"] = {"gXhp21480", node_role::proxy, net, net, net, 2};
  x.targets["edFt21482"] = {"edFt21482", node_role::target, net, net, net, 0};
  x.primary = "gXhp21480";
  auto tree = to_json(x);
  auto& proxy = tree["proxy_si"].get_object();
  CHECK(proxy["id_digest"] == 5846860406664135013ull);
  CHECK(proxy["daemon_type"] == "proxy");
  CHECK(proxy["flags"] == 2);
  CHECK(proxy["public_net"].get_object()["daemon_port"] == "21480");
  CHECK(proxy["public_net"].get_object()["direct_url"]
        == "http://127.0.0.1:21480");
  CHECK(tree["version"] == "7");
  auto& target = tree["tmap"].get_object()["edFt21482"].get_object();
  CHECK(target["id_digest"] == 17561269519251403548ull);
  auto back = parse_smap(to_text(to_json(x)));
  REQUIRE(back);
  CHECK(to_json(**back) == tree);
}

TEST_CASE("smap: objects are placed anew, and stay findable",
          "[actors][smap]") {
  smap x;
  auto add = [&](const char* id) {
    x.targets[id] = {id, node_role::target, {}, {}, {}, 0};
  };
  x.proxies["p1"] = {"p1", node_role::proxy, {}, {}, {}, 0};
  x.primary = "p1";
  add("t1");
  place_anew(x, false);
  CHECK(generation_of(x) == 1);
  add("t2");
  place_anew(x, true);
  place_anew(x, true); // nothing new
  CHECK(generation_of(x) == 2);
  CHECK(moving(x));
  size_t stay = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    auto digest = placement_digest("ais/@#/b/o" + std::to_string(i));
    auto id = owner_of(x, digest)->id;
    // What was t1's and is t2's may be at either; nothing was ever only t2's.
    CHECK(owned_throughout(x, id, digest) == (id == "t1"));
    stay += id == "t1";
  }
  CHECK(stay > 400);
  CHECK(stay < 600);
  SECTION("maintenance while objects move adds a placement") {
    x.targets["t1"].flags = snode_maintenance;
    place_anew(x, false); // those on their way must be found
    CHECK(x.placements.size() == 3);
    CHECK(owner_of(x, 1)->id == "t2");
  }
  SECTION("in rest, objects stay where they are if that is wanted") {
    end_moves(x);
    CHECK_FALSE(moving(x));
    x.targets["t1"].flags = snode_maintenance;
    place_anew(x, false);
    CHECK(x.placements == std::vector<placement_set>{{3, {"t2"}}});
  }
  SECTION("a search takes nothing for granted") {
    end_moves(x);
    search_anew(x);
    CHECK(moving(x));
    CHECK_FALSE(owned_throughout(x, "t1", 1));
    CHECK_FALSE(owned_throughout(x, "t2", 1));
  }
  SECTION("of many placements the oldest become one that says nothing") {
    for (size_t i = 0; i < max_placements; ++i) {
      x.targets["t1"].flags = i % 2 ? 0 : snode_maintenance;
      place_anew(x, true);
    }
    CHECK(x.placements.size() <= max_placements);
    CHECK(x.placements.front().targets.empty());
    CHECK(generation_of(x) == 2 + max_placements);
  }
  SECTION("a map without placements says nothing of where objects are") {
    x.placements.clear();
    place_anew(x, true);
    CHECK(moving(x));
    CHECK_FALSE(owned_throughout(x, owner_of(x, 1)->id, 1));
  }
  SECTION("it is kept") {
    auto back = parse_smap(to_text(to_json(x)));
    REQUIRE(back);
    CHECK((*back)->placements == x.placements);
  }
}

TEST_CASE("smap: loopback addresses and others do not mix", "[actors][smap]") {
  auto at = [](const std::string& host) {
    return snode{"id", node_role::target, {host, 1}, {host, 2}, {host, 3}, 0};
  };
  CHECK(check_company(at("127.0.0.3"), at("127.0.0.2")));
  CHECK(check_company(at("127.0.0.3"), at("localhost")));
  CHECK(check_company(at("10.0.0.7"), at("node8.example.org")));
  CHECK(check_company(at("2001:db8::7"), at("10.0.0.8")));
  for (auto* host : {"127.0.0.1", "::1", "localhost"}) {
    CHECK(check_company(at(host), at("10.0.0.8")).error() == errc::conflict);
    CHECK(check_company(at("10.0.0.8"), at(host)).error() == errc::conflict);
  }
  // A name may begin like an address.
  CHECK(check_company(at("127.example.org"), at("10.0.0.8")));
  // One network is enough.
  for (auto net : {&snode::pub, &snode::control, &snode::data}) {
    auto x = at("10.0.0.7");
    (x.*net).host = "127.0.0.1";
    CHECK_FALSE(check_company(x, at("10.0.0.8")));
  }
}

TEST_CASE("meta store: two copies, either suffices", "[actors][meta]") {
  storage::memory_disk d;
  for (auto dir : {"/x/a", "/x/b"})
    REQUIRE(storage::make_dirs(d, dir));
  meta_store store{d, {"/x/a", "/x/b"}};
  CHECK(store.load("bmd")->empty());
  REQUIRE(store.save("bmd", 1, "{\"v\":1}"));
  REQUIRE(store.save("bmd", 2, "{\"v\":2}"));
  CHECK(*store.load("bmd") == "{\"v\":2}");

  SECTION("a damaged copy is replaced by the other") {
    REQUIRE(d.flip_bit("/x/a/.ais.bmd", 45, 1));
    CHECK(*store.load("bmd") == "{\"v\":2}");
    REQUIRE(d.flip_bit("/x/b/.ais.bmd", 45, 1));
    CHECK(*store.load("bmd") == "{\"v\":2}");
  }
  SECTION("two damaged copies are an error, not a fresh start") {
    REQUIRE(d.flip_bit("/x/a/.ais.bmd", 45, 1));
    REQUIRE(d.flip_bit("/x/b/.ais.bmd", 45, 1));
    CHECK(store.load("bmd").error() == errc::integrity);
  }
  SECTION("the newer of two wins") {
    int writes = 0;
    d.fault = [&](storage::disk_op op, auto&) -> std::optional<errc> {
      if (op == storage::disk_op::rename && ++writes == 2)
        return errc::io_error;
      return std::nullopt;
    };
    CHECK(store.save("bmd", 3, "{\"v\":3}").error() == errc::io_error);
    d.fault = nullptr;
    CHECK(*store.load("bmd") == "{\"v\":3}");
  }
}

TEST_CASE("cluster state: access keys are part of it", "[actors][meta]") {
  cluster_state x;
  x.at = {3, 4};
  auto map = std::make_shared<smap>();
  map->uuid = "u";
  net_info net{"127.0.0.1", 1};
  map->proxies["p1"] = {"p1", node_role::proxy, net, net, net, 0};
  map->primary = "p1";
  x.map = map;
  x.secret = "s";
  x.access_keys = R"({"keys":[{"access_key":"A","secret_key":"é\"\\"}]})";
  auto text = to_json(x);
  auto back = parse_cluster_state(text);
  REQUIRE(back);
  CHECK((*back)->access_keys == x.access_keys);
  CHECK((*back)->at == x.at);
  // A node that was there before there were any starts without.
  auto old = parse_json(text);
  REQUIRE(old);
  old->get_object().erase("access_keys");
  auto before = parse_cluster_state(to_text(*old));
  REQUIRE(before);
  CHECK((*before)->access_keys.empty());
}
