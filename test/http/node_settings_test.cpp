#include "http/node_settings.hpp"

#include "http/command_line.hpp"
#include "http/config_meanings.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace ais;
using namespace ais::http;

namespace {

node_settings read(std::string_view file, const given_options& options = {}) {
  auto values = read_settings("f.json", file, options);
  if (!values)
    FAIL(message_of(values.error()));
  auto out = settings_of(*values);
  REQUIRE(out);
  return *out;
}

std::string refused(std::string_view file, const given_options& options = {}) {
  auto values = read_settings("f.json", file, options);
  REQUIRE_FALSE(values);
  CHECK(values.error() == errc::invalid_argument);
  return message_of(values.error());
}

expected<command_line> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "aisnode");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

std::string misused(std::vector<const char*> words) {
  auto out = parse(std::move(words));
  REQUIRE_FALSE(out);
  return message_of(out.error());
}

} // namespace

TEST_CASE("settings: without a file", "[http][settings]") {
  auto x = read("");
  CHECK(x.dir == "ais-data");
  CHECK(x.role == "both");
  CHECK(x.mountpaths.empty());
  CHECK(x.net.host == "127.0.0.1");
  CHECK(x.net.port == 8080);
  CHECK(x.log_file.empty());
  CHECK(x.format == log_format::text);
  CHECK_FALSE(x.level);
  CHECK(x.slow_seconds == 5);
  CHECK_FALSE(x.first_config);
  CHECK_FALSE(x.clustered());
}

TEST_CASE("settings: a file", "[http][settings]") {
  SECTION("AIStore's local configuration works as it is") {
    auto x = read(R"({
      "confdir": "/etc/ais",
      "log_dir": "/var/log/ais",
      "host_net": {
        "hostname": "10.0.0.1", "hostname_intra_control": "10.1.0.1",
        "hostname_intra_data": "10.2.0.1",
        "port": "51080", "port_intra_control": "51082",
        "port_intra_data": "51083"
      },
      "fspaths": {"/ais/b": "nvme", "/ais/a": ""},
      "test_fspaths": {"root": "/tmp/ais", "count": 0, "instance": 0}
    })");
    CHECK(x.dir == "/etc/ais");
    CHECK(x.log_file == "/var/log/ais/aisnode.log");
    CHECK(x.net.host == "10.0.0.1");
    CHECK(x.net.control_host == "10.1.0.1");
    CHECK(x.net.data_host == "10.2.0.1");
    CHECK(x.net.port == 51080);
    CHECK(x.net.control_port == 51082);
    CHECK(x.net.data_port == 51083);
    CHECK(x.mountpaths
          == std::vector<std::pair<std::string, std::string>>{
            {"/ais/b", "nvme"}, {"/ais/a", ""}});
    CHECK(x.clustered());
  }
  SECTION("test_fspaths makes mountpaths up") {
    auto x = read(R"({"test_fspaths": {"root": "/t", "count": 2,
                                       "instance": 3}})");
    REQUIRE(x.mountpaths.size() == 2);
    CHECK(x.mountpaths[1].first == "/t/mp2/3");
    auto both = refused(R"({"test_fspaths": {"root": "/t", "count": 2},
                            "fspaths": {"/a": ""}})");
    CHECK(both.find("test_fspaths.count") != std::string::npos);
  }
  SECTION("options win, a list replaces the other") {
    auto file = R"({"host_net": {"port": 1}, "fspaths": {"/a": ""},
                    "log_level": "debug", "standby": true})";
    auto x = read(file, {{"host_net.port", "2"},
                         {"fspaths", R"({"/b": ""})"},
                         {"standby", "false"}});
    CHECK(x.net.port == 2);
    REQUIRE(x.mountpaths.size() == 1);
    CHECK(x.mountpaths[0].first == "/b");
    CHECK_FALSE(x.standby);
    CHECK(x.level == log_level::debug);
  }
  SECTION("a log file wins over a directory") {
    CHECK(read(R"({"log_dir": "/a", "log_file": "/b/c"})").log_file == "/b/c");
  }
  SECTION("parts of a second are slow, too") {
    CHECK(read(R"({"log_slow": "1500ms"})").slow_seconds == 2);
    CHECK(read(R"({"log_slow": "0s"})").slow_seconds == 0);
  }
  SECTION("of a new cluster") {
    auto x = read(R"({"cluster": {"mirror": {"copies": 3}}})");
    REQUIRE(x.first_config);
    CHECK(x.first_config->version == 1);
    CHECK(x.first_config->values.integer("mirror.copies") == 3);
    CHECK(x.first_config->values.integer("ec.data_slices") == 2);
  }
}

