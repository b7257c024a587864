#include "actors/meta/bprops.hpp"
#include "actors/meta/cluster_config.hpp"

#include <catch2/catch.hpp>

#include <chrono>

using namespace ais;

namespace {

expected<cluster_config_ptr>
set(const cluster_config& x, const char* path, const char* value) {
  return with_changes(x, {{{path, value}}, {}}, 1);
}

} // namespace

TEST_CASE("config: every default is valid and shown", "[actors][config]") {
  cluster_config x;
  x.uuid = "u";
  auto tree = to_json(x);
  for (auto& p : config_schema()) {
    INFO(std::string{p.path});
    property_set copy{config_schema()};
    CHECK(copy.set(p.path, p.otherwise));
    CHECK(copy == x.values);
  }
  for (auto section : {"backend",      "mirror",
                       "ec",           "chunks",
                       "log",          "periodic",
                       "timeout",      "client",
                       "proxy",        "space",
                       "lru",          "disk",
                       "rebalance",    "resilver",
                       "checksum",     "transport",
                       "memsys",       "versioning",
                       "net",          "fshc",
                       "auth",         "keepalivetracker",
                       "downloader",   "features",
                       "write_policy", "rate_limit",
                       "tcb",          "tco",
                       "arch",         "lso",
                       "get_batch"})
    CHECK(tree.contains(section));
  CHECK(tree["features"] == "0");
  CHECK(tree["config_version"] == "1");
  CHECK(tree["timeout"].get_object()["startup_time"] == "1m");
  CHECK(tree["net"].get_object()["http"].get_object()["idle_conns"] == 256);
}

TEST_CASE("config: changes", "[actors][config]") {
  cluster_config x;
  auto next = set(x, "periodic.stats_time", "12s");
  REQUIRE(next);
  CHECK((*next)->version == 2);
  CHECK((*next)->values.text("periodic.stats_time") == "12s");
  CHECK(set(x, "Periodic.Stats_Time", "12s"));
  CHECK(set(x, "auth.enabled", "false"));

  SECTION("what is not valid is refused with what would be") {
    auto typo = set(x, "periodic.stats_tim", "12s");
    REQUIRE_FALSE(typo);
    CHECK(message_of(typo.error()).find("periodic.stats_time")
          != std::string::npos);
    for (auto [path, value] :
         std::initializer_list<std::pair<const char*, const char*>>{
           {"periodic.stats_time", "2m"},
           {"periodic.stats_time", "12"},
           {"mirror.copies", "33"},
           {"mirror.copies", "x"},
           {"mirror.enabled", "maybe"},
           {"log.max_size", "2GiB"},
           {"checksum.type", "crc64"},
           {"features", "-1"},
           {"space.lowwm", "99"},
           {"keepalivetracker.proxy.interval", "999ms"},
           {"log.max_total", "65MiB"},
           {"rate_limit.frontend.burst_size", "501"}})
      CHECK(set(x, path, value).error() == errc::invalid_argument);
    CHECK(with_changes(x, {}, 1).error() == errc::invalid_argument);
  }
  SECTION("by a JSON tree") {
    auto tree = parse_json(R"({"periodic":{"stats_time":"15s"},"features":"8",
                               "mirror":{"copies":3},"log":null})");
    auto by_tree = with_changes(x, {{}, tree->get_object()}, 1);
    REQUIRE(by_tree);
    CHECK((*by_tree)->values.integer("mirror.copies") == 3);
    CHECK((*by_tree)->values.mask("features") == 8);
    for (auto bad : {R"({"mirror":{"nope":1}})", R"({"mirror":{"copies":"3"}})",
                     R"({"nope":1})", R"({"mirror":3})", R"({})",
                     R"({"periodic":{"stats_time":15}})"}) {
      auto parsed = parse_json(bad);
      INFO(bad);
      CHECK(bool(with_changes(x, {{}, parsed->get_object()}, 1))
            == (std::string{bad} == R"({"mirror":{"copies":"3"}})"));
    }
  }
  SECTION("it reads back what it wrote") {
    auto back = parse_cluster_config(to_text(to_json(**next)));
    REQUIRE(back);
    CHECK((*back)->values == (*next)->values);
    CHECK((*back)->version == 2);
  }
}

