#include "actors/meta/vault.hpp"

#include "actors/meta/meta_store.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <memory>
#include <set>

namespace ais {

namespace {

struct vault_state {
  static inline const char* name = "vault";
  std::unique_ptr<meta_store> store;
  std::set<std::string> forgotten; ///< kinds, for good
};

vault_actor::behavior_type
vault(vault_actor::stateful_pointer<vault_state> self, environment env,
      std::array<std::string, 2> dirs) {
  auto& st = self->state;
  for (auto& dir : dirs)
    // A failure shows at the first save or load.
    static_cast<void>(storage::make_dirs_durable(*env.disk, dir));
  st.store = std::make_unique<meta_store>(*env.disk, std::move(dirs));
  return {
    [&st](const forget_meta& x) -> caf::result<ack> {
      if (x.for_good)
        st.forgotten.insert(x.kind);
      if (auto ok = st.store->forget(x.kind); !ok)
        return ok.error();
      return ack{};
    },
    [&st](const save_meta& x) -> caf::result<ack> {
      if (st.forgotten.count(x.kind))
        return fail(errc::conflict, "this node has left its cluster");
      if (auto ok = st.store->save(x.kind, x.version, x.json); !ok)
        return ok.error();
      return ack{};
    },
    [&st](const load_meta& x) -> caf::result<loaded_meta> {
      auto json = st.store->load(x.kind);
      if (!json)
        return json.error();
      return loaded_meta{std::move(*json)};
    },
  };
}

} // namespace

vault_actor spawn_vault(caf::actor_system& sys, const environment& env,
                        std::array<std::string, 2> dirs) {
  return spawn_blocking(sys, env, vault, env, std::move(dirs));
}

} // namespace ais
