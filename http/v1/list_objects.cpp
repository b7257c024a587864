#include "http/v1/list_objects.hpp"

#include "storage/base/metrics.hpp"

namespace ais::http::v1 {

namespace {

using namespace std::chrono_literals;

constexpr auto page_timeout = 120s;

struct part {
  listed_part got;
  size_t next = 0;  ///< of got.entries
  int place_of = 0; ///< where its places begin in all
  bool ended() const { return next == got.entries.size(); }
};

/// Merges the parts, in order, each name once, until one of them has no more to
/// say about what comes next.
void merge(std::vector<part>& parts, size_t page_size, list_reply& page) {
  while (page.entries.size() < page_size) {
    part* first = nullptr;
    for (auto& x : parts) {
      if (x.ended() && x.got.more) {
        page.token = page.entries.back().name;
        return;
      }
      if (!x.ended()
          && (!first
              || x.got.entries[x.next].name
                   < first->got.entries[first->next].name))
        first = &x;
    }
    if (!first)
      return;
    auto& entry = first->got.entries[first->next++];
    entry.mountpath += first->place_of;
    if (page.entries.empty() || page.entries.back().name != entry.name)
      page.entries.push_back(std::move(entry));
  }
  for (auto& x : parts)
    if (!x.ended() || x.got.more)
      page.token = page.entries.back().name;
}

/// Asks all targets for their parts of the page. A target that does not answer
/// is an error: a part must not be taken for the whole.
task<error> ask_targets(edge& e, list_part ask, std::vector<part>& parts,
                        std::vector<std::string>& where) {
  std::vector<question<gate_actor, list_part>> all;
  auto peers = e.shared().boards->peers->read();
  for (auto& [id, node] : e.map().targets) {
    auto gate = peers->gates.find(id);
    if (gate == peers->gates.end())
      co_return fail(errc::not_ready,
                     name_of(node)
                       + " does not answer: a listing would lack"
                         " its objects; try again");
    all.push_back({gate->second, ask});
  }
  auto answers = co_await e.actors().ask_many(std::move(all), page_timeout);
  for (auto& got : answers) {
    if (!got)
      co_return got.error();
    part x;
    x.got = std::move(*got);
    x.place_of = static_cast<int>(where.size());
    where.insert(where.end(), x.got.places.begin(), x.got.places.end());
    parts.push_back(std::move(x));
  }
  co_return error{};
}

} // namespace

task<error> list_page(edge& e, const bucket& b, const list_request& req,
                      list_reply& page, std::vector<std::string>& where) {
  list_part ask{b.ref.bck, b.ref.bid, req.options,
                page.uuid, req.token, req.page_size};
  std::vector<part> parts;
  auto began = e.map_ptr();
  // While objects move, one that leaves a target before that is read arrives
  // at another before it is read a second time. Walks of earlier pages may
  // have read ahead: begin new ones.
  auto rounds = moving(*began) ? 2 : 1;
  for (auto i = 0; i < rounds; ++i) {
    if (moving(*began))
      ask.uuid = make_id(e.env());
    auto failed = co_await ask_targets(e, ask, parts, where);
    if (failed)
      co_return failed;
  }
  if (generation_of(e.map()) != generation_of(*began))
    co_return fail(errc::not_ready,
                   "objects were placed anew meanwhile: try again");
  merge(parts, req.page_size, page);
  co_return error{};
}

task<> list_objects(edge& e, call& c, bucket_ptr b, const json::value& msg) {
  auto start = std::chrono::steady_clock::now();
  auto req = parse_list_request(msg);
  if (!req) {
    count(stat::err_lst_n);
    co_return co_await e.reply_error(c.x, req.error());
  }
  list_reply page{req->uuid.empty() ? make_id(e.env()) : req->uuid, {}, {}};
  std::vector<std::string> where;
  if (!req->nothing) {
    auto failed = co_await list_page(e, *b, *req, page, where);
    if (failed) {
      count(stat::err_lst_n);
      co_return co_await e.reply_error(c.x, failed);
    }
  }
  auto packed = c.req.find("accept") == "application/msgpack";
  reply r;
  r.headers.emplace_back("Content-Type", packed
                                           ? "application/msgpack"
                                           : "application/json; charset=utf-8");
  r.body
    = packed ? to_msgpack(page, *req, where) : to_json_text(page, *req, where);
  count(stat::lst_n);
  count(
    stat::lst_ns_total,
    static_cast<uint64_t>((std::chrono::steady_clock::now() - start).count()));
  co_await c.x.reply(std::move(r));
}

} // namespace ais::http::v1
