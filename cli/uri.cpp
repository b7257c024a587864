#include "cli/uri.hpp"

#include "cli/command.hpp"
#include "cli/failure.hpp"

#include <fmt/format.h>

namespace ais::cli {

namespace {

bool is_scheme(std::string_view x) {
  for (auto s : {"ais", "s3", "aws", "gs", "gcp", "az", "azure", "oc", "oci"})
    if (x == s)
      return true;
  return false;
}

std::string_view without_slashes(std::string_view x) {
  while (!x.empty() && x.front() == '/')
    x.remove_prefix(1);
  return x;
}

} // namespace

uri parse_uri(std::string_view text) {
  uri out;
  auto mark = text.find("://");
  if (mark == text.npos) {
    auto colon = text.find(':');
    auto scheme = text.substr(0, colon);
    if (is_scheme(scheme)) {
      auto rest = colon == text.npos ? std::string_view{}
                                     : without_slashes(text.substr(colon + 1));
      if (!rest.empty())
        throw failure(fmt::format("bucket name in \"{}\" is invalid: (did you"
                                  " mean \"{}://{}\"?)",
                                  text, scheme, rest));
      out.bucket.provider = must(parse_provider(scheme));
      return out;
    }
    throw failure(fmt::format("backend provider cannot be empty (did you mean"
                              " \"ais://{}\"?)",
                              without_slashes(text)));
  }
  auto provider = parse_provider(text.substr(0, mark));
  if (!provider || mark == 0)
    throw failure(fmt::format("invalid backend provider \"{}\" in \"{}\":"
                              " expecting one of ais, s3, gs, az, oc",
                              text.substr(0, mark), text));
  out.bucket.provider = *provider;
  auto rest = text.substr(mark + 3);
  if (!rest.empty() && (rest.front() == '@' || rest.front() == '#')) {
    auto slash = rest.find('/');
    auto space = rest.substr(0, slash);
    rest = slash == rest.npos ? std::string_view{} : rest.substr(slash + 1);
    if (space == "@" || (space == "@#" && rest.empty()))
      out.any_remote = true;
    else
      out.bucket.ns = must(parse_ns(space));
    if (space == "@" && !rest.empty())
      throw failure(fmt::format("\"{}\" does not say which remote cluster"
                                " (did you mean \"ais://@#/{}\"?)",
                                text, rest));
  }
  auto slash = rest.find('/');
  out.bucket.name = rest.substr(0, slash);
  if (slash != rest.npos) {
    out.slash = true;
    out.object = rest.substr(slash + 1);
  }
  if (out.bucket.name.empty() && !out.object.empty())
    throw failure(fmt::format("bucket name in \"{}\" is missing", text));
  if (!out.bucket.name.empty())
    must(check_bucket_name(out.bucket.name, true));
  return out;
}

uri optional_uri(const arguments& a) {
  uri out;
  out.any_provider = a.operands.empty();
  if (!a.operands.empty())
    out = parse_uri(a.operands[0]);
  if (a.has("prefix"))
    out.object = a.get("prefix");
  return out;
}

uri parse_bucket(std::string_view text) {
  auto out = parse_uri(text);
  if (out.query())
    throw failure(fmt::format("\"{}\": missing bucket name", text));
  return out;
}

bck parse_bare_bucket(std::string_view text) {
  auto out = parse_bucket(text);
  if (!out.object.empty())
    throw failure(fmt::format("\"{}\" names an object: expecting a bucket (did"
                              " you mean \"{}\"?)",
                              text, cname_of(out.bucket)));
  return out.bucket;
}

uri parse_objects(std::string_view text) {
  if (text.find("://") == text.npos && text.find(':') == text.npos)
    throw failure(fmt::format(
      "\"{}\" does not say in which bucket (did you mean \"ais://{}{}\"?)",
      text, text.find('/') == text.npos ? "BUCKET/" : "",
      without_slashes(text)));
  return parse_bucket(text);
}

uri parse_object(std::string_view text) {
  auto out = parse_objects(text);
  if (out.object.empty())
    throw misuse(fmt::format("\"{}\": missing object name", text));
  return out;
}

} // namespace ais::cli
