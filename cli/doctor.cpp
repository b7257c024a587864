// ais doctor: looks for what is wrong, and says what mends it.
#include "cli/nodes.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <set>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace ais::cli {

namespace {

using namespace std::chrono_literals;

constexpr uint64_t few_descriptors = 16'384;
constexpr int64_t skew_seconds = 5;
constexpr uint64_t full_percent = 90;

enum class verdict { ok, warning, bad };

struct finding {
  verdict how;
  std::string what; ///< was looked at
  std::string text;
  std::string mend; ///< a command, or what else helps
};

class report {
public:
  void ok(std::string what, std::string text) {
    all_.push_back({verdict::ok, std::move(what), std::move(text), {}});
  }
  void warning(std::string what, std::string text, std::string mend) {
    all_.push_back(
      {verdict::warning, std::move(what), std::move(text), std::move(mend)});
  }
  void bad(std::string what, std::string text, std::string mend) {
    all_.push_back(
      {verdict::bad, std::move(what), std::move(text), std::move(mend)});
  }

  size_t count(verdict how) const {
    return static_cast<size_t>(std::count_if(
      all_.begin(), all_.end(), [how](auto& f) { return f.how == how; }));
  }

  void print() const {
    size_t width = 0;
    for (auto& f : all_)
      width = std::max(width, f.what.size());
    for (auto& f : all_) {
      auto mark = f.how == verdict::ok        ? painted("ok  ", colour::green)
                  : f.how == verdict::warning ? painted("WARN", colour::cyan)
                                              : painted("BAD ", colour::red);
      say(fmt::format("{}  {:<{}}  {}", mark, f.what, width, f.text));
      if (!f.mend.empty())
        say(fmt::format("      {:<{}}  => {}", "", width, f.mend));
    }
  }

  json::array as_json() const {
    json::array out;
    for (auto& f : all_)
      out.push_back(
        json::object{{"verdict", f.how == verdict::ok        ? "ok"
                                 : f.how == verdict::warning ? "warning"
                                                             : "bad"},
                     {"what", f.what},
                     {"text", f.text},
                     {"mend", f.mend}});
    return out;
  }

private:
  std::vector<finding> all_;
};

// -- this machine -------------------------------------------------------------

void check_descriptors(report& r) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  auto n = limit.rlim_max;
  if (n != RLIM_INFINITY && n < few_descriptors)
    r.warning("descriptors",
              fmt::format("a node started here may have only {} open files", n),
              fmt::format("ulimit -Hn {0}, or LimitNOFILE={0} in its systemd"
                          " unit",
                          few_descriptors * 64));
  else
    r.ok("descriptors", n == RLIM_INFINITY
                          ? "no limit of open files"
                          : fmt::format("up to {} open files", n));
}

/// Whether objects can be kept in a directory: extended attributes, space.
void check_directory(report& r, const context& x, const std::string& dir) {
  auto what = "directory " + dir;
  auto file = dir + "/.ais-doctor-XXXXXX";
  auto fd = ::mkstemp(file.data());
  if (fd < 0) {
    r.bad(what, std::string{"cannot be written: "} + ::strerror(errno),
          fmt::format("chown it to the user that runs aisnode, or create it:"
                      " mkdir -p {}",
                      dir));
    return;
  }
  auto xattr = ::fsetxattr(fd, "user.ais.doctor", "x", 1, 0) == 0;
  auto why = errno;
  ::close(fd);
  ::unlink(file.c_str());
  if (!xattr) {
    r.bad(what, fmt::format("no extended attributes: {}", ::strerror(why)),
          "use ext4 or xfs, mounted without nouser_xattr");
    return;
  }
  struct statvfs space {};
  if (::statvfs(dir.c_str(), &space) != 0)
    return;
  auto total = uint64_t{space.f_blocks} * space.f_frsize;
  auto avail = uint64_t{space.f_bavail} * space.f_frsize;
  auto used = total ? (total - std::min(avail, total)) * 100 / total : 0;
  auto text = fmt::format("extended attributes; {} available ({}% used)",
                          x.units.bytes(avail), used);
  if (used >= full_percent)
    r.warning(what, text, "remove objects or add a disk");
  else
    r.ok(what, text);
  if (space.f_files > 0 && space.f_favail * 100 / space.f_files < 5)
    r.warning(what, fmt::format("only {} inodes left", space.f_favail),
              "make the file system anew with more inodes (mkfs -N), or use"
              " xfs");
}

