#include "http/node_settings.hpp"

#include "http/s3/virtual_host.hpp"

#include <algorithm>
#include <iterator>

namespace ais::http {

namespace {

using k = property_kind;

constexpr int64_t max_port = 65'535;
constexpr int64_t max_threads = 1024;
constexpr int64_t hour_ms = 3'600'000;

constexpr std::string_view node = "Node";
constexpr std::string_view network = "Network";
constexpr std::string_view tls = "TLS between nodes";
constexpr std::string_view logs = "Log";
constexpr std::string_view first = "New cluster";

constexpr setting table[] = {
  {{"confdir", k::text, "ais-data"},
   "--dir",
   "DIR",
   node,
   "directory of the node: identity, metadata, S3 keys (s3.json), and data"
   " unless there are mountpaths"},
  {{"fspaths", k::tree, "{}"},
   "--mountpath",
   "DIR",
   node,
   "directories (disks) for objects; the option is repeated for several, the"
   " file has an object of directory: label. None: mp1 in the node's "
   "directory"},
  {{"role", k::text, "both", 0, 0, "both|proxy|target"},
   "--role",
   "ROLE",
   node,
   "proxy, target, or both in one process"},
  {{"join", k::text, ""},
   "--join",
   "URL",
   node,
   "any node of the cluster to join; without it, a proxy starts a cluster of"
   " its own. A node that was in a cluster finds it again without"},
  {{"standby", k::boolean, "false"},
   "--standby",
   "",
   node,
   "without a cluster yet, wait until an administrator asks this node into"
   " one"},
  {{"non_electable", k::boolean, "false"},
   "--non-electable",
   "",
   node,
   "never become primary"},
  {{"no_redirect", k::boolean, "false"},
   "--no-redirect",
   "",
   node,
   "pass requests for objects of other nodes on and their answers back, instead"
   " of redirecting clients"},
  {{"s3_redirect", k::boolean, "false"},
   "--s3-redirect",
   "",
   node,
   "redirect S3 clients to the node that has the object, instead of passing"
   " their requests on"},
  {{"s3_domains", k::tree, "{}"},
   "--s3-domain",
   "DOMAIN",
   node,
   "S3 clients may name buckets as hosts below this domain:"
   " http://BUCKET.DOMAIN/KEY; the option is repeated for several, the file has"
   " an object of domain: \"\""},
  {{"s3_region", k::text, ""},
   "--s3-region",
   "REGION",
   node,
   "region that S3 clients must sign for, on all nodes the same; empty: any"},
  {{"s3_lifecycle_day", k::duration, "24h", 1000, 24 * hour_ms},
   "--s3-lifecycle-day",
   "TIME",
   node,
   "how long a day of S3 lifecycle rules is: leave it, but for tests"},
  {{"threads", k::integer, "0", 0, max_threads},
   "--threads",
   "N",
   node,
   "I/O threads; 0: one per core"},
  {{"port_file", k::text, ""},
   "--port-file",
   "FILE",
   node,
   "file to write the port to once the node serves"},
  {{"test_fspaths.root", k::text, ""},
   "",
   "",
   node,
   "for tests, as in AIStore: mountpaths are mp1, mp2 and so on below this"},
  {{"test_fspaths.count", k::integer, "0", 0, 256},
   "",
   "",
   node,
   "how many of them; 0: fspaths says"},
  {{"test_fspaths.instance", k::integer, "0", 0, no_limit},
   "",
   "",
   node,
   "a directory of that name inside each; 0: none"},

  {{"host_net.hostname", k::text, "127.0.0.1"},
   "--host",
   "ADDRESS",
   network,
   "IP address to listen on; 0.0.0.0 or :: for all"},
  {{"host_net.port", k::integer, "8080", 0, max_port},
   "--port",
   "PORT",
   network,
   "port for clients, 0 for any free one"},
  {{"host_net.advertise", k::text, ""},
   "--advertise",
   "HOST",
   network,
   "name or address that clients and nodes are told to use; empty: the host, or"
   " the address that leads outside"},
  {{"host_net.hostname_intra_control", k::text, ""},
   "--control-host",
   "ADDRESS",
   network,
   "IP address for messages of other nodes; empty: the host"},
  {{"host_net.port_intra_control", k::integer, "0", 0, max_port},
   "--control-port",
   "PORT",
   network,
   "its port; 0: in a cluster port + 1000"},
  {{"host_net.hostname_intra_data", k::text, ""},
   "--data-host",
   "ADDRESS",
   network,
   "IP address for objects from other nodes; empty: the host"},
  {{"host_net.port_intra_data", k::integer, "0", 0, max_port},
   "--data-port",
   "PORT",
   network,
   "its port; 0: in a cluster port + 2000"},

  {{"tls.cert", k::text, ""},
   "--tls-cert",
   "FILE",
   tls,
   "PEM file of this node's certificate; SIGHUP reads the three files again"},
  {{"tls.key", k::text, ""}, "--tls-key", "FILE", tls, "PEM file of its key"},
  {{"tls.ca", k::text, ""},
   "--tls-ca",
   "FILE",
   tls,
   "PEM file of the authority that signed all nodes'"},

  {{"log_dir", k::text, ""},
   "",
   "",
   logs,
   "directory for the log, aisnode.log; log_file wins"},
  {{"log_file", k::text, ""},
   "--log-file",
   "FILE",
   logs,
   "log here instead of stderr; rotated as the cluster's log.max_size and"
   " log.max_total say; SIGHUP opens it again"},
  {{"log_format", k::text, "text", 0, 0, "text|json"},
   "--log-format",
   "FORMAT",
   logs,
   "text, or json: an object a line",
   true},
  {{"log_level", k::text, "cluster", 0, 0, "cluster|debug|info|warning|error"},
   "--log-level",
   "LEVEL",
   logs,
   "debug, info, warning or error; cluster: as the cluster's configuration says"
   " (log.level)",
   true},
  {{"log_slow", k::duration, "5s", 0, hour_ms},
   "--log-slow",
   "TIME",
   logs,
   "requests that we need this long to answer are logged, to the second; 0:"
   " none"},

  {{"cluster", k::tree, "{}"},
   "",
   "",
   first,
   "configuration of the cluster, in effect only if this start begins a new"
   " one: from then on the cluster keeps its own, see \"ais config cluster\""},
};

// -- reading ------------------------------------------------------------------

/// Says so where a section of the cluster's configuration stands beside ours.
expected<void> check_sections(const json::object& file) {
  auto begins = [](std::string_view path, const std::string& section) {
    return path == section || path.rfind(section + '.', 0) == 0;
  };
  auto has = [&](schema s, const std::string& section) {
    return std::any_of(s.begin(), s.end(),
                       [&](auto& p) { return begins(p.path, section); });
  };
  for (auto& m : file) {
    std::string key{m.key().data(), m.key().size()};
    if (!has(settings_schema(), key) && has(config_schema(), key))
      return fail(errc::invalid_argument,
                  '"' + key
                    + "\" is configuration of the whole cluster: put it into"
                      " the object \"cluster\"");
  }
  return caf::unit;
}

expected<cluster_config_ptr> first_config_of(const json::object& tree) {
  if (tree.empty())
    return cluster_config_ptr{};
  config_change change;
  change.tree = tree;
  auto made = with_changes({}, change, 0);
  if (!made)
    return with_context(made.error(), "in \"cluster\"");
  auto out = std::make_shared<cluster_config>();
  out->values = (*made)->values;
  return cluster_config_ptr{out};
}

expected<void> read_file(property_set& out, std::string_view text) {
  auto parsed = parse_json_file(text);
  if (!parsed)
    return parsed.error();
  auto* tree = parsed->if_object();
  if (!tree)
    return fail(errc::invalid_argument, "it must be a JSON object {...}");
  if (auto ok = check_sections(*tree); !ok)
    return ok;
  if (auto ok = out.set_tree(*tree); !ok)
    return ok;
  // It can be nowhere else: say in which file.
  auto cluster = first_config_of(out.value("cluster").as_object());
  return cluster ? expected<void>{caf::unit} : cluster.error();
}

const setting& setting_at(std::string_view key) {
  return *std::find_if(std::begin(table), std::end(table),
                       [&](auto& s) { return s.is.path == key; });
}

expected<std::vector<std::pair<std::string, std::string>>>
mountpaths_of(const property_set& x) {
  std::vector<std::pair<std::string, std::string>> out;
  for (auto& m : x.value("fspaths").as_object()) {
    std::string path{m.key().data(), m.key().size()};
    auto* label = m.value().if_string();
    if (!label)
      return fail(errc::invalid_argument,
                  "fspaths: the label of \"" + path
                    + "\" must be a string, \"\" for none");
    if (path.empty())
      return fail(errc::invalid_argument,
                  "fspaths (--mountpath): a directory has no name");
    out.emplace_back(std::move(path),
                     std::string{label->data(), label->size()});
  }
  auto count = x.integer("test_fspaths.count");
  if (count > 0 && !out.empty())
    return fail(errc::invalid_argument,
                "fspaths (--mountpath) and test_fspaths.count both name"
                " mountpaths: give one of them");
  auto inside = x.integer("test_fspaths.instance");
  for (int64_t i = 1; i <= count; ++i) {
    auto path = x.text("test_fspaths.root") + "/mp" + std::to_string(i);
    out.emplace_back(inside > 0 ? path + '/' + std::to_string(inside) : path,
                     "");
  }
  return out;
}

std::optional<log_level> level_of(const std::string& x) {
  if (x == "debug")
    return log_level::debug;
  if (x == "info")
    return log_level::info;
  if (x == "warning")
    return log_level::warning;
  if (x == "error")
    return log_level::error;
  return {};
}

} // namespace

std::span<const setting> all_settings() {
  return table;
}

schema settings_schema() {
  static const auto rows = [] {
    std::vector<property> out;
    for (auto& s : table)
      out.push_back(s.is);
    return out;
  }();
  return rows;
}

expected<property_set>
read_settings(std::string_view name, std::string_view file,
              const given_options& options) {
  property_set out{settings_schema()};
  if (!file.empty())
    if (auto ok = read_file(out, file); !ok)
      return with_context(ok.error(), name);
  for (auto& [key, text] : options)
    if (auto ok = out.set(key, text); !ok)
      return with_context(ok.error(), setting_at(key).flag);
  if (auto ok = settings_of(out); !ok)
    return ok.error();
  return out;
}

bool node_settings::clustered() const {
  return role != "both" || !join.empty() || net.control_port != 0
         || net.data_port != 0 || !net.control_host.empty()
         || !net.data_host.empty() || tls.any() || standby;
}

expected<node_settings> settings_of(const property_set& x) {
  node_settings out;
  auto port = [&](const char* key) {
    return static_cast<uint16_t>(x.integer(key));
  };
  auto mountpaths = mountpaths_of(x);
  if (!mountpaths)
    return mountpaths.error();
  out.mountpaths = std::move(*mountpaths);
  auto cluster = first_config_of(x.value("cluster").as_object());
  if (!cluster)
    return cluster.error();
  out.first_config = std::move(*cluster);
  out.dir = x.text("confdir");
  out.role = x.text("role");
  if (out.dir.empty())
    return fail(errc::invalid_argument,
                "confdir (--dir) must name a directory");
  if (out.role == "proxy" && !out.mountpaths.empty())
    return fail(errc::invalid_argument,
                "a proxy has no mountpaths: leave out fspaths (--mountpath)");
  out.join = x.text("join");
  if (!out.join.empty() && out.join.rfind("http://", 0) != 0)
    return fail(errc::invalid_argument,
                "join (--join) \"" + out.join
                  + "\" is no URL such as http://host:8080");
  out.standby = x.flag("standby");
  out.non_electable = x.flag("non_electable");
  out.no_redirect = x.flag("no_redirect");
  out.s3_redirect = x.flag("s3_redirect");
  for (auto& m : x.value("s3_domains").as_object()) {
    auto domain = s3::parse_domain({m.key().data(), m.key().size()});
    if (!domain)
      return with_context(domain.error(), "s3_domains (--s3-domain)");
    out.s3_domains.push_back(std::move(*domain));
  }
  out.s3_region = x.text("s3_region");
  out.lifecycle_day = x.duration("s3_lifecycle_day");
  out.threads = static_cast<size_t>(x.integer("threads"));
  out.port_file = x.text("port_file");
  out.net.host = x.text("host_net.hostname");
  out.net.port = port("host_net.port");
  out.net.advertise = x.text("host_net.advertise");
  out.net.control_host = x.text("host_net.hostname_intra_control");
  out.net.control_port = port("host_net.port_intra_control");
  out.net.data_host = x.text("host_net.hostname_intra_data");
  out.net.data_port = port("host_net.port_intra_data");
  out.tls = {x.text("tls.cert"), x.text("tls.key"), x.text("tls.ca")};
  out.log_file = x.text("log_file");
  if (out.log_file.empty() && !x.text("log_dir").empty())
    out.log_file = x.text("log_dir") + "/aisnode.log";
  out.format
    = x.text("log_format") == "json" ? log_format::json : log_format::text;
  out.level = level_of(x.text("log_level"));
  out.slow_seconds = static_cast<uint32_t>(
    std::chrono::ceil<std::chrono::seconds>(x.duration("log_slow")).count());
  return out;
}

std::vector<const setting*>
differences(const property_set& a, const property_set& b) {
  std::vector<const setting*> out;
  for (auto& s : table)
    if (a.value(s.is.path) != b.value(s.is.path))
      out.push_back(&s);
  return out;
}

} // namespace ais::http
