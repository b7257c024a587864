#include "actors/meta/vault.hpp"

#include "actors/meta/meta_store.hpp"
#include "storage/base/log.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <memory>
#include <set>

namespace ais {

namespace {

struct vault_state {
  static inline const char* name = "vault";

  vault_actor::pointer self = nullptr;
  environment env;
  std::unique_ptr<meta_store> store;
  disk_keeper keeper;              ///< of the second copy's disk
  std::set<std::string> known;     ///< kinds that there are
  std::set<std::string> forgotten; ///< kinds, for good

  expected<void> forget(const forget_meta& x) {
    if (x.for_good)
      forgotten.insert(x.kind);
    known.erase(x.kind);
    return store->forget(x.kind);
  }

  expected<void> save(const save_meta& x) {
    if (forgotten.count(x.kind))
      return fail(errc::conflict, "this node has left its cluster");
    known.insert(x.kind);
    auto saved = store->save(x.kind, x.version, x.json);
    if (!saved && keeper)
      self->send(keeper, io_failed{});
    return saved;
  }

  expected<loaded_meta> load(const load_meta& x) {
    auto json = store->load(x.kind);
    if (!json)
      return json.error();
    if (!json->empty())
      known.insert(x.kind);
    return loaded_meta{std::move(*json)};
  }

  expected<void> remove_all(const std::string& dir) {
    meta_store there{*env.disk, {dir}};
    for (auto* kind : meta_kinds)
      if (auto ok = there.forget(kind); !ok)
        return ok;
    return caf::unit;
  }

  expected<void> move_copy(const keep_copy& x) {
    auto dirs = store->dirs();
    if (dirs.size() == 2 && dirs[1] == x.dir) {
      keeper = x.keeper;
      return caf::unit;
    }
    auto next = std::make_unique<meta_store>(
      *env.disk, std::vector<std::string>{dirs.front(), x.dir});
    auto probe = x.dir + "/.ais.probe";
    if (auto ok = storage::make_dirs_durable(*env.disk, x.dir); !ok)
      return ok;
    if (auto ok = storage::write_file(*env.disk, probe, {}); !ok)
      return ok;
    static_cast<void>(env.disk->remove_file(probe));
    if (!x.current)
      if (auto ok = remove_all(x.dir); !ok)
        return ok;
    for (auto& kind : known) {
      // A load brings both copies up to date: the first one by the second one
      // of before, then that of now.
      if (auto ok = store->load(kind); !ok)
        log_warning("this node's " + kind + ": " + message_of(ok.error()));
      if (auto ok = next->load(kind); !ok)
        return ok.error();
    }
    if (dirs.size() == 2)
      static_cast<void>(remove_all(dirs[1])); // its disk may be broken
    store = std::move(next);
    keeper = x.keeper;
    return caf::unit;
  }
};

template <class T>
caf::result<ack> to_result(const expected<T>& x) {
  if (!x)
    return x.error();
  return ack{};
}

vault_actor::behavior_type
vault(vault_actor::stateful_pointer<vault_state> self, environment env,
      std::string dir) {
  auto& st = self->state;
  st.self = self;
  st.env = std::move(env);
  // A failure shows at the first save or load.
  static_cast<void>(storage::make_dirs_durable(*st.env.disk, dir));
  st.store
    = std::make_unique<meta_store>(*st.env.disk, std::vector<std::string>{dir});
  return {
    [&st](const forget_meta& x) { return to_result(st.forget(x)); },
    [&st](const keep_copy& x) { return to_result(st.move_copy(x)); },
    [&st](const save_meta& x) { return to_result(st.save(x)); },
    [&st](const load_meta& x) -> caf::result<loaded_meta> {
      auto loaded = st.load(x);
      if (!loaded)
        return loaded.error();
      return std::move(*loaded);
    },
  };
}

} // namespace

vault_actor spawn_vault(caf::actor_system& sys, const environment& env,
                        const std::string& dir) {
  return spawn_blocking(sys, env, vault, env, dir);
}

} // namespace ais
