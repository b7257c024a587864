// One target against a plain map: random operations, restarts and losses of
// power, and after each the two must agree. rapidcheck shrinks what fails.
#include "actors/target/target.hpp"
#include "storage/base/hrw.hpp"
#include "test/sim/deterministic.hpp"

#include <caf/send.hpp>
#include <catch2/catch.hpp>

#include <map>
#include <rapidcheck.h>

using namespace ais;

namespace {

/// The names are few and in each other's way: files beside directories, names
/// stored by hash, empty components.
const std::vector<std::string> names{"a",
                                     "a/b",
                                     "a/b/c",
                                     "a//b",
                                     "b",
                                     "b/.%self",
                                     "c/d",
                                     "c/d/e",
                                     "z",
                                     "/z",
                                     std::string(300, 'l'),
                                     std::string(3100, 'm')};

struct operation {
  enum kind : int {
    put,
    get,
    head,
    remove,
    copy,
    rename,
    append,
    list,
    custom,
    restart,
    crash,
    kinds
  };
  int what = 0;
  size_t name = 0;
  size_t other = 0;
  uint8_t value = 0;
};

void showValue(const operation& x, std::ostream& out) {
  static const char* const shown[]
    = {"put",    "get",  "head",   "remove",  "copy", "rename",
       "append", "list", "custom", "restart", "crash"};
  out << shown[x.what] << ' ' << names[x.name].substr(0, 10) << " -> "
      << names[x.other].substr(0, 10) << " #" << int{x.value};
}

struct expected_object {
  std::string content;
  uint64_t version = 0;
  storage::custom_map custom;
};

std::string content_of(const operation& x) {
  return std::string(x.value * 7u, static_cast<char>('a' + x.value % 26));
}

std::shared_ptr<storage::bytes> as_bytes(const std::string& x) {
  auto raw = std::as_bytes(std::span{x.data(), x.size()});
  return std::make_shared<storage::bytes>(raw.begin(), raw.end());
}

class system_under_test : public sim::deterministic {
public:
  system_under_test() {
    auto b = std::make_shared<bucket>();
    b->ref = {{provider::ais, {}, "b"}, 7};
    bucket_ = b;
    start();
  }
  ~system_under_test() { stop(); }

