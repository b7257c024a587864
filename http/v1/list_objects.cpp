#include "http/v1/list_objects.hpp"

#include "http/v1/list_request.hpp"
#include "storage/base/metrics.hpp"

namespace ais::http::v1 {

namespace {

using namespace std::chrono_literals;

constexpr auto page_timeout = 120s;

} // namespace

task<> list_objects(edge& e, call& c, bucket_ptr b, const json::value& msg) {
  auto start = std::chrono::steady_clock::now();
  auto req = parse_list_request(msg);
  if (!req) {
    count(stat::err_lst_n);
    co_return co_await e.reply_error(c.x, req.error());
  }
  list_reply page{req->uuid.empty() ? make_id(e.env()) : req->uuid, {}, {}};
  auto view = e.target();
  if (!req->nothing && !view->listers.empty()) {
    auto& lister
      = view
          ->listers[std::hash<std::string>{}(page.uuid) % view->listers.size()];
    list_page ask{std::move(b), req->options, page.uuid, req->token,
                  req->page_size};
    auto listed = co_await e.actors().ask(lister, page_timeout, std::move(ask));
    if (!listed) {
      count(stat::err_lst_n);
      co_return co_await e.reply_error(c.x, listed.error());
    }
    page.entries = std::move((*listed)->entries);
    page.token = std::move((*listed)->token);
  }
  std::vector<std::string> where;
  for (auto& mp : view->mountpaths)
    where.push_back(e.target_name() + ":mp[" + mp->disk->root() + ']');
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
