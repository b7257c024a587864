#include "storage/base/json.hpp"

#include <boost/json/parse_options.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace ais {

namespace {

bool same_key(std::string_view a, std::string_view b) {
  auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

error wrong_type(std::string_view name, const char* wanted) {
  return fail(errc::invalid_argument,
              '"' + std::string{name} + "\" must be " + wanted);
}

template <class T>
expected<T>
number_member(const json::object& x, std::string_view name, T otherwise) {
  auto* v = find_member(x, name);
  if (!v || v->is_null())
    return otherwise;
  if (auto* s = v->if_string()) {
    if (s->empty())
      return otherwise;
    T out{};
    auto [end, ec] = std::from_chars(s->data(), s->data() + s->size(), out);
    if (ec == std::errc{} && end == s->data() + s->size())
      return out;
    return wrong_type(name, "a whole number");
  }
  if (auto* i = v->if_int64(); i && std::in_range<T>(*i))
    return static_cast<T>(*i);
  if (auto* u = v->if_uint64(); u && std::in_range<T>(*u))
    return static_cast<T>(*u);
  return wrong_type(name, "a whole number");
}

/// False if there is a number that no double can hold, such as 1e999.
bool finite(const json::value& x) {
  if (auto* d = x.if_double())
    return std::isfinite(*d);
  if (auto* a = x.if_array())
    return std::all_of(a->begin(), a->end(), finite);
  if (auto* o = x.if_object())
    return std::all_of(o->begin(), o->end(),
                       [](auto& m) { return finite(m.value()); });
  return true;
}

void pretty(std::string& out, const json::value& x, size_t step, size_t depth) {
  auto indent = [&](size_t n) {
    out.append("\n").append(n * step, ' ');
  };
  if (auto* o = x.if_object(); o && !o->empty()) {
    out += '{';
    for (auto i = o->begin(); i != o->end(); ++i) {
      if (i != o->begin())
        out += ',';
      indent(depth + 1);
      out += json::serialize(json::string{i->key()});
      out += ": ";
      pretty(out, i->value(), step, depth + 1);
    }
    indent(depth);
    out += '}';
  } else if (auto* a = x.if_array(); a && !a->empty()) {
    out += '[';
    for (auto i = a->begin(); i != a->end(); ++i) {
      if (i != a->begin())
        out += ',';
      indent(depth + 1);
      pretty(out, *i, step, depth + 1);
    }
    indent(depth);
    out += ']';
  } else {
    out += json::serialize(x);
  }
}

/// @param where  names a position: bytes from the start.
template <class F>
expected<json::value> parse(std::string_view text, size_t max_depth, F where) {
  json::parse_options options;
  options.max_depth = max_depth;
  json::stream_parser p{{}, options};
  json::error_code ec;
  auto used = p.write(text.data(), text.size(), ec);
  if (!ec)
    p.finish(ec);
  if (ec)
    return fail(errc::invalid_argument,
                "malformed JSON at " + where(used) + ": " + ec.message());
  auto out = p.release();
  if (!finite(out))
    return fail(errc::invalid_argument,
                "malformed JSON: a number is too large");
  return out;
}

} // namespace

expected<json::value> parse_json(std::string_view text, size_t max_depth) {
  return parse(text, max_depth,
               [](size_t at) { return "byte " + std::to_string(at); });
}

expected<json::value> parse_json_file(std::string_view text) {
  return parse(text, max_json_depth, [text](size_t at) {
    auto before = text.substr(0, at);
    auto line = std::count(before.begin(), before.end(), '\n') + 1;
    auto column = at - (before.rfind('\n') + 1) + 1;
    return "line " + std::to_string(line) + ", column "
           + std::to_string(column);
  });
}

std::string to_text(const json::value& x) {
  return json::serialize(x);
}

std::string to_pretty_text(const json::value& x, size_t step) {
  std::string out;
  pretty(out, x, step, 0);
  out += '\n';
  return out;
}

const json::value* find_member(const json::object& x, std::string_view name) {
  for (auto& m : x)
    if (same_key({m.key().data(), m.key().size()}, name))
      return &m.value();
  return nullptr;
}

expected<std::string>
text_member(const json::object& x, std::string_view name) {
  auto* v = find_member(x, name);
  if (!v || v->is_null())
    return std::string{};
  if (auto* s = v->if_string())
    return std::string{s->data(), s->size()};
  return wrong_type(name, "a string");
}

expected<int64_t> integer_member(const json::object& x, std::string_view name,
                                 int64_t otherwise) {
  return number_member<int64_t>(x, name, otherwise);
}

expected<uint64_t> unsigned_member(const json::object& x, std::string_view name,
                                   uint64_t otherwise) {
  return number_member<uint64_t>(x, name, otherwise);
}

expected<bool> bool_member(const json::object& x, std::string_view name) {
  auto* v = find_member(x, name);
  if (!v || v->is_null())
    return false;
  if (auto* b = v->if_bool())
    return *b;
  return wrong_type(name, "true or false");
}

} // namespace ais
