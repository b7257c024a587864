#include "http/object_io.hpp"

#include <charconv>

namespace ais::http {

namespace {

/// Of a body at once where no block is at hand.
constexpr size_t own_piece_bytes = 16 << 10;
/// Of an object at once, to be written elsewhere.
constexpr uint64_t read_step_bytes = 1 << 20;
/// Of an object that is placed anew meanwhile.
constexpr int max_locates = 8;

/// Sends part of an object; from memory where the disk has no descriptor.
task<bool> send_part(exchange& x, storage::object_reader& object,
                     uint64_t offset, uint64_t length) {
  auto fd = object.content->native_handle();
  if (fd >= 0)
    co_return co_await x.send_file(fd, offset, length);
  auto block = co_await x.thread().lease();
  while (length > 0) {
    auto piece
      = block.bytes().first(std::min<uint64_t>(length, block.bytes().size()));
    auto n = object.content->read_at(piece, offset);
    if (!n || *n == 0)
      co_return false;
    std::span<const char> part{reinterpret_cast<const char*>(piece.data()), *n};
    auto sent = co_await x.send(part);
    if (!sent)
      co_return false;
    offset += *n;
    length -= *n;
  }
  co_return true;
}

/// Sends a large object that is not verified yet: each piece once it is hashed,
/// the last one only if the checksum holds. On a mismatch the reply stays
/// incomplete: the client sees a broken transfer, never wrong bytes as good.
task<bool>
send_proving(edge& e, exchange& x, const located& at, lease_ptr lease) {
  auto work = std::make_shared<proof>(lease);
  auto& io = at.mpath->io_of(*lease->object);
  auto size = lease->object->attrs.size_bytes;
  for (uint64_t sent = 0; sent < size;) {
    prove_next step{work};
    auto proven = co_await e.actors().ask(io, shard_timeout, std::move(step));
    if (!proven) {
      if (proven.error() == errc::corrupted)
        e.actors().tell(at.shard, verdict{at.key, lease, false});
      co_return false;
    }
    auto ok = co_await send_part(x, *lease->object, sent, *proven - sent);
    if (!ok)
      co_return false;
    sent = *proven;
  }
  e.actors().tell(at.shard, verdict{at.key, lease, true});
  co_return true;
}

/// Hands a part of an object that was just read (by an IO actor) to `take`.
expected<void>
take_part(storage::object_reader& object, std::span<std::byte> room,
          uint64_t offset, uint64_t length, const piece_sink& take) {
  while (length > 0) {
    auto piece = room.first(std::min<uint64_t>(length, room.size()));
    auto n = object.content->read_at(piece, offset);
    if (!n)
      return n.error();
    if (*n == 0)
      return fail(errc::corrupted, "the stored content is too short");
    if (auto ok = take(piece.first(*n)); !ok)
      return ok.error();
    offset += *n;
    length -= *n;
  }
  return caf::unit;
}

/// Reads one piece of the body into the writer. @returns false after the last.
task<expected<bool>>
stream_piece(exchange& x, storage::object_writer& to, std::span<std::byte> room,
             body_filter* filter) {
  auto n = co_await x.fill(room);
  if (!n)
    co_return n.error();
  auto more = *n == room.size();
  auto content = room.first(*n);
  if (filter) {
    auto passed = filter->pass(content);
    if (!passed)
      co_return passed.error();
    content = *passed;
  }
  if (!content.empty())
    if (auto ok = to.append(content); !ok)
      co_return ok.error();
  co_return more;
}

task<expected<void>> drop_body(exchange& x) {
  storage::bytes sink(own_piece_bytes);
  for (;;) {
    auto n = co_await x.read_body(sink);
    if (!n)
      co_return n.error();
    if (*n == 0)
      co_return caf::unit;
  }
}

task<expected<lom_ptr>>
put_streaming(edge& e, exchange& x, const located& at, write_options& options,
              uint64_t size, body_filter* filter) {
  begin_put first{at.key, options, size};
  auto begun
    = co_await e.actors().ask(at.shard, shard_timeout, std::move(first));
  if (!begun)
    co_return begun.error();
  if (begun->unchanged) {
    if (auto ok = co_await drop_body(x); !ok)
      co_return ok.error();
    co_return begun->unchanged;
  }
  auto stored = co_await stream_body(x, *begun->writer, filter);
  if (!stored)
    co_return stored.error();
  if (filter)
    if (auto ok = filter->finish(options); !ok)
      co_return ok.error();
  commit_put last{at.key, options, std::move(begun->writer)};
  co_return co_await e.actors().ask(at.shard, shard_timeout, std::move(last));
}

task<expected<lom_ptr>> put_small(edge& e, exchange& x, const located& at,
                                  write_options& options, body_filter* filter) {
  auto content = std::make_shared<storage::bytes>(*x.request().content_length);
  auto n = co_await x.fill(*content);
  if (!n)
    co_return n.error();
  if (filter) {
    auto passed = filter->pass(*content);
    if (!passed)
      co_return passed.error();
    content->resize(passed->size());
    if (auto ok = filter->finish(options); !ok)
      co_return ok.error();
  }
  put_object req{at.key, options, std::move(content)};
  co_return co_await e.actors().ask(at.shard, shard_timeout, std::move(req));
}

/// By a lease that this thread has.
std::optional<opened_object> held_here(edge& e, const object_key& key) {
  auto* held = e.held(*key.bucket, key.name, e.env().steady_ns());
  if (!held)
    return {};
  auto at = e.target()->locate(key);
  if (!at)
    return {};
  held->lease->atime_ns.store(e.env().wall_ns(), std::memory_order_relaxed);
  count(stat::lease_hit_n);
  return opened_object{std::move(*at), held->lease, false};
}

/// The object where it is before it is brought to its place; none: have it
/// settled.
task<std::optional<opened_object>> find_here(edge& e, object_key key) {
  auto places = e.places_now();
  find_object look{key};
  auto found
    = co_await e.actors().ask(e.node().settler, shard_timeout, std::move(look));
  if (!found || !found->lease || places != e.places_now()
      || !e.place(std::move(key), places))
    co_return std::nullopt;
  co_return opened_object{std::move(found->at), std::move(found->lease), true};
}

} // namespace

task<expected<located>> locate(edge& e, object_key key) {
  for (int i = 0;; ++i) {
    auto places = e.places_now();
    expected<void> settled{caf::unit};
    if (may_be_elsewhere(e.map(), *e.target(), key))
      settled = co_await e.settle(key);
    if (i < max_locates && places != e.places_now())
      continue;
    if (!settled)
      co_return settled.error();
    co_return e.place(std::move(key), places);
  }
}

task<expected<opened_object>> open_here(edge& e, object_key key) {
  if (auto held = held_here(e, key))
    co_return std::move(*held);
  if (!e.target()->volume->settled)
    if (auto found = co_await find_here(e, key))
      co_return std::move(*found);
  auto at = co_await locate(e, std::move(key));
  if (!at)
    co_return at.error();
  open_object req{at->key, true};
  auto lease
    = co_await e.actors().ask(at->shard, shard_timeout, std::move(req));
  if (!lease)
    co_return lease.error();
  count(stat::lease_miss_n);
  co_return opened_object{std::move(*at), std::move(*lease), true};
}

std::optional<uint64_t> placement_of(const request& req) {
  auto text = req.find(placement_header);
  uint64_t out = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || ec != std::errc{} || end != text.data() + text.size())
    return {};
  return out;
}

