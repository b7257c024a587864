#include "actors/meta/meta_store.hpp"

#include "storage/base/crash.hpp"
#include "storage/base/log.hpp"
#include "storage/base/mutant.hpp"

#include <array>
#include <cstdio>
#include <optional>
#include <xxhash.h>

namespace ais {

namespace {

constexpr std::string_view magic = "ais-meta 1 ";
constexpr size_t max_copies = 2;

std::string
header_of(const std::string& kind, uint64_t version, std::string_view json) {
  char sum[17];
  std::snprintf(
    sum, sizeof(sum), "%016llx",
    static_cast<unsigned long long>(XXH64(json.data(), json.size(), 0)));
  return std::string{magic} + kind + ' ' + std::to_string(version)
         + " xxh64:" + sum + '\n';
}

struct copy {
  uint64_t version = 0;
  std::string json;
};

/// Reads a copy; none if it is not whole.
std::optional<copy> read(const storage::bytes& raw, const std::string& kind) {
  std::string_view text{reinterpret_cast<const char*>(raw.data()), raw.size()};
  auto start = std::string{magic} + kind + ' ';
  auto eol = text.find('\n');
  if (eol == std::string_view::npos || text.substr(0, start.size()) != start)
    return std::nullopt;
  copy out;
  out.version = std::strtoull(text.data() + start.size(), nullptr, 10);
  out.json = text.substr(eol + 1);
  if (text.substr(0, eol + 1) != header_of(kind, out.version, out.json)
      && !AIS_MUTANT("meta-unchecked"))
    return std::nullopt;
  return out;
}

} // namespace

expected<void> meta_store::save(const std::string& kind, uint64_t version,
                                const std::string& json) {
  auto text = header_of(kind, version, json) + json;
  auto raw = std::as_bytes(std::span{text.data(), text.size()});
  AIS_CRASH_POINT("meta.before");
  for (size_t i = 0; i < dirs_.size(); ++i) {
    if (i > 0 && AIS_MUTANT("meta-one-copy"))
      break;
    if (auto ok = storage::write_file(disk_, path(i, kind), raw); !ok)
      return with_context(ok.error(), "while saving " + kind);
    if (i == 0)
      AIS_CRASH_POINT("meta.first");
  }
  AIS_CRASH_POINT("meta.second");
  return caf::unit;
}

expected<std::string> meta_store::load(const std::string& kind) {
  std::array<std::optional<copy>, max_copies> copies;
  std::string broken;
  for (size_t i = 0; i < dirs_.size(); ++i) {
    auto raw = storage::read_file(disk_, path(i, kind), max_meta_bytes);
    if (raw)
      copies[i] = read(*raw, kind);
    else if (raw.error() == errc::not_found)
      continue;
    if (!copies[i])
      broken = path(i, kind);
  }
  size_t best
    = copies[1] && (!copies[0] || copies[1]->version > copies[0]->version);
  if (!copies[best]) {
    if (broken.empty())
      return std::string{};
    return fail(errc::integrity,
                broken
                  + " is damaged and there is no other copy: restore it"
                    " from a backup, or remove it to start without this"
                    " metadata (the buckets' data then goes to the trash)");
  }
  auto other = 1 - best;
  if (dirs_.size() == 1)
    return std::move(copies[best]->json);
  if (!copies[other] || copies[other]->version != copies[best]->version) {
    log_warning("restoring " + path(other, kind) + " from " + path(best, kind));
    if (auto ok = save(kind, copies[best]->version, copies[best]->json); !ok)
      return ok.error();
  }
  return std::move(copies[best]->json);
}

expected<void> meta_store::forget(const std::string& kind) {
  for (size_t i = 0; i < dirs_.size(); ++i) {
    auto gone = disk_.remove_file(path(i, kind));
    if (!gone && gone.error() != errc::not_found)
      return with_context(gone.error(), "while removing " + kind);
    if (auto ok = disk_.sync_dir(dirs_[i]); !ok)
      return with_context(ok.error(), "while removing " + kind);
  }
  return caf::unit;
}

} // namespace ais