  void apply(const operation& x) {
    auto& name = names[x.name];
    auto& other = names[x.other];
    switch (x.what) {
      case operation::put:
        put(name, content_of(x), {});
        break;
      case operation::get:
        compare(name);
        break;
      case operation::head: {
        auto attrs = ask<lom_ptr>(shard(name), head_object{key(name)});
        RC_ASSERT(bool(attrs) == (model_.count(name) > 0));
        if (attrs)
          RC_ASSERT((*attrs)->size_bytes == model_[name].content.size());
        break;
      }
      case operation::remove: {
        auto gone = ask<ack>(shard(name), delete_object{key(name)});
        RC_ASSERT(bool(gone) == (model_.erase(name) > 0));
        break;
      }
      case operation::copy:
        copy(name, other);
        break;
      case operation::rename:
        if (name != other && copy(name, other)) {
          RC_ASSERT(ask<ack>(shard(name), delete_object{key(name)}));
          model_.erase(name);
        }
        break;
      case operation::append:
        append(name, content_of(x));
        break;
      case operation::list:
        compare_list(x.value % 3 == 0 ? name.substr(0, 1) : "",
                     1 + x.value % 4);
        break;
      case operation::custom: {
        storage::custom_map change{{"k", std::to_string(x.value)}};
        auto done = ask<lom_ptr>(shard(name), set_custom{key(name), change});
        RC_ASSERT(bool(done) == (model_.count(name) > 0));
        if (done)
          model_[name].custom["k"] = std::to_string(x.value);
        break;
      }
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
    for (auto& n : names)
      compare(n);
    compare_list("", 3);
  }

private:
  object_key key(const std::string& name) { return {bucket_, name}; }

  located place(const std::string& name) {
    return *shown_->read()->locate(key(name));
  }

  shard_actor shard(const std::string& name) { return place(name).shard; }

  void start() {
    shown_ = std::make_shared<board<target_view>>();
    target_config c;
    c.env = env;
    c.node_id = "target";
    c.mountpaths = {"/root/mp1", "/root/mp2"};
    c.shards = 2;
    c.buckets = std::make_shared<board<bmd>>();
    target_ = spawn_target(sys, c, shown_);
    auto list = std::make_shared<bmd>();
    list->buckets[bucket_->ref.bck] = bucket_;
    auto state = std::make_shared<cluster_state>();
    state->buckets = list;
    RC_ASSERT(ask<ack>(target_, start_target{state}));
    RC_ASSERT(disk.sync_dir("/root"));
  }

  void stop() {
    static_cast<void>(ask<ack>(target_, atom::stop_v));
    caf::anon_send_exit(target_, caf::exit_reason::kill);
    run();
    target_ = nullptr;
  }

  void put(const std::string& name, const std::string& content,
           const storage::custom_map& custom) {
    write_options options;
    options.custom = custom;
    auto done = ask<lom_ptr>(shard(name),
                             put_object{key(name), options, as_bytes(content)});
    RC_ASSERT(done);
    written(name, content, custom, **done);
  }

  void written(const std::string& name, const std::string& content,
               const storage::custom_map& custom, const storage::lom& attrs) {
    auto& x = model_[name];
    x.content = content;
    x.custom = custom;
    ++x.version;
    RC_ASSERT(attrs.version == std::to_string(x.version));
  }

  bool copy(const std::string& from, const std::string& to) {
    auto source = ask<lease_ptr>(shard(from), open_object{key(from)});
    RC_ASSERT(bool(source) == (model_.count(from) > 0));
    if (!source || from == to)
      return false;
    write_options options;
    options.custom = (*source)->object->attrs.custom;
    auto begun = ask<put_begun>(shard(to), begin_put{key(to), options, 0});
    RC_ASSERT(begun);
    auto io = place(to).mpath->io.front();
    RC_ASSERT(ask<ack>(io, copy_content{*source, begun->writer}));
    auto done
      = ask<lom_ptr>(shard(to), commit_put{key(to), options, begun->writer});
    RC_ASSERT(done);
    auto x = model_[from];
    written(to, x.content, x.custom, **done);
    return true;
  }

  void append(const std::string& name, const std::string& more) {
    auto begun = ask<append_begun>(shard(name), begin_append{key(name), ""});
    RC_ASSERT(begun);
    RC_ASSERT(begun->writer->append(*as_bytes(more)));
    auto handle = begun->handle;
    caf::anon_send(shard(name), end_append{key(name), handle, true});
    run();
    auto done = ask<lom_ptr>(shard(name), flush_append{key(name), handle, {}});
    RC_ASSERT(done);
    auto before = model_[name];
    written(name, before.content + more, before.custom, **done);
  }

  void compare(const std::string& name) {
    auto l = ask<lease_ptr>(shard(name), open_object{key(name)});
    auto want = model_.find(name);
    RC_ASSERT(bool(l) == (want != model_.end()));
    if (!l)
      return;
    auto& object = *(*l)->object;
    storage::bytes all(object.attrs.size_bytes);
    RC_ASSERT(*object.content->read_at(all, 0) == all.size());
    RC_ASSERT(all == *as_bytes(want->second.content));
    RC_ASSERT(object.attrs.version == std::to_string(want->second.version));
    RC_ASSERT(object.attrs.custom == want->second.custom);
    if (all.size() > 3) { // a range
      storage::bytes part(2);
      RC_ASSERT(*object.content->read_at(part, 1) == 2);
      RC_ASSERT(part[0] == all[1] && part[1] == all[2]);
    }
  }

  void compare_list(const std::string& prefix, size_t page_size) {
    std::vector<std::string> want;
    for (auto& [n, x] : model_)
      if (n.rfind(prefix, 0) == 0)
        want.push_back(n);
    std::vector<std::string> got;
    auto& ref = bucket_->ref;
    list_part req{ref.bck, ref.bid, {}, "listing", "", page_size};
    req.options.prefix = prefix;
    for (auto more = true; more;) {
      auto page = ask<listed_part>(target_, req);
      RC_ASSERT(page);
      RC_ASSERT(page->entries.size() <= page_size);
      // As one of several targets: not all of a page may be used up.
      auto used = page->entries.size();
      if (used > 1 && page->more)
        used = 1 + rng() % used;
      for (size_t i = 0; i < used; ++i)
        got.push_back(page->entries[i].name);
      more = page->more;
      if (used > 0)
        req.token = got.back();
    }
    RC_ASSERT(got == want);
  }

  bucket_ptr bucket_;
  std::shared_ptr<board<target_view>> shown_;
  target_actor target_;
  std::map<std::string, expected_object> model_;
};

rc::Gen<operation> any_operation() {
  return rc::gen::map(rc::gen::tuple(
                        // Restarts and crashes cost much and are rare.
                        rc::gen::weightedElement<int>({{20, operation::put},
                                                       {15, operation::get},
                                                       {5, operation::head},
                                                       {12, operation::remove},
                                                       {5, operation::copy},
                                                       {5, operation::rename},
                                                       {6, operation::append},
                                                       {3, operation::list},
                                                       {5, operation::custom},
                                                       {1, operation::restart},
                                                       {1, operation::crash}}),
                        rc::gen::inRange<size_t>(0, names.size()),
                        rc::gen::inRange<size_t>(0, names.size()),
                        rc::gen::arbitrary<uint8_t>()),
                      [](const std::tuple<int, size_t, size_t, uint8_t>& x) {
                        return operation{std::get<0>(x), std::get<1>(x),
                                         std::get<2>(x), std::get<3>(x)};
                      });
}

} // namespace

TEST_CASE("model: a target behaves as a map", "[actors][model]") {
  size_t total = 0;
  auto ok = rc::check("a target behaves as a map", [&] {
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