// -- the cluster --------------------------------------------------------------

/// The clock of a node, from the header Date of its answers.
std::optional<int64_t> clock_ahead(api& cluster, const std::string& url) {
  http::client_request req;
  req.url = url + "/v1/health";
  auto reply = cluster.client().send(req);
  if (!reply)
    return {};
  std::tm at{};
  std::string date{reply->find("Date")};
  if (!::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S", &at))
    return {};
  return int64_t{::timegm(&at)} - int64_t{::time(nullptr)};
}

void check_endpoint(report& r, context& x) {
  auto start = std::chrono::steady_clock::now();
  x.cluster().map(true);
  auto took = std::chrono::steady_clock::now() - start;
  r.ok("endpoint", fmt::format("{} answers in {}", x.cluster().endpoint(),
                               x.units.duration(took)));
}

void check_members(report& r, const cluster_map& map) {
  map.primary();
  std::string inactive;
  for (auto& n : map.all())
    if (n.inactive())
      inactive += (inactive.empty() ? "" : " ") + n.name();
  if (!inactive.empty())
    r.warning("members", "not in service: " + inactive,
              "ais cluster add-remove-nodes stop-maintenance " + inactive);
  else
    r.ok("members", fmt::format("{} {}, {}, all in service", map.proxies.size(),
                                map.proxies.size() == 1 ? "proxy" : "proxies",
                                counted(map.targets.size(), "target")));
  if (map.targets.empty())
    r.bad("targets", "there is none: nothing can be stored",
          "aisnode --role target --join URL_OF_A_PROXY --mountpath DIR");
  auto voters = static_cast<size_t>(
    std::count_if(map.proxies.begin(), map.proxies.end(),
                  [](auto& n) { return !n.non_electable(); }));
  if (map.proxies.size() + map.targets.size() > 2 && voters < 3)
    r.warning("proxies",
              fmt::format("only {} may become primary: the cluster does not"
                          " outlive the loss of one",
                          voters),
              "run three proxies: aisnode --role proxy --join URL_OF_A_PROXY");
}

void check_nodes(report& r, context& x, const std::vector<node_status>& nodes) {
  auto faults = [&] {
    return r.count(verdict::warning) + r.count(verdict::bad);
  };
  auto before = faults();
  std::set<std::string> versions, maps;
  for (auto& n : nodes) {
    if (n.node.inactive())
      continue;
    auto name = n.node.name();
    if (!n.why.empty()) {
      r.bad(name, "does not answer: " + n.why,
            "look at its log, start it again; or remove it: ais cluster"
            " add-remove-nodes decommission "
              + name);
      continue;
    }
    versions.insert(text_at(n.said, "ais_version"));
    maps.insert(text_at(n.said, "smap_version"));
    auto alert = alerts_of(n.flags());
    if (!alert.empty()) {
      auto text = "says: " + alert;
      auto mend = fmt::format("ais log show {}", name);
      if (red_alert(n.flags()))
        r.bad(name, text, mend);
      else
        r.warning(name, text, mend);
    }
    if (auto error = text_at(n.capacity(), "cs_err"); !error.empty())
      r.bad(name, error, "remove objects: ais rmo; or add a target");
    else if (number_at(n.capacity(), "pct_max") >= full_percent)
      r.warning(name,
                fmt::format("a mountpath is {}% full",
                            number_at(n.capacity(), "pct_max")),
                fmt::format("ais storage capacity {} --mountpath", name));
    auto avail = number_at(n.sysinfo(), "mem_avail");
    if (avail > 0 && avail < 200u << 20)
      r.warning(
        name, fmt::format("only {} of memory available", x.units.bytes(avail)),
        "stop what else runs on its machine, or give it more");
    auto ahead = clock_ahead(x.cluster(), n.node.url);
    if (!ahead)
      r.warning(name,
                fmt::format("cannot be reached from here at {}", n.node.url),
                "objects are read and written there: open the port, or start"
                " the node with --advertise ADDRESS");
    else if (std::abs(*ahead) > skew_seconds)
      r.warning(name,
                fmt::format("its clock is {}s {} ours", std::abs(*ahead),
                            *ahead > 0 ? "ahead of" : "behind"),
                "timedatectl set-ntp true, on both machines");
  }
  if (versions.size() > 1)
    r.warning("versions",
              fmt::format("nodes run {}", fmt::join(versions, ", ")),
              "upgrade the others");
  if (maps.size() > 1)
    r.warning("cluster map",
              fmt::format("nodes know versions {}", fmt::join(maps, ", ")),
              "run this again in a few seconds");
  if (faults() == before)
    r.ok("nodes", fmt::format("{} answer, at one version, with clocks like"
                              " ours; no alerts",
                              counted(nodes.size(), "node")));
}

/// Writes, reads and removes an object, in a bucket of its own.
void check_data(report& r, context& x) {
  bck b{provider::ais,
        {},
        fmt::format("ais-doctor-{}-{}", ::getpid(), ::time(nullptr))};
  auto& cluster = x.cluster();
  auto path = cluster.bucket_path(b);
  auto query = cluster.bucket_query(b);
  std::string step = "create a bucket";
  try {
    cluster.act("POST", path, query, "create-bck");
    try {
      step = "write an object";
      http::client_request put;
      put.method = "PUT";
      put.url = cluster.object_url(b, "probe");
      put.body = "probe";
      cluster.call(std::move(put));
      step = "read it back";
      http::client_request get;
      get.url = cluster.object_url(b, "probe");
      if (cluster.call(std::move(get)).body != "probe")
        throw failure("other bytes came back");
    } catch (const failure&) {
      cluster.act("DELETE", path, query, "destroy-bck");
      throw;
    }
    step = "remove the bucket";
    cluster.act("DELETE", path, query, "destroy-bck");
    r.ok("data", "an object was written, read back and removed");
  } catch (const failure& e) {
    r.bad("data", fmt::format("cannot {}: {}", step, e.what()),
          "ais show cluster; ais log show NODE");
  }
}

void doctor(context& x, const arguments& a) {
  report r;
  check_descriptors(r);
  for (auto& dir : a.operands)
    check_directory(r, x, dir);
  try {
    check_endpoint(r, x);
    auto& map = x.cluster().map();
    check_members(r, map);
    check_nodes(r, x, ask_nodes(x, map.all()));
    check_data(r, x);
  } catch (const failure& e) {
    std::string why = e.what();
    std::string tip = "start a node: ais quickstart; or say where one is:"
                      " export AIS_ENDPOINT=http://HOST:PORT";
    if (auto* y = dynamic_cast<const no_answer*>(&e); y && !y->tip().empty())
      tip = y->tip();
    r.bad("endpoint", why.substr(0, why.find('\n')), tip);
  }
  if (a.has("json"))
    say_json(r.as_json());
  else
    r.print();
  auto bad = r.count(verdict::bad), warnings = r.count(verdict::warning);
  if (!a.has("json"))
    say(bad + warnings == 0
          ? "\nNothing to mend."
          : fmt::format("\n{} to mend, {}.", counted(bad, "fault"),
                        counted(warnings, "warning")));
  if (bad > 0)
    throw silent_failure{};
}

} // namespace

command doctor_command() {
  using namespace flags;
  command c;
  c.name = "doctor";
  c.summary = "look for what is wrong with the cluster or this machine, and"
              " say what mends it";
  c.more = "Asks every node for its alerts, clock, version, space and memory,"
           " writes and reads an object, and looks at directories that are to"
           " become mountpaths. The exit code is 1 if there is a fault.";
  c.usage = "[DIR...]";
  c.run = doctor;
  c.operands = {operand::file};
  c.flags = {json};
  c.examples = {"ais doctor", "ais doctor /mnt/disk1 /mnt/disk2"};
  return c;
}

} // namespace ais::cli
