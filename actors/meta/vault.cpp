#include "actors/meta/vault.hpp"

#include "actors/meta/meta_store.hpp"
#include "actors/meta/volume.hpp"
#include "storage/base/log.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

namespace ais {

namespace {

using extended = vault_actor::extend<caf::reacts_to<atom::next>>;

constexpr std::chrono::seconds repair_pause{1};

struct vault_state {
  static inline const char* name = "vault";

  extended::pointer self = nullptr;
  environment env;
  std::unique_ptr<meta_store> store;
  disk_keeper keeper;              ///< of the second copy's disk
  std::set<std::string> forgotten; ///< kinds, for good
  std::set<std::string> uneven;    ///< kinds whose last save failed half-way
  bool repairing = false;          ///< a time to look at them is set

  expected<void> forget(const forget_meta& x) {
    if (x.for_good)
      forgotten.insert(x.kind);
    return store->forget(x.kind);
  }

  expected<void> save(const save_meta& x) {
    if (forgotten.count(x.kind))
      return fail(errc::conflict, "this node has left its cluster");
    auto saved = store->save(x.kind, x.version, x.json);
    if (saved && x.kind == "mountpaths")
      leave_hint(x);
    if (saved) {
      uneven.erase(x.kind);
      return saved;
    }
    uneven.insert(x.kind);
    repair_later();
    if (keeper)
      self->send(keeper, io_failed{});
    return saved;
  }

  void repair_later() {
    if (uneven.empty() || std::exchange(repairing, true))
      return;
    self->delayed_send(self, repair_pause, atom::next_v);
  }

  /// What failed half-way may be in one copy only, which is no copy at all when
  /// that one is damaged. A load brings both up to date.
  void repair() {
    repairing = false;
    for (auto i = uneven.begin(); i != uneven.end();)
      i = store->load(*i) ? uneven.erase(i) : std::next(i);
    repair_later();
  }

  expected<loaded_meta> load(const load_meta& x) {
    auto json = store->load(x.kind);
    if (!json)
      return json.error();
    return loaded_meta{std::move(*json)};
  }

  expected<void> remove_all(const std::string& dir) {
    meta_store there{*env.disk, {dir}};
    for (auto* kind : meta_kinds)
      if (auto ok = there.forget(kind); !ok)
        return ok;
    return caf::unit;
  }

  /// Removes what an earlier time has left there; not before all is surely in
  /// the first copy.
  expected<void> make_way(const std::string& dir) {
    auto dirs = store->dirs();
    meta_store first{*env.disk, {dirs.front()}};
    for (auto* kind : meta_kinds) {
      auto whole = first.load(kind);
      if (!whole && dirs.size() == 2)
        whole = store->load(kind);
      if (!whole)
        return whole.error();
    }
    return remove_all(dir);
  }

  /// Where the second copy is, beside the first one: should the list of
  /// mountpaths be damaged there, and none that the arguments name have it.
  void leave_hint(const save_meta& x) {
    auto dir = store->dirs().front() + ".copy";
    if (store->dirs().back() == dir
        || !storage::make_dirs_durable(*env.disk, dir))
      return;
    meta_store hint{*env.disk, {dir}};
    if (auto ok = hint.save(x.kind, x.version, x.json); !ok)
      log_warning("no hint at " + dir + ": " + message_of(ok.error()));
  }

  found_copy find(const find_copy& x) const {
    found_copy out;
    uint64_t newest = 0;
    auto dirs = x.dirs;
    for (size_t i = 0; i < dirs.size() && i < max_mountpaths; ++i) {
      auto text = meta_store{*env.disk, {dirs[i]}}.load("mountpaths");
      auto there = text ? parse_volume(*text) : text.error();
      if (!there || there->copy_at.empty())
        continue;
      if (there->copy_at != dirs[i]) {
        if (std::find(dirs.begin(), dirs.end(), there->copy_at) == dirs.end())
          dirs.push_back(there->copy_at);
      } else if (there->version >= newest) {
        newest = there->version;
        out.dir = dirs[i];
      }
    }
    return out;
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
    if (auto ok = x.current ? expected<void>{caf::unit} : make_way(x.dir); !ok)
      return ok;
    // A load brings both copies up to date.
    for (auto* kind : meta_kinds)
      if (auto ok = next->load(kind); !ok)
        return ok.error();
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

extended::behavior_type vault(extended::stateful_pointer<vault_state> self,
                              environment env, std::string dir) {
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
    [&st](const find_copy& x) { return st.find(x); },
    [&st](const save_meta& x) { return to_result(st.save(x)); },
    [&st](const load_meta& x) -> caf::result<loaded_meta> {
      auto loaded = st.load(x);
      if (!loaded)
        return loaded.error();
      return std::move(*loaded);
    },
    [&st](atom::next) { st.repair(); },
  };
}

} // namespace

vault_actor spawn_vault(caf::actor_system& sys, const environment& env,
                        const std::string& dir) {
  return spawn_blocking(sys, env, vault, env, dir);
}

} // namespace ais
