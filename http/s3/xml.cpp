#include "http/s3/xml.hpp"

#include <cstring>

namespace ais::http::s3 {

xml_writer::xml_writer(std::string_view root) {
  out_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<";
  out_.append(root);
  if (root != "Error" && root != "PostResponse") // which have none
    out_.append(" xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
  out_ += '>';
  open_.emplace_back(root);
}

xml_writer& xml_writer::open(std::string_view tag) {
  out_.append("<").append(tag).append(">");
  open_.emplace_back(tag.substr(0, tag.find(' '))); // without attributes
  return *this;
}

xml_writer& xml_writer::close() {
  out_.append("</").append(open_.back()).append(">");
  open_.pop_back();
  return *this;
}

xml_writer& xml_writer::text(std::string_view tag, std::string_view value) {
  out_.append("<").append(tag).append(">");
  out_.append(xml_escape(value));
  out_.append("</").append(tag).append(">");
  return *this;
}

xml_writer& xml_writer::content(std::string_view value) {
  out_.append(xml_escape(value));
  return *this;
}

xml_writer& xml_writer::number(std::string_view tag, uint64_t value) {
  return text(tag, std::to_string(value));
}

xml_writer& xml_writer::flag(std::string_view tag, bool value) {
  return text(tag, value ? "true" : "false");
}

std::string xml_writer::finish() {
  while (!open_.empty())
    close();
  return std::move(out_);
}

std::string xml_escape(std::string_view x) {
  std::string out;
  out.reserve(x.size());
  for (char c : x) {
    switch (c) {
      case '&':
        out.append("&amp;");
        break;
      case '<':
        out.append("&lt;");
        break;
      case '>':
        out.append("&gt;");
        break;
      case '"':
        out.append("&quot;");
        break;
      case '\r':
        out.append("&#13;");
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n')
          out.append("\xef\xbf\xbd");
        else
          out += c;
    }
  }
  return out;
}

namespace {

bool too_deep(const pugi::xml_node& root) {
  int depth = 1;
  for (auto x = root; x;) {
    if (depth > max_xml_depth)
      return true;
    if (x.first_child()) {
      x = x.first_child();
      ++depth;
      continue;
    }
    while (x != root && !x.next_sibling()) {
      x = x.parent();
      --depth;
    }
    if (x == root)
      return false;
    x = x.next_sibling();
  }
  return false;
}

fault malformed(std::string why) {
  return {malformed_xml, "the XML of the request body " + std::move(why), {}};
}

} // namespace

outcome<xml_document> parse_xml(std::string_view body, std::string_view root) {
  if (body.size() > max_xml_bytes)
    return malformed("has more than " + std::to_string(max_xml_bytes)
                     + " bytes");
  auto out = std::make_shared<pugi::xml_document>();
  auto done
    = out->load_buffer(body.data(), body.size(),
                       pugi::parse_cdata | pugi::parse_escapes | pugi::parse_eol
                         | pugi::parse_ws_pcdata_single,
                       pugi::encoding_utf8);
  if (!done)
    return malformed("is not well-formed at byte "
                     + std::to_string(done.offset));
  auto top = out->document_element();
  if (local_name(top) != root)
    return malformed("must be a <" + std::string{root} + ">");
  if (too_deep(top))
    return malformed("is nested too deeply");
  return out;
}

std::string_view local_name(const pugi::xml_node& x) {
  std::string_view name = x.name();
  auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::string child_text(const pugi::xml_node& x, const char* name) {
  for (auto& child : x.children())
    if (local_name(child) == name)
      return child.text().get();
  return {};
}

} // namespace ais::http::s3