TEST_CASE("config: what a node overrides", "[actors][config]") {
  cluster_config base;
  overrides own;
  auto over = [&](const char* path, const char* value, bool transient) {
    return with_override(own, base, {{{path, value}}, {}}, transient);
  };
  SECTION("saved ones stand over the cluster's, transient ones over both") {
    auto saved = over("disk.iostat_time_long", "5s", false);
    REQUIRE(saved);
    own = *saved;
    auto both = over("disk.iostat_time_long", "6s", true);
    REQUIRE(both);
    CHECK(effective_values(base, own).text("disk.iostat_time_long") == "5s");
    CHECK(effective_values(base, *both).text("disk.iostat_time_long") == "6s");
    CHECK(both->saved == own.saved);
    CHECK(both->saved.size() == 1);
    own = *both;
    auto again = over("disk.iostat_time_long", "7s", false);
    REQUIRE(again);
    CHECK(effective_values(base, *again).text("disk.iostat_time_long") == "7s");
  }
  SECTION("the cluster's changes show through where nothing is overridden") {
    own = *over("log.level", "4", false);
    auto next = *set(base, "periodic.stats_time", "12s");
    auto values = effective_values(*next, own);
    CHECK(values.text("periodic.stats_time") == "12s");
    CHECK(values.mask("log.level") == 4);
  }
  SECTION("cluster-wide properties cannot be overridden") {
    auto refused = over("mirror.copies", "3", false);
    REQUIRE_FALSE(refused);
    CHECK(message_of(refused.error())
          == "mirror configuration can only be globally updated");
  }
  SECTION("transient changes are for what takes effect at once") {
    CHECK(over("log.level", "4", true));
    CHECK(over("log.level", "many", true).error() == errc::invalid_argument);
    CHECK(over("mirror.enabled", "true", true).error()
          == errc::invalid_argument);
    CHECK(over("memsys.min_free", "1GiB", true).error() == errc::unsupported);
    CHECK(over("net.use_ipv6", "true", true).error() == errc::unsupported);
    CHECK(over("timeout.max_keepalive", "6s", true).error()
          == errc::unsupported);
  }
  SECTION("rules between properties hold for the result") {
    CHECK(over("space.lowwm", "95", false).error() == errc::invalid_argument);
    own = *over("space.lowwm", "85", false);
    // The cluster lowers what the override must stay below: all of it gives
    // way.
    auto next
      = *set(*set(base, "space.lowwm", "70").value(), "space.highwm", "80");
    CHECK(effective_values(*next, own).integer("space.lowwm") == 70);
  }
}

TEST_CASE("config: what is accepted can be read again", "[actors][config]") {
  cluster_config x;
  size_t accepted = 0;
  for (size_t depth = 1; depth <= max_json_depth; ++depth) {
    std::string text;
    for (size_t i = 1; i < depth; ++i)
      text += R"({"a":)";
    text += "{}" + std::string(depth - 1, '}');
    auto next = set(x, "backend", text.c_str());
    auto tree = parse_json(R"({"backend":)" + text + '}');
    if (tree)
      CHECK(static_cast<bool>(with_changes(x, {{}, tree->get_object()}, 1))
            == static_cast<bool>(next));
    if (!next)
      continue;
    ++accepted;
    auto back = parse_cluster_config(to_text(to_json(**next)));
    CAPTURE(depth);
    REQUIRE(back);
    CHECK((*back)->values == (*next)->values);
  }
  CHECK(accepted == max_tree_depth);
}

TEST_CASE("config: a path of a megabyte is refused without a guess",
          "[actors][config]") {
  cluster_config x;
  auto refused = set(x, std::string(1 << 20, 'a').c_str(), "1");
  REQUIRE(refused.error() == errc::invalid_argument);
  CHECK(message_of(refused.error()).find("did you mean") == std::string::npos);
  CHECK(message_of(refused.error()).size() < 200);
}

