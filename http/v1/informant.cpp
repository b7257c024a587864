#include "http/v1/informant.hpp"

#include "http/v1/logs.hpp"
#include "storage/base/log.hpp"
#include "storage/base/metrics.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <charconv>
#include <fstream>
#include <sstream>

namespace ais::http::v1 {

namespace {

/// One message carries at most this much of a log.
constexpr uint64_t max_log_bytes = 16 << 20;
constexpr size_t max_trace_params = 64;

caf::result<node_account>
answer(const edge_shared& shared, const node_question& q) {
  if (q.what == "log") {
    auto space = std::min(q.detail.find(' '), q.detail.size());
    auto text = log_text(
      shared, q.detail.substr(0, space),
      std::string_view{q.detail}.substr(std::min(space + 1, q.detail.size())));
    if (!text)
      return text.error();
    return node_account{std::move(*text)};
  }
  if (q.what == "reset-stats") {
    reset_stats(q.detail == "true");
    return node_account{};
  }
  if (q.what == "trace") {
    auto asked = query::parse(q.detail, max_trace_params);
    if (!asked)
      return asked.error();
    auto page = traced(shared, *asked);
    if (!page)
      return page.error();
    return node_account{to_text(*page)};
  }
  facts f{shared};
  auto* node = f.map().find(q.node);
  if (!node)
    return fail(errc::node_not_found,
                "node \"" + q.node + "\" does not know itself yet; try again");
  auto out = account_of(f, *node, q.what);
  if (!out)
    return out.error();
  return node_account{to_text(*out)};
}

informant_actor::behavior_type
informant(informant_actor::pointer, std::shared_ptr<edge_shared> shared) {
  return {
    [shared](const node_question& q) { return answer(*shared, q); },
  };
}

} // namespace

expected<json::value>
account_of(const facts& f, const snode& node, std::string_view what) {
  auto target = node.role == node_role::target;
  if (what == "smap")
    return json::value(to_json(f.map()));
  if (what == "bmd")
    return json::value(to_json(f.buckets()));
  if (what == "config")
    return json::value(node_config_json(f, node));
  if (what == "cluster_config")
    return json::value(to_json(f.config()));
  if (what == "snode")
    return json::value(to_json(node));
  if (what == "node_stats")
    return json::value(node_json(f, node, false));
  if (what == "node_status")
    return json::value(node_json(f, node, true));
  if (what == "metrics")
    return json::value(metric_kinds_json());
  if (what == "sysinfo")
    return json::value(sysinfo_json());
  if (what == "target_sysinfo" && target)
    return json::value(target_sysinfo_json(f));
  if (what == "mountpaths" && target)
    return json::value(mountpaths_json(f));
  if (what == "disk" && target)
    return json::value(disk_json(f));
  if (what == "remote" && target)
    return json::value(json::object{{"a", nullptr}, {"ver", 0}});
  if (what == "tls_certificate")
    return fail(errc::not_found, "no TLS certificate loaders configured");
  return fail(errc::invalid_argument,
              "invalid '/v1/daemon' request: unrecognized 'what="
                + std::string{what.substr(0, 40)} + "' query");
}

expected<std::string> log_text(const edge_shared& s, std::string_view given,
                               std::string_view severity) {
  uint64_t offset = 0;
  auto [end, ec]
    = std::from_chars(given.data(), given.data() + given.size(), offset);
  if (!given.empty()
      && (ec != std::errc{} || end != given.data() + given.size()))
    return fail(errc::invalid_argument, "\"offset\" must be a number of bytes");
  flush_log();
  std::ifstream in{s.log_file, std::ios::binary};
  if (s.log_file.empty() || !in)
    return fail(errc::not_found,
                "this node writes its log to stderr: start it with --log-file"
                " to read it here");
  std::string chosen;
  auto some = chooses_lines(severity);
  if (some) {
    chosen = lines_of_log(in, severity);
  } else {
    in.seekg(0, std::ios::end);
  }
  auto size = some ? chosen.size() : static_cast<uint64_t>(in.tellg());
  if (offset > size)
    return fail(errc::invalid_argument, "log likely rotated (offset "
                                          + std::to_string(offset) + ", size "
                                          + std::to_string(size) + ')');
  // Clients go on from what they got.
  if (some)
    return chosen.substr(offset, max_log_bytes);
  std::string out(std::min(size - offset, max_log_bytes), '\0');
  in.seekg(static_cast<std::streamoff>(offset));
  in.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<size_t>(in.gcount()));
  return out;
}

expected<json::value> traced(const edge_shared& s, const query& q) {
  auto asked = parse_trace_query(q);
  if (!asked)
    return asked.error();
  auto out = to_json(s.trace->read(*asked, s.env.steady_ns()));
  // So that who watches all nodes learns when there are others.
  out.as_object()["smap_version"] = facts{s}.map().version;
  return out;
}

informant_actor
spawn_informant(caf::actor_system& sys, std::shared_ptr<edge_shared> shared) {
  return sys.spawn(informant, std::move(shared));
}

} // namespace ais::http::v1