task<std::optional<object_source>> source_of(edge& e, object_key key) {
  if (!moving(e.map()) || !e.leased()
      || e.held(*key.bucket, key.name, e.env().steady_ns()))
    co_return std::nullopt;
  find_object look{std::move(key)};
  auto found
    = co_await e.actors().ask(e.node().settler, shard_timeout, std::move(look));
  if (!found || found->target.empty())
    co_return std::nullopt;
  auto& targets = e.map().targets;
  auto node = targets.find(found->target);
  if (node == targets.end())
    co_return std::nullopt;
  co_return object_source{node->second, found->generation};
}

task<expected<void>> pass_to_source(edge& e, exchange& x, object_source to,
                                    std::string target, header_list more) {
  more.emplace_back(placement_header, std::to_string(to.generation));
  // Whoever owns it after us has it taken from there before he serves it: what
  // was read before we lost our lease was the latest.
  auto still = [&e] {
    return static_cast<bool>(e.leased());
  };
  co_return co_await e.relay().pass(x, to.node.pub, std::move(target),
                                    e.own_id(), std::move(more), still);
}

task<expected<opened_object>> open_visited(edge& e, object_key key, visit as) {
  find_object look{std::move(key), std::move(as.owner), as.generation};
  auto found
    = co_await e.actors().ask(e.node().settler, shard_timeout, std::move(look));
  if (!found)
    co_return found.error();
  count(stat::lease_miss_n);
  co_return opened_object{std::move(found->at), std::move(found->lease), false};
}

