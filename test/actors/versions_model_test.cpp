// A bucket that keeps versions against a plain list of them per name: random
// operations, restarts and losses of power, and the two must agree. rapidcheck
// shrinks what fails.
#include "test/actors/versions.hpp"

#include <map>
#include <rapidcheck.h>

using namespace ais;

namespace {

const std::vector<std::string> names{"a", "a/b", "b/.%self",
                                     std::string(300, 'l')};

struct operation {
  enum kind : int {
    put,
    remove,
    remove_version,
    get_version,
    tag,
    suspend, ///< or enable again
    restart,
    crash
  };
  int what = 0;
  size_t name = 0;
  uint8_t value = 0;
};

void showValue(const operation& x, std::ostream& out) {
  static const char* const shown[]
    = {"put", "remove",  "remove version", "get version",
       "tag", "suspend", "restart",        "crash"};
  out << shown[x.what] << ' ' << names[x.name].substr(0, 10) << " #"
      << int{x.value};
}

struct kept {
  std::string id;
  bool mark = false; ///< the object was deleted here
  std::string content;
  std::string tag; ///< set on it while it was the object
};

class system_under_test : public versions {
public:
  void apply(const operation& x) {
    auto& name = names[x.name];
    auto& all = model_[name];
    switch (x.what) {
      case operation::put: {
        auto what
          = std::string(1 + x.value, static_cast<char>('a' + x.value % 26));
        auto id = put(name, what);
        if (suspended())
          RC_ASSERT(id == "null");
        else
          RC_ASSERT(id.size() == version_id_chars);
        if (suspended())
          forget_null(all);
        all.insert(all.begin(), {id, false, what, ""});
        break;
      }
      case operation::remove: {
        auto there = !all.empty() && !all.front().mark;
        RC_ASSERT(remove(name) == (there ? "ok" : "object_not_found"));
        if (!there)
          break;
        if (suspended())
          forget_null(all);
        all.insert(all.begin(), {newest_kept(name), true, "", ""});
        break;
      }
      case operation::remove_version:
        if (all.empty())
          break;
        RC_ASSERT(remove(name, all[x.value % all.size()].id) == "ok");
        all.erase(all.begin() + x.value % all.size());
        break;
      case operation::get_version:
        if (auto* one = all.empty() ? nullptr : &all[x.value % all.size()];
            one && !one->mark)
          RC_ASSERT(get(name, one->id) == one->content);
        break;
      case operation::tag: {
        storage::custom_map change{{"tag", std::to_string(x.value)}};
        auto done = ask<lom_ptr>(shard, set_custom{key(name), change});
        RC_ASSERT(bool(done) == (!all.empty() && !all.front().mark));
        if (done)
          all.front().tag = std::to_string(x.value);
        break;
      }
      case operation::suspend:
        b = make_bucket(suspended() ? keeping::enabled : keeping::suspended);
        break;
      case operation::restart:
        stop();
        start();
        break;
      case operation::crash:
        stop(); // what it still writes is unsynced and goes with the power
        disk.crash();
        start();
        break;
    }
  }

  void compare_all() {
    for (auto& name : names) {
      auto& all = model_[name];
      auto there = !all.empty() && !all.front().mark;
      RC_ASSERT(get(name)
                == (there ? all.front().content : "object_not_found"));
      std::string behind;
      for (auto i = all.begin() + there; i != all.end(); ++i)
        behind += (i->id == "null" ? "null:" : "")
                  + (i->mark ? "mark " : i->content + ' ');
      RC_ASSERT(history(name) == behind);
      for (auto& x : all)
        if (!x.mark)
          RC_ASSERT(tag_of(name, x.id) == x.tag);
    }
  }

private:
  bool suspended() const { return b->keeping == keeping::suspended; }

  /// There is one version without an id at most: the newest.
  static void forget_null(std::vector<kept>& all) {
    std::erase_if(all, [](auto& x) { return x.id == "null"; });
  }

  /// The id of the newest that is not the object itself.
  std::string newest_kept(const std::string& name) {
    auto all = storage::kept_versions(*mpath, b->ref, name);
    RC_ASSERT(all && !all->empty());
    return std::string{storage::shown_version(all->front().id)};
  }

  std::string tag_of(const std::string& name, const std::string& id) {
    auto found = ask<found_version>(shard, find_version{key(name), id});
    RC_ASSERT(found);
    auto at = found->present ? key(name) : object_key{former, found->name};
    auto l = ask<lease_ptr>(shard, open_object{at});
    RC_ASSERT(l);
    auto& custom = (*l)->object->attrs.custom;
    auto tag = custom.find("tag");
    return tag == custom.end() ? "" : tag->second;
  }

  std::map<std::string, std::vector<kept>> model_; ///< newest first
};

rc::Gen<operation> any_operation() {
  return rc::gen::map(
    rc::gen::tuple(
      // Restarts and crashes cost much and are rare.
      rc::gen::weightedElement<int>({{20, operation::put},
                                     {8, operation::remove},
                                     {12, operation::remove_version},
                                     {10, operation::get_version},
                                     {5, operation::tag},
                                     {3, operation::suspend},
                                     {1, operation::restart},
                                     {1, operation::crash}}),
      rc::gen::inRange<size_t>(0, names.size()), rc::gen::arbitrary<uint8_t>()),
    [](const std::tuple<int, size_t, uint8_t>& x) {
      return operation{std::get<0>(x), std::get<1>(x), std::get<2>(x)};
    });
}

} // namespace

TEST_CASE("model: a bucket that keeps versions behaves as a list of them",
          "[actors][model][versions]") {
  size_t total = 0;
  auto ok = rc::check("versions behave as a list", [&] {
    auto ops
      = *rc::gen::container<std::vector<operation>>(1000, any_operation());
    system_under_test sut;
    for (auto& x : ops)
      sut.apply(x);
    sut.compare_all();
    total += ops.size();
  });
  CHECK(ok);
  CHECK(total >= 100'000);
}