TEST_CASE("settings: mistakes", "[http][settings]") {
  auto check = [](std::string_view file, std::string_view why) {
    CHECK(refused(file) == std::string{why});
  };
  check("{\n  \"join\": \"x\",\n}",
        "f.json: malformed JSON at line 3, column 1: syntax error");
  check("{", "f.json: malformed JSON at line 1, column 2: incomplete JSON");
  check("[]", "f.json: it must be a JSON object {...}");
  check(R"({"host_net": {"prt": 1}})",
        "f.json: unknown property \"host_net.prt\": did you mean"
        " \"host_net.port\"?");
  check(R"({"host_nets": {}})",
        "f.json: unknown property \"host_nets\": did you mean \"host_net\"?");
  check(R"({"host_net": 1})",
        "f.json: \"host_net\" must be an object of properties");
  check(R"({"host_net": {"port": 70000}})",
        "f.json: invalid value \"70000\" for host_net.port: use a value from 0"
        " to 65535");
  check(R"({"host_net": {"port": true}})",
        "f.json: invalid value \"true\" for host_net.port: use a whole number");
  check(R"({"role": "gateway"})",
        "f.json: invalid value \"gateway\" for role: use one of: both proxy"
        " target");
  check(R"({"fspaths": {"/a": 1}})",
        "fspaths: the label of \"/a\" must be a string, \"\" for none");
  check(R"({"fspaths": {"": ""}})",
        "fspaths (--mountpath): a directory has no name");
  check(R"({"confdir": ""})", "confdir (--dir) must name a directory");
  check(R"({"role": "proxy", "fspaths": {"/a": ""}})",
        "a proxy has no mountpaths: leave out fspaths (--mountpath)");
  check(R"({"mirror": {"copies": 3}})",
        "f.json: \"mirror\" is configuration of the whole cluster: put it into"
        " the object \"cluster\"");
  check(R"({"cluster": {"mirror": {"copys": 3}}})",
        "f.json: in \"cluster\": unknown property \"mirror.copys\": did you"
        " mean \"mirror.copies\"?");
  check(R"({"cluster": {"space": {"lowwm": 99}}})",
        "f.json: in \"cluster\": invalid configuration: space watermarks must"
        " not decrease from cleanupwm over lowwm and highwm to out_of_space");
  check(R"({"join": "10.0.0.1:8080"})",
        "join (--join) \"10.0.0.1:8080\" is no URL such as http://host:8080");
  CHECK(refused("", {{"host_net.port", "x"}})
        == "--port: invalid value \"x\" for host_net.port: use a whole number");
}

TEST_CASE("settings: cut anywhere, a file is refused", "[http][settings]") {
  auto whole = settings_file(*read_settings({}, {}, {}));
  while (whole.back() != '}')
    whole.pop_back();
  for (size_t n = 1; n < whole.size(); ++n) {
    CAPTURE(n);
    REQUIRE_FALSE(read_settings("f", std::string_view{whole}.substr(0, n), {}));
  }
}

TEST_CASE("settings: what is printed is read", "[http][settings]") {
  auto values
    = read_settings("f", R"({"fspaths": {"/a": "x"}, "join": "http://h",
    "log_slow": "1m", "cluster": {"mirror": {"enabled": true}}})",
                    {{"host_net.port", "99"}});
  REQUIRE(values);
  auto again = read_settings("f", settings_file(*values), {});
  REQUIRE(again);
  CHECK(*again == *values);
  CHECK(differences(*again, *values).empty());
  auto other
    = read_settings("f", settings_file(*values), {{"join", "http://x"}});
  REQUIRE(other);
  auto changed = differences(*values, *other);
  REQUIRE(changed.size() == 1);
  CHECK(changed[0]->flag == "--join");
}

TEST_CASE("settings: the table", "[http][settings]") {
  std::set<std::string_view> flags, groups;
  std::string_view group;
  for (auto& s : all_settings()) {
    CAPTURE(s.is.path);
    CHECK_FALSE(s.meaning.empty());
    CHECK(s.meaning.find('|') == s.meaning.npos); // a cell of a table
    if (!s.flag.empty())
      CHECK(flags.insert(s.flag).second);
    if (s.group != group)
      CHECK(groups.insert(s.group).second); // stands together
    group = s.group;
    auto boolean = s.is.kind == property_kind::boolean;
    CHECK(s.value.empty() == (boolean || s.flag.empty()));
  }
  for (auto& p : config_schema()) {
    CAPTURE(p.path);
    CHECK_FALSE(config_meaning(p.path).empty());
  }
  CHECK(config_meaning("no.such").empty());
  auto help = settings_help();
  for (auto flag : flags)
    CHECK(help.find("  " + std::string{flag}) != help.npos);
  for (size_t at = 0; at < help.size();) {
    auto end = help.find('\n', at);
    CHECK(end - at < 80);
    at = end + 1;
  }
}

TEST_CASE("command line", "[http][settings]") {
  SECTION("options become keys, in order") {
    auto x = parse({"--port", "1", "--standby", "--mountpath", "/a",
                    "--mountpath=/b", "--config", "f"});
    REQUIRE(x);
    CHECK(x->what == wanted::node);
    CHECK(x->config_file == "f");
    auto got = read("", x->options);
    CHECK(got.net.port == 1);
    CHECK(got.standby);
    CHECK(got.mountpaths.size() == 2);
  }
  SECTION("a flag can be taken back") {
    auto x = parse({"--standby=false"});
    REQUIRE(x);
    CHECK_FALSE(read(R"({"standby": true})", x->options).standby);
  }
  SECTION("other things to do") {
    CHECK(parse({"-h"})->what == wanted::help);
    CHECK(parse({"--help", "--port", "x"})->what == wanted::help);
    CHECK(parse({"--version"})->what == wanted::version);
    CHECK(parse({"--help-config"})->what == wanted::reference);
    CHECK(parse({"--print-config"})->what == wanted::settings);
  }
  SECTION("mistakes") {
    CHECK(misused({"--prot", "1"})
          == "unknown argument \"--prot\": did you mean --port?");
    CHECK(misused({"-local_config=x"}).find("unknown argument") == 0);
    CHECK(misused({"data"}) == "unknown argument \"data\": see aisnode --help");
    CHECK(misused({"--port"}).find("--port takes one value") == 0);
    CHECK(misused({"--port", "1", "--port", "2"}).find("--port takes one value")
          == 0);
  }
}
