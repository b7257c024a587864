#include "actors/target/lister.hpp"

#include <algorithm>
#include <map>

namespace ais {

namespace {

/// A walk between two of its pages.
struct open_walk {
  uint64_t bid = 0;
  storage::walk_options options;
  std::unique_ptr<storage::walker> walker;
  std::optional<storage::walk_entry> ahead; ///< read, but not returned yet
  std::string token;                        ///< last name returned
  int64_t used_ns = 0;
};

bool same(const storage::walk_options& a, const storage::walk_options& b) {
  return a.prefix == b.prefix && a.start_after == b.start_after
         && a.non_recursive == b.non_recursive && a.no_dirs == b.no_dirs
         && a.with_attrs == b.with_attrs;
}

struct lister_state {
  static inline const char* name = "lister";

  environment env;
  std::vector<mountpath_ptr> mountpaths;
  std::map<std::string, open_walk> walks; ///< by listing uuid

  std::unique_ptr<storage::walker>
  start(const bucket& b, storage::walk_options options) {
    std::vector<storage::mountpath*> disks;
    for (auto& x : mountpaths)
      disks.push_back(x->disk.get());
    return std::make_unique<storage::walker>(std::move(disks), b.ref,
                                             std::move(options));
  }

  expected<listed_page_ptr> page(const list_page& req) {
    auto walk = take(req);
    if (!walk)
      return walk.error();
    auto page = std::make_shared<listed_page>();
    page->entries.reserve(std::min(req.page_size, size_t{1024}));
    while (walk->ahead && page->entries.size() < req.page_size) {
      page->entries.push_back(std::move(*walk->ahead));
      auto next = walk->walker->next();
      if (!next)
        return next.error();
      walk->ahead = std::move(*next);
    }
    if (walk->ahead) {
      page->token = walk->token = page->entries.back().name;
      put_back(req.uuid, std::move(*walk));
    }
    return page;
  }

  /// The walk that stands where `req` goes on: a kept one, or a new one.
  expected<open_walk> take(const list_page& req) {
    if (auto i = walks.find(req.uuid); i != walks.end()) {
      auto walk = std::move(i->second);
      walks.erase(i);
      if (!req.token.empty() && walk.token == req.token
          && walk.bid == req.bucket->ref.bid && same(walk.options, req.options))
        return walk;
    }
    auto from = req.options;
    from.start_after = std::max(from.start_after, req.token);
    open_walk walk{req.bucket->ref.bid,
                   req.options,
                   start(*req.bucket, std::move(from)),
                   {},
                   req.token,
                   0};
    auto first = walk.walker->next();
    if (!first)
      return first.error();
    walk.ahead = std::move(*first);
    return walk;
  }

  void put_back(const std::string& uuid, open_walk&& walk) {
    auto now = env.wall_ns();
    auto limit = std::chrono::nanoseconds{walk_idle}.count();
    std::erase_if(walks,
                  [&](auto& x) { return now - x.second.used_ns > limit; });
    if (walks.size() >= max_open_walks)
      walks.erase(
        std::min_element(walks.begin(), walks.end(), [](auto& a, auto& b) {
          return a.second.used_ns < b.second.used_ns;
        }));
    walk.used_ns = now;
    walks[uuid] = std::move(walk);
  }

  expected<bucket_totals> totals(const count_bucket& req) {
    storage::walk_options options;
    options.prefix = req.prefix;
    auto walk = start(*req.bucket, std::move(options));
    bucket_totals sum;
    for (;;) {
      auto next = walk->next();
      if (!next)
        return next.error();
      if (!*next)
        return sum;
      auto size = (*next)->attrs.size_bytes;
      sum.min_bytes = sum.objects ? std::min(sum.min_bytes, size) : size;
      sum.max_bytes = std::max(sum.max_bytes, size);
      sum.bytes += size;
      ++sum.objects;
    }
  }
};

lister_actor::behavior_type
lister(lister_actor::stateful_pointer<lister_state> self, environment env) {
  auto& st = self->state;
  st.env = std::move(env);
  return {
    [&st](const list_page& req) -> caf::result<listed_page_ptr> {
      auto page = st.page(req);
      if (!page)
        return page.error();
      return *page;
    },
    [&st](const count_bucket& req) -> caf::result<bucket_totals> {
      auto sum = st.totals(req);
      if (!sum)
        return sum.error();
      return *sum;
    },
    [&st](std::vector<mountpath_ptr>& x) {
      st.mountpaths = std::move(x);
      st.walks.clear();
    },
  };
}

} // namespace

lister_actor spawn_lister(caf::actor_system& sys, const environment& env) {
  return spawn_blocking(sys, env, lister, env);
}

} // namespace ais
