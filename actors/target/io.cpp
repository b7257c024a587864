#include "actors/target/io.hpp"

#include "storage/base/metrics.hpp"

#include <algorithm>

namespace ais {

namespace {

constexpr size_t chunk_bytes = 256 << 10;

struct io_state {
  static inline const char* name = "io";
  storage::disk_memory memory = storage::make_disk_memory(chunk_bytes);
  std::span<std::byte> buffer{memory.get(), chunk_bytes};
  io_for whom = io_for::clients;

  /// Reads [offset, offset + length) and hands every chunk to `f`.
  template <class F>
  expected<void> read(const storage::object_reader& object, uint64_t offset,
                      uint64_t length, F f) {
    while (length > 0) {
      auto want = std::min<uint64_t>(length, buffer.size());
      auto n = object.content->read_at({buffer.data(), want}, offset);
      if (!n)
        return n.error();
      if (*n == 0)
        return fail(errc::corrupted,
                    "BAD DATA CHECKSUM: the stored content is too short");
      if (auto ok = f(std::span<const std::byte>{buffer.data(), *n}); !ok)
        return ok.error();
      offset += *n;
      length -= *n;
    }
    return caf::unit;
  }

  expected<uint64_t> prove(proof& p) {
    auto& object = *p.subject->object;
    auto size = object.attrs.size_bytes;
    auto length = std::min(io_piece_bytes, size - p.offset);
    auto ok = read(object, p.offset, length, [&](auto piece) -> expected<void> {
      p.hash.update(piece);
      return caf::unit;
    });
    if (!ok)
      return ok.error();
    p.offset += length;
    count(stat::verify_size, length);
    if (p.offset < size)
      return p.offset;
    count(stat::verify_n);
    if (p.hash.finish() != object.attrs.cksum)
      return fail(errc::corrupted,
                  "BAD DATA CHECKSUM: the stored content is corrupted");
    return p.offset;
  }

  expected<void> copy(const copy_content& req) {
    auto& object = *req.from->object;
    auto large = object.attrs.size_bytes >= storage::large_content_bytes;
    if (whom == io_for::jobs && large)
      req.to->pass_cache();
    storage::hasher hash{object.attrs.cksum.type};
    auto ok = read(object, 0, object.attrs.size_bytes,
                   [&](auto piece) -> expected<void> {
                     hash.update(piece);
                     return req.to->append(piece);
                   });
    if (!ok)
      return ok.error();
    if (hash.finish() != object.attrs.cksum)
      return fail(errc::corrupted,
                  "BAD DATA CHECKSUM: the stored content is corrupted");
    // So that no client waits for it in the shard's commit.
    if (whom == io_for::jobs && large)
      return req.to->flush();
    return caf::unit;
  }
};

caf::result<ack> to_result(const expected<void>& x) {
  if (!x)
    return x.error();
  return ack{};
}

io_actor::behavior_type io(io_actor::stateful_pointer<io_state> self,
                           const environment& env, io_for whom) {
  auto& st = self->state;
  st.whom = whom;
  if (whom == io_for::jobs && env.give_way)
    env.give_way();
  return {
    [&st](const prove_next& req) -> caf::result<uint64_t> {
      auto done = st.prove(*req.what);
      if (!done)
        return done.error();
      return *done;
    },
    [&st](const warm_up& req) {
      return to_result(
        st.read(*req.what->object, req.offset, req.length,
                [](auto) -> expected<void> { return caf::unit; }));
    },
    [&st](const copy_content& req) { return to_result(st.copy(req)); },
    [](const close_object&) {}, // the message had the last of it
  };
}

} // namespace

io_actor spawn_io(caf::actor_system& sys, const environment& env, io_for whom) {
  return spawn_blocking(sys, env, io, env, whom);
}

} // namespace ais