task<expected<lom_ptr>>
put_body(edge& e, exchange& x, const located& at, write_options& options,
         uint64_t size, body_filter* filter) {
  auto& length = x.request().content_length;
  auto small = length && *length <= one_message_bytes;
  if (small) // not ?: g++ 12 destroys awaited operands of it twice
    return put_small(e, x, at, options, filter);
  return put_streaming(e, x, at, options, size, filter);
}

task<expected<void>>
stream_body(exchange& x, storage::object_writer& to, body_filter* filter) {
  auto& thread = x.thread();
  storage::bytes own;
  for (;;) {
    if (thread.blocks_short()) {
      own.resize(own_piece_bytes);
      auto more = co_await stream_piece(x, to, own, filter);
      if (!more)
        co_return more.error();
      if (!*more)
        co_return caf::unit;
      continue;
    }
    auto block = co_await thread.lease();
    do {
      auto more = co_await stream_piece(x, to, block.bytes(), filter);
      if (!more)
        co_return more.error();
      if (!*more)
        co_return caf::unit;
    } while (!thread.blocks_short());
  }
}

task<bool> send_object(edge& e, exchange& x, const located& at,
                       const lease_ptr& lease, byte_range range) {
  auto& object = *lease->object;
  auto whole = range.length == object.attrs.size_bytes;
  auto sent = true;
  if (range.length == 0)
    ;
  else if (whole && !lease->verified.load())
    sent = co_await send_proving(e, x, at, lease);
  else
    sent = co_await send_part(x, object, range.offset, range.length);
  if (sent)
    lease->atime_ns.store(e.env().wall_ns(), std::memory_order_relaxed);
  co_return sent;
}

task<expected<void>>
read_object(edge& e, exchange& x, const located& at, const lease_ptr& lease,
            byte_range range, const piece_sink& take) {
  auto& object = *lease->object;
  auto proving
    = range.length == object.attrs.size_bytes && !lease->verified.load();
  auto work = proving ? std::make_shared<proof>(lease) : nullptr;
  auto& io = at.mpath->io_of(object);
  auto block = co_await x.thread().lease();
  auto offset = range.offset;
  auto end = range.offset + range.length;
  while (offset < end) {
    auto next = std::min(end, offset + read_step_bytes);
    if (proving) {
      prove_next step{work};
      auto proven = co_await e.actors().ask(io, shard_timeout, std::move(step));
      if (!proven) {
        if (proven.error() == errc::corrupted)
          e.actors().tell(at.shard, verdict{at.key, lease, false});
        co_return proven.error();
      }
      next = *proven;
    } else {
      warm_up step{lease, offset, next - offset};
      auto warm = co_await e.actors().ask(io, shard_timeout, std::move(step));
      if (!warm)
        co_return warm.error();
    }
    auto taken = take_part(object, block.bytes(), offset, next - offset, take);
    if (!taken)
      co_return taken.error();
    offset = next;
  }
  if (proving && range.length > 0)
    e.actors().tell(at.shard, verdict{at.key, lease, true});
  lease->atime_ns.store(e.env().wall_ns(), std::memory_order_relaxed);
  co_return caf::unit;
}

task<expected<lom_ptr>> ask_mover(edge& e, copy_object req) {
  co_return co_await e.actors().ask(e.node().mover, copy_timeout,
                                    std::move(req));
}

} // namespace ais::http
