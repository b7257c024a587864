#include "http/scout.hpp"

#include "http/client.hpp"

#include <caf/typed_event_based_actor.hpp>

namespace ais::http {

namespace {

constexpr std::chrono::seconds answer_timeout{5};

constexpr size_t max_answer_bytes = 1 << 20;

scout_actor::behavior_type scout(scout_actor::pointer, std::string question) {
  client_options options;
  options.connect_timeout = options.idle_timeout = answer_timeout;
  options.max_reply_bytes = max_answer_bytes;
  return {
    [question, options](const look_up& x) -> caf::result<snode> {
      client_request req;
      req.url = x.at.url() + question;
      auto got = client{options}.send(req);
      if (!got)
        return got.error();
      auto parsed = parse_json(got->body);
      if (!parsed || got->status != 200)
        return fail(errc::not_ready, x.at.url() + " is no node");
      auto node = parse_snode(*parsed);
      if (!node)
        return fail(errc::not_ready, x.at.url() + " is no node");
      return *node;
    },
  };
}

} // namespace

scout_actor spawn_scout(caf::actor_system& sys) {
  return sys.spawn<caf::detached>(scout, std::string{"/v1/daemon?what=snode"});
}

} // namespace ais::http