TEST_CASE("bprops: the default bucket is AIStore's", "[actors][bprops]") {
  auto props = default_bprops(cluster_config{});
  props.bid = 9223372036854775809ull;
  props.created_ns = 1795225489058836806;
  bck b{provider::ais, {}, "abc"};
  // api-control 7.3, plus "durability" and "s3".
  auto golden = parse_json(R"(
{"backend_bck":{"name":"","provider":"","namespace":{"uuid":"","name":""}},
 "write_policy":{"data":"immediate","md":"immediate"},"provider":"ais","Renamed":"",
 "checksum":{"type":"xxhash2","validate_cold_get":false,"validate_warm_get":false,"validate_obj_move":false,"enable_read_range":false},
 "extra":{"aws":{},"gcp":{},"oci":{}},
 "rate_limit":{"backend":{"interval":"1m","max_tokens":1000,"enabled":false,"num_retries":3},
               "frontend":{"interval":"1m","max_tokens":1000,"enabled":false,"burst_size":375}},
 "ec":{"compression":"never","bundle_multiplier":2,"burst_buffer":512,"objsize_limit":262144,"data_slices":2,"parity_slices":2,"enabled":false,"disk_only":false},
 "chunks":{"objsize_limit":"0B","max_monolithic_size":"1TiB","chunk_size":"1GiB"},
 "mirror":{"copies":2,"burst_buffer":512,"enabled":false},
 "lru":{"dont_evict_time":"2h0m","capacity_upd_time":"10m","batch_size":32768,"enabled":false},
 "access":"18446744073709551615","features":"0","bid":"9223372036854775809","created":"1795225489058836806",
 "versioning":{"enabled":true,"validate_warm_get":false,"synchronize":false},
 "s3":{"acl":"","cors":"","lifecycle":"","owner":"","ownership":"","policy":"","public_block":"","tags":"","versioning":""},"durability":"sync"})");
  REQUIRE(golden);
  CHECK(json::value(to_json(props, b)) == *golden);
  auto back = parse_bprops(to_json(props, b));
  REQUIRE(back);
  CHECK(back->values == props.values);
  CHECK(back->bid == props.bid);
}

TEST_CASE("bprops: a reset leaves who it is for", "[actors][bprops]") {
  auto props = default_bprops(cluster_config{});
  props.bid = 7;
  REQUIRE(props.values.set("s3.owner", "ann"));
  REQUIRE(props.values.set("s3.policy", "{}"));
  REQUIRE(props.values.set("s3.ownership", "BucketOwnerEnforced"));
  REQUIRE(props.values.set("s3.public_block", "none"));
  REQUIRE(props.values.set("s3.lifecycle", "[]"));
  REQUIRE(props.values.set("checksum.type", "md5"));
  auto again = with_defaults(props, cluster_config{});
  CHECK(again.bid == 7);
  CHECK(again.values.text("s3.owner") == "ann");
  CHECK(again.values.text("s3.policy") == "{}");
  CHECK(again.values.text("s3.ownership") == "BucketOwnerEnforced");
  CHECK(again.values.text("s3.public_block") == "none");
  CHECK(again.values.text("s3.lifecycle").empty()); // it deletes
  CHECK(again.values.text("checksum.type") == "xxhash2");
}

TEST_CASE("bprops: access", "[actors][bprops]") {
  auto props = default_bprops(cluster_config{});
  bck b{provider::ais, {}, "b"};
  auto ro = parse_json(R"({"access":"771"})");
  auto changed = with_props(props, ro->get_object());
  REQUIRE(changed);
  CHECK(check_access(*changed, b, access::get));
  CHECK(check_access(*changed, b, access::patch));
  auto denied = check_access(*changed, b, access::put);
  CHECK(denied.error() == errc::access_denied);
  CHECK(message_of(denied.error()).find("PUT access denied")
        != std::string::npos);
  for (auto bad : {R"({"access":"x"})", R"({"ec":{"enabled":true}})",
                   R"({"bid":"1"})", R"({"versioning":{"enabled":"maybe"}})"}) {
    INFO(bad);
    CHECK(with_props(props, parse_json(bad)->get_object()).error()
          == errc::invalid_argument);
  }
}

TEST_CASE("config: TLS that nodes do not speak is refused",
          "[actors][config]") {
  cluster_config x;
  auto refused = set(x, "net.http.use_https", "true");
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::unsupported);
  CHECK(set(x, "net.http.use_https", "false"));
  REQUIRE(x.values.set("net.http.use_https", "true"));
  CHECK(set(x, "mirror.copies", "3"));
}
