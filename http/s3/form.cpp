#include "http/s3/form.hpp"

#include "http/request.hpp"
#include "storage/base/words.hpp"

#include <algorithm>
#include <cstring>

namespace ais::http::s3 {

namespace {

constexpr std::string_view line_end = "\r\n";

std::string_view trim(std::string_view x) {
  while (!x.empty() && (x.front() == ' ' || x.front() == '\t'))
    x.remove_prefix(1);
  while (!x.empty() && (x.back() == ' ' || x.back() == '\t'))
    x.remove_suffix(1);
  return x;
}

fault malformed(std::string why) {
  return {malformed_post, "the form is malformed: " + std::move(why), {}};
}

/// Takes '...; name="value"' apart, behind the first ';'. A backslash escapes
/// a quote only: some browsers send paths with plain ones.
std::optional<std::string>
parameter(std::string_view x, std::string_view name) {
  x = x.substr(std::min(x.find(';'), x.size()));
  while (!x.empty()) {
    x.remove_prefix(1); // the ';'
    auto eq = x.find('=');
    if (eq == std::string_view::npos)
      return {};
    auto key = trim(x.substr(0, eq));
    x.remove_prefix(eq + 1);
    std::string value;
    if (!x.empty() && x.front() == '"') {
      size_t i = 1;
      for (; i < x.size() && x[i] != '"'; ++i) {
        if (x[i] == '\\' && i + 1 < x.size() && x[i + 1] == '"')
          ++i;
        value += x[i];
      }
      if (i >= x.size())
        return {};
      x.remove_prefix(i + 1);
    } else {
      value = trim(x.substr(0, x.find(';')));
    }
    if (same_name(key, name))
      return value;
    x = x.substr(std::min(x.find(';'), x.size()));
  }
  return {};
}

std::string base_name(const std::string& x) {
  auto slash = x.find_last_of("/\\");
  return slash == std::string::npos ? x : x.substr(slash + 1);
}

/// The headers of a part, as far as they matter.
struct part_head {
  std::string name;
  std::string filename;
};

outcome<part_head> parse_part_head(std::string_view lines) {
  part_head out;
  while (!lines.empty()) {
    auto end = lines.find(line_end);
    auto line = lines.substr(0, end);
    lines = end == std::string_view::npos ? std::string_view{}
                                          : lines.substr(end + 2);
    auto colon = line.find(':');
    if (colon == std::string_view::npos)
      return malformed("a part has a header without ':'");
    if (!same_name(trim(line.substr(0, colon)), "content-disposition"))
      continue;
    auto value = line.substr(colon + 1);
    out.name = lower(parameter(value, "name").value_or(""));
    out.filename = base_name(parameter(value, "filename").value_or(""));
  }
  if (out.name.empty())
    return malformed("a part needs the header Content-Disposition with a name");
  return out;
}

} // namespace

outcome<std::string> form_boundary(std::string_view content_type) {
  auto out = parameter(content_type, "boundary");
  if (!out || out->empty() || out->size() > max_boundary_bytes
      || out->find_first_of("\r\n") != std::string::npos)
    return fault{invalid_argument,
                 "the Content-Type of a form needs a boundary of 1 to 70"
                 " characters",
                 {}};
  return *out;
}

std::string_view form_head::get(std::string_view name) const {
  for (auto& [key, value] : fields)
    if (key == name)
      return value;
  return {};
}

bool form_head::has(std::string_view name) const {
  return std::any_of(fields.begin(), fields.end(),
                     [&](auto& x) { return x.first == name; });
}

outcome<std::optional<form_head>>
parse_form_head(std::string_view begin, std::string_view boundary) {
  std::optional<form_head> more; // none: as the answer
  auto dashes = "--" + std::string{boundary};
  auto delimiter = std::string{line_end} + dashes;
  // What comes before the first delimiter is ignored.
  auto at = begin.substr(0, dashes.size()) == dashes ? size_t{0}
                                                     : begin.find(delimiter);
  if (at == std::string_view::npos)
    return more;
  at += at == 0 && begin.substr(0, 2) != line_end ? dashes.size()
                                                  : delimiter.size();
  form_head out;
  for (;;) {
    if (begin.size() < at + 2)
      return more;
    if (begin.substr(at, 2) == "--")
      return fault{
        invalid_argument, "a form needs a field \"file\", as its last one", {}};
    if (begin.substr(at, 2) != line_end)
      return malformed("a delimiter does not end its line");
    auto head_end = begin.find("\r\n\r\n", at);
    if (head_end == std::string_view::npos)
      return more;
    auto head_at = std::min(at + 2, head_end);
    auto head = parse_part_head(begin.substr(head_at, head_end - head_at));
    if (!head)
      return head.why();
    auto value_at = head_end + 4;
    if (head->name == "file") {
      out.filename = std::move(head->filename);
      out.size = value_at;
      return std::optional{std::move(out)};
    }
    auto value_end = begin.find(delimiter, value_at);
    if (value_end == std::string_view::npos)
      return more;
    if (out.has(head->name))
      return malformed("the field \"" + head->name.substr(0, 64)
                       + "\" is there twice");
    if (out.fields.size() == max_form_fields)
      return malformed("there are more than 100 fields");
    out.fields.emplace_back(
      std::move(head->name),
      std::string{begin.substr(value_at, value_end - value_at)});
    at = value_end + delimiter.size();
  }
}

form_file::form_file(std::string_view boundary, size_t head_bytes)
  : delimiter_(std::string{line_end} + "--" + std::string{boundary}),
    skip_(head_bytes) {}

std::span<std::byte> form_file::pass(std::span<std::byte> raw) {
  auto skipped = std::min(skip_, raw.size());
  skip_ -= skipped;
  auto in = raw.subspan(skipped);
  if (done_ || in.empty())
    return raw.first(0);
  // What was held and what came, without copying what came.
  std::string_view text{reinterpret_cast<const char*>(in.data()), in.size()};
  auto edge = held_ + std::string{text.substr(0, delimiter_.size() - 1)};
  auto end = edge.find(delimiter_);
  if (end == std::string::npos) {
    end = text.find(delimiter_);
    if (end != std::string_view::npos)
      end += held_.size();
  }
  done_ = end != std::string_view::npos;
  auto total = held_.size() + text.size();
  if (!done_)
    end = total - std::min(total, delimiter_.size() - 1);
  // The next to be held: the last of both.
  std::string next;
  if (!done_)
    next = end < held_.size() ? held_.substr(end) + std::string{text}
                              : std::string{text.substr(end - held_.size())};
  // end <= |text|: less is held than a delimiter has.
  auto from_held = std::min(end, held_.size());
  std::memmove(raw.data() + from_held, in.data(), end - from_held);
  std::memcpy(raw.data(), held_.data(), from_held);
  held_ = std::move(next);
  return raw.first(end);
}

checked form_file::finish() const {
  if (!done_)
    return fault{
      incomplete_body, "the form ends without its closing delimiter", {}};
  return std::monostate{};
}

} // namespace ais::http::s3
