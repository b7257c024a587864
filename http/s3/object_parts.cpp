#include "http/s3/object_parts.hpp"

#include "http/tokens.hpp"

#include <algorithm>

namespace ais::http::s3 {

namespace {

/// "4 3x5242880 1x17"
std::string sizes_text(const std::vector<object_part>& parts) {
  auto out = std::to_string(parts.size());
  uint64_t next = 1;
  for (auto i = parts.begin(); i != parts.end();) {
    if (i->number != next)
      out += " @" + std::to_string(i->number);
    next = i->number;
    auto size = i->size;
    uint64_t run = 0;
    for (; i != parts.end() && i->size == size && i->number == next; ++i) {
      ++run;
      ++next;
    }
    out += ' ' + std::to_string(run) + 'x' + std::to_string(size);
  }
  return out;
}

/// Reads one word of it. @param next  the number of the part behind
bool read_word(std::string_view word, uint64_t& next,
               std::vector<object_part>& out) {
  if (word.substr(0, 1) == "@") {
    auto number = whole_number(word.substr(1));
    if (!number || *number < next || *number > max_parts)
      return false;
    next = *number;
    return true;
  }
  auto x = word.find('x');
  if (x == std::string_view::npos)
    return false;
  auto run = whole_number(word.substr(0, x));
  auto size = whole_number(word.substr(x + 1));
  if (!run || !size || *run == 0 || *run > max_parts
      || next + *run > max_parts + 1 || *size > INT64_MAX / max_parts)
    return false;
  for (uint64_t i = 0; i < *run; ++i) {
    auto at = out.empty() ? 0 : out.back().offset + out.back().size;
    out.push_back({next++, at, *size, {}});
  }
  return true;
}

/// The digests of the parts: none if they do not fit their number.
std::optional<algorithm> read_sums(std::string_view text, object_parts& out) {
  auto space = text.find(' ');
  auto type = parse_algorithm(text.substr(0, space));
  if (space == std::string_view::npos || !type)
    return {};
  auto raw = from_base64(text.substr(space + 1));
  auto size = digest_bytes(*type);
  if (!raw || raw->size() != size * out.parts.size())
    return {};
  for (size_t i = 0; i < out.parts.size(); ++i)
    out.parts[i].sum = to_base64(std::string_view{*raw}.substr(i * size, size));
  return type;
}

std::string sums_text(const std::vector<object_part>& parts, algorithm type) {
  std::string all;
  for (auto& x : parts) {
    auto raw = from_base64(x.sum);
    if (!raw || raw->size() != digest_bytes(type))
      return {};
    all += *raw;
  }
  return std::string{to_string(type)} + ' ' + to_base64(all);
}

/// Whether an object with this metadata can be stored, whatever its checksum.
bool fits(const storage::custom_map& custom, std::string_view key) {
  storage::lom x;
  x.custom = custom;
  x.cksum = {storage::cksum_type::sha512, std::string(128, '0')};
  x.version.assign(20, '0');
  x.size_bytes = x.generation = x.volume = UINT64_MAX;
  x.copies = 1;
  return static_cast<bool>(storage::encode_lom(x, key));
}

} // namespace

const object_part* object_parts::find(uint64_t number) const {
  auto i = std::lower_bound(
    parts.begin(), parts.end(), number,
    [](auto& x, uint64_t wanted) { return x.number < wanted; });
  return i == parts.end() || i->number != number ? nullptr : &*i;
}

std::optional<object_parts> parts_of(const storage::lom& x) {
  auto kept = x.custom.find(parts_key);
  if (kept == x.custom.end())
    return {};
  std::string_view text{kept->second};
  auto space = text.find(' ');
  auto count = whole_number(text.substr(0, space));
  if (!count || *count == 0 || *count > max_parts)
    return {};
  object_parts out;
  out.count = *count;
  uint64_t next = 1;
  while (space != std::string_view::npos) {
    text.remove_prefix(space + 1);
    space = text.find(' ');
    if (!read_word(text.substr(0, space), next, out.parts))
      return {};
  }
  if (out.parts.empty())
    return out;
  auto& last = out.parts.back();
  if (out.parts.size() != out.count || last.offset + last.size != x.size_bytes)
    return {};
  if (auto sums = x.custom.find(part_sums_key); sums != x.custom.end())
    out.type = read_sums(sums->second, out);
  return out;
}

void keep_parts(storage::custom_map& out, std::string_view key,
                const std::vector<object_part>& parts,
                std::optional<algorithm> type) {
  auto count = std::to_string(parts.size());
  out[parts_key] = count;
  auto sizes = sizes_text(parts);
  if (sizes.size() > max_parts_text)
    return;
  out[parts_key] = std::move(sizes);
  if (!fits(out, key)) {
    out[parts_key] = std::move(count);
    return;
  }
  auto sums = type ? sums_text(parts, *type) : std::string{};
  if (sums.empty() || sums.size() > max_sums_text)
    return;
  out[part_sums_key] = std::move(sums);
  if (!fits(out, key))
    out.erase(part_sums_key);
}

} // namespace ais::http::s3
