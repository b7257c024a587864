#include "actors/target/lister.hpp"

#include <algorithm>
#include <deque>
#include <map>

namespace ais {

namespace {

/// A walk between two of its pages.
struct open_walk {
  uint64_t bid = 0;
  storage::walk_options options;
  std::unique_ptr<storage::walker> walker;
  std::string from;                     ///< `read` begins behind this name
  std::deque<storage::walk_entry> read; ///< in order; returned or not
  bool ended = false;                   ///< there is nothing behind `read`
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
  std::string target_id;
  std::vector<mountpath_ptr> mountpaths;
  bool moving = false;
  std::vector<std::string> places;        ///< the same, for people
  std::map<std::string, open_walk> walks; ///< by listing uuid

  std::unique_ptr<storage::walker>
  start(const bck& b, uint64_t bid, storage::walk_options options) {
    std::vector<storage::mountpath*> disks;
    for (auto& x : mountpaths)
      disks.push_back(x->disk.get());
    options.with_copies = moving;
    return std::make_unique<storage::walker>(
      std::move(disks), storage::bucket_ref{b, bid}, std::move(options));
  }

  expected<listed_part> page(const list_part& req) {
    auto out = moving ? page_of_two(req) : page_of_one(req);
    if (out)
      if (auto ok = all_present(); !ok)
        return ok.error();
    return out;
  }

  /// What is not there any more looks empty.
  expected<void> all_present() const {
    for (auto& mp : mountpaths)
      if (auto ok = mp->disk->present(); !ok)
        return ok;
    return caf::unit;
  }

  expected<listed_part> page_of_one(const list_part& req) {
    auto walk = take(req);
    if (auto ok = read_on(walk, req.page_size); !ok)
      return ok.error();
    listed_part out;
    auto n = std::min<size_t>(walk.read.size(), req.page_size);
    out.entries.assign(walk.read.begin(),
                       walk.read.begin() + static_cast<ptrdiff_t>(n));
    out.more = walk.read.size() > n;
    out.places = places;
    put_back(req.uuid, std::move(walk));
    return out;
  }

  expected<listed_part> page_of_two(const list_part& req) {
    auto first = fresh(req);
    if (auto ok = read_on(first, req.page_size); !ok)
      return ok.error();
    auto twice = req;
    twice.options.without = [&](const std::string& what) {
      auto i = std::lower_bound(first.read.begin(), first.read.end(), what,
                                [](auto& x, auto& y) { return x.name < y; });
      return i != first.read.end() && i->name == what;
    };
    auto second = fresh(twice);
    if (auto ok = read_on(second, req.page_size); !ok)
      return ok.error();
    listed_part out;
    out.places = places;
    auto ended = [](const open_walk& x) {
      return x.ended && x.read.empty();
    };
    auto known = [](const open_walk& x) {
      return x.ended || !x.read.empty();
    };
    while (out.entries.size() < req.page_size && known(first) && known(second)
           && !(ended(first) && ended(second))) {
      auto* from = &first;
      if (ended(first)
          || (!ended(second)
              && second.read.front().name < first.read.front().name))
        from = &second;
      auto entry = std::move(from->read.front());
      from->read.pop_front();
      if (out.entries.empty() || out.entries.back().name != entry.name) {
        out.entries.push_back(std::move(entry));
      } else {
        auto& x = out.entries.back();
        x.single = x.single && entry.single && x.mountpath == entry.mountpath;
      }
    }
    out.more = !ended(first) || !ended(second);
    return out;
  }

  /// Reads until there is a page and one more.
  static expected<void> read_on(open_walk& walk, size_t page_size) {
    while (!walk.ended && walk.read.size() <= page_size) {
      auto next = walk.walker->next();
      if (!next)
        return next.error();
      walk.ended = !*next;
      if (*next)
        walk.read.push_back(std::move(**next));
    }
    return caf::unit;
  }

  /// The walk that stands where `req` goes on: a kept one, or a new one.
  open_walk take(const list_part& req) {
    if (auto i = walks.find(req.uuid); i != walks.end()) {
      auto walk = std::move(i->second);
      walks.erase(i);
      if (!req.token.empty() && req.token >= walk.from && walk.bid == req.bid
          && same(walk.options, req.options)) {
        while (!walk.read.empty() && walk.read.front().name <= req.token)
          walk.read.pop_front();
        // Beyond all that was read, the walk may have to skip: a new one does.
        if (!walk.read.empty() || walk.ended) {
          walk.from = req.token;
          return walk;
        }
      }
    }
    return fresh(req);
  }

  open_walk fresh(const list_part& req) {
    auto options = req.options;
    options.start_after = std::max(options.start_after, req.token);
    open_walk out;
    out.bid = req.bid;
    out.options = req.options;
    out.walker = start(req.bucket, req.bid, std::move(options));
    out.from = req.token;
    return out;
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
    auto walk = start(req.bucket, req.bid, std::move(options));
    bucket_totals sum;
    for (;;) {
      auto next = walk->next();
      if (!next)
        return next.error();
      if (!*next) {
        if (auto ok = all_present(); !ok)
          return ok.error();
        return sum;
      }
      auto size = (*next)->attrs.size_bytes;
      sum.min_bytes = sum.objects ? std::min(sum.min_bytes, size) : size;
      sum.max_bytes = std::max(sum.max_bytes, size);
      sum.bytes += size;
      ++sum.objects;
    }
  }
};

lister_actor::behavior_type
lister(lister_actor::stateful_pointer<lister_state> self, environment env,
       std::string target_id) {
  auto& st = self->state;
  st.env = std::move(env);
  st.target_id = std::move(target_id);
  return {
    [&st](const list_part& req) -> caf::result<listed_part> {
      auto page = st.page(req);
      if (!page)
        return page.error();
      return std::move(*page);
    },
    [&st](const count_bucket& req) -> caf::result<bucket_totals> {
      auto sum = st.totals(req);
      if (!sum)
        return sum.error();
      return *sum;
    },
    [&st](walk_these& x) {
      st.mountpaths = std::move(x.mountpaths);
      st.moving = x.moving;
      st.places.clear();
      for (auto& mp : st.mountpaths)
        st.places.push_back(place_name(st.target_id, mp->disk->root()));
      st.walks.clear();
    },
  };
}

} // namespace

std::string place_name(const std::string& target_id, const std::string& root) {
  return "t[" + target_id + "]:mp[" + root + ']';
}

lister_actor spawn_lister(caf::actor_system& sys, const environment& env,
                          const std::string& target_id) {
  return spawn_blocking(sys, env, lister, env, target_id);
}

} // namespace ais
