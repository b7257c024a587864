#include "actors/meta/local_config.hpp"

#include "storage/base/log.hpp"

namespace ais {

namespace {

struct local_config_state {
  static inline const char* name = "local-config";

  local_config_actor::pointer self = nullptr;
  vault_actor vault;
  std::shared_ptr<board<local_config>> shown;
  local_config now;

  void install(cluster_config_ptr cluster, overrides own) {
    now.values = effective_values(*cluster, own);
    now.cluster = std::move(cluster);
    now.own = std::move(own);
    set_log_level(level_of(now.values.mask("log.level")));
    set_log_limits(
      {now.values.size("log.max_size"), now.values.size("log.max_total")});
    shown->show(std::make_shared<const local_config>(now));
  }

  /// AIStore counts from 0 (quiet) to 5; 3 is the default. Higher bits name
  /// modules of its own.
  static log_level level_of(uint64_t x) {
    auto level = x & 7;
    if (level < 2)
      return log_level::error;
    if (level == 2)
      return log_level::warning;
    return level > 3 ? log_level::debug : log_level::info;
  }

  caf::result<ack> change(const override_config& req) {
    overrides next;
    if (req.reset) {
      next.version = now.own.version + 1;
    } else {
      auto changed
        = with_override(now.own, *now.cluster, req.change, req.transient);
      if (!changed)
        return changed.error();
      next = std::move(*changed);
    }
    if (next.saved == now.own.saved) {
      install(now.cluster, std::move(next));
      return ack{};
    }
    auto answer = self->make_response_promise<ack>();
    json::object out{{"version", next.version}, {"values", next.saved}};
    // await: no other change is looked at before this one is safe.
    self
      ->request(vault, vault_timeout,
                save_meta{"override", next.version, to_pretty_text(out)})
      .await(
        [this, next, answer](ack) mutable {
          install(now.cluster, std::move(next));
          answer.deliver(ack{});
        },
        [answer](error& e) mutable { answer.deliver(std::move(e)); });
    return answer;
  }
};

local_config_actor::behavior_type
local(local_config_actor::stateful_pointer<local_config_state> self,
      overrides saved, vault_actor vault,
      std::shared_ptr<board<local_config>> shown) {
  auto& st = self->state;
  st.self = self;
  st.vault = std::move(vault);
  st.shown = std::move(shown);
  st.now.own = std::move(saved);
  return {
    [&st](const override_config& req) { return st.change(req); },
    [&st](cluster_config_ptr& x) { st.install(std::move(x), st.now.own); },
  };
}

} // namespace

expected<overrides> parse_overrides(std::string_view text) {
  overrides out;
  if (text.empty())
    return out;
  auto parsed = parse_json(text);
  if (!parsed)
    return parsed.error();
  auto* o = parsed->if_object();
  auto* values = o ? o->if_contains("values") : nullptr;
  if (!values || !values->is_object())
    return fail(errc::integrity, "the node's own configuration is damaged");
  auto version = unsigned_member(*o, "version", 0);
  if (!version)
    return version.error();
  out.version = *version;
  out.saved = values->get_object();
  return out;
}

local_config_actor
spawn_local_config(caf::actor_system& sys, const environment& env,
                   overrides saved, vault_actor vault,
                   std::shared_ptr<board<local_config>> shown) {
  return spawn_plain(sys, env, local, std::move(saved), std::move(vault),
                     std::move(shown));
}

} // namespace ais
