// The EDGE's fast path: GET of a whole object whose lease this thread holds, of
// either API, without a message. What is not plain takes the slow way, and so
// does all that is refused.
#include "http/edge.hpp"
#include "http/request_id.hpp"
#include "http/s3/fast_get.hpp"
#include "http/s3/virtual_host.hpp"
#include "storage/base/metrics.hpp"

#include <ctime>

namespace ais::http {

namespace {

constexpr std::string_view objects_path = "/v1/objects/";

int64_t coarse_now_ns() {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int64_t clock_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

} // namespace

bool edge::fast(const request& req, bool keep_alive, reply_plan& plan) {
  if (req.method != "GET"
      || s3::bucket_of_host(req.find("host"), shared_->s3_domains))
    return false;
  if (req.target.substr(0, objects_path.size()) == objects_path)
    return fast_native(req, keep_alive, plan);
  return s3::fast_get(*this, req, keep_alive, plan);
}

bool edge::fast_native(const request& req, bool keep_alive, reply_plan& plan) {
  auto path = req.target.substr(objects_path.size());
  auto mark = path.find('?');
  if (mark != std::string_view::npos) {
    if (path.substr(mark + 1) != "provider=ais")
      return false;
    path = path.substr(0, mark);
  }
  auto slash = path.find('/');
  if (slash == std::string_view::npos || (signing() && node().proxy_id.empty())
      || path.find('%') != std::string_view::npos || !req.find("range").empty())
    return false;
  auto* b = readable(path.substr(0, slash));
  if (!b)
    return false;
  auto start = clock_ns();
  auto* x = held(*b->it, path.substr(slash + 1), start);
  if (!x)
    return false;
  if (x->head.empty())
    x->head = v1::object_head(x->lease->object->attrs);
  char text[64];
  head_writer atime{text, sizeof(text)};
  atime << "Ais-Atime: "
        << static_cast<uint64_t>(
             x->lease->atime_ns.load(std::memory_order_relaxed))
        << "\r\n";
  return plan_object(*x, x->head, {text, atime.size()}, req, keep_alive, start,
                     plan);
}

void edge::keep(const located& at, const lease_ptr& lease) {
  if (lease->verified && !lease->over()
      && lease->object->content->native_handle() >= 0)
    leases_.put({at.key.bucket->ref.bid, at.key.name, lease, {}});
}

const readable_bucket* edge::readable(std::string_view name) {
  auto& now = buckets_.get();
  if (now != by_name_of_) {
    by_name_.clear();
    by_name_of_ = now;
    for (auto& [b, value] : now->buckets)
      if (b.provider == provider::ais && b.ns.global()
          && check_access(*value->props, b, access::get))
        by_name_.emplace(b.name, readable_bucket{value.get()});
  }
  auto b = by_name_.find(name);
  return b == by_name_.end() ? nullptr : &b->second;
}

held_lease* edge::held(const bucket& b, std::string_view name, int64_t start) {
  if (auto& map = map_.get(); map != placed_by_) {
    leases_.clear(); // what is ours may be others' now
    placed_by_ = map;
  }
  auto* x = leases_.find(b.ref.bid, name);
  return x && shared_->boards->gate_fence->open(start) ? x : nullptr;
}

bool edge::plan_object(held_lease& x, std::string_view head,
                       std::string_view more, const request& req,
                       bool keep_alive, int64_t start, reply_plan& plan) {
  auto& object = *x.lease->object;
  auto size = object.attrs.size_bytes;
  auto small = size <= small_body_bytes;
  head_writer out{plan.text.data(), plan.text.size() - small_body_bytes};
  out << head << more << "Date: " << date_now();
  if (auto id = given_request_id(req); !id.empty())
    out << "\r\n" << request_id_header << ": " << id;
  out << (keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n");
  if (out.full())
    return false;
  plan.size = out.size();
  if (small) {
    auto n = object.content->read_at(
      std::as_writable_bytes(std::span{plan.text}.subspan(plan.size, size)), 0);
    if (!n || *n != size)
      return false; // the shard finds out why
    plan.size += size;
  } else {
    plan.keeps = x.lease->object;
    plan.fd = object.content->native_handle();
    plan.offset = 0;
    plan.length = size;
  }
  x.lease->atime_ns.store(coarse_now_ns(), std::memory_order_relaxed);
  count(stat::get_n);
  count(stat::get_size, size);
  count(stat::lease_hit_n);
  count(stat::get_ns_total, static_cast<uint64_t>(clock_ns() - start));
  return true;
}

} // namespace ais::http
