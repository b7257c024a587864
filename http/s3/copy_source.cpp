#include "http/s3/copy_source.hpp"

#include "http/s3/aws_chunked.hpp"
#include "http/url.hpp"

#include <charconv>

namespace ais::http::s3 {

namespace {

std::optional<uint64_t> parse_offset(std::string_view x) {
  uint64_t n = 0;
  auto [end, ec] = std::from_chars(x.data(), x.data() + x.size(), n);
  if (x.empty() || ec != std::errc{} || end != x.data() + x.size())
    return {};
  return n;
}

} // namespace

outcome<source_name> parse_copy_source(std::string_view raw) {
  constexpr std::string_view with = "?versionId=";
  auto mark = raw.find(with);
  std::optional<std::string> version;
  if (mark != std::string_view::npos)
    version = raw.substr(mark + with.size());
  auto text = percent_decode(raw.substr(0, mark));
  if (!text)
    return fault{invalid_argument, message_of(text.error()), {}};
  auto name = std::string_view{*text};
  if (!name.empty() && name.front() == '/')
    name.remove_prefix(1);
  auto slash = name.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash + 1 == name.size())
    return fault{invalid_argument,
                 "x-amz-copy-source must be <bucket>/<key>, URL-encoded",
                 {}};
  return source_name{std::string{name.substr(0, slash)},
                     std::string{name.substr(slash + 1)}, std::move(version)};
}

outcome<std::optional<byte_range>> parse_copy_range(std::string_view header) {
  constexpr std::string_view unit = "bytes=";
  if (header.empty())
    return std::optional<byte_range>{};
  fault wrong{invalid_argument,
              "x-amz-copy-source-range must be bytes=<first>-<last>, both"
              " counted from 0",
              {}};
  if (header.substr(0, unit.size()) != unit)
    return wrong;
  header.remove_prefix(unit.size());
  auto dash = header.find('-');
  if (dash == std::string_view::npos)
    return wrong;
  auto first = parse_offset(header.substr(0, dash));
  auto last = parse_offset(header.substr(dash + 1));
  if (!first || !last || *first > *last || *last == UINT64_MAX)
    return wrong;
  return std::optional{byte_range{*first, *last - *first + 1}};
}

outcome<byte_range>
copied_bytes(const std::optional<byte_range>& range, uint64_t size) {
  if (range && (range->length > size || range->offset > size - range->length))
    return fault{invalid_range,
                 "the range to copy ends beyond the source, which has "
                   + std::to_string(size) + " bytes",
                 {}};
  auto out = range.value_or(byte_range{0, size});
  if (out.length > max_put_bytes)
    return fault{entity_too_large,
                 "a part has at most 5 GiB: copy by x-amz-copy-source-range",
                 {}};
  return out;
}

} // namespace ais::http::s3
