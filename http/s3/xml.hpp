// XML in and out: a writer for replies, a bounded parser for request bodies.
// pugixml does not expand entities of a document type, so that there are no
// bombs; size and depth have limits.
#pragma once

#include "http/s3/fault.hpp"

#include <memory>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace ais::http::s3 {

inline constexpr size_t max_xml_bytes = 4 << 20; ///< 10,000 parts, 1000 keys
inline constexpr int max_xml_depth = 16;

/// Builds a document; elements are closed in the order they were opened.
class xml_writer {
public:
  /// Starts a document whose root has S3's namespace.
  explicit xml_writer(std::string_view root);
  xml_writer& open(std::string_view tag);
  xml_writer& close();
  xml_writer& text(std::string_view tag, std::string_view value);
  /// Character data of the element that is open.
  xml_writer& content(std::string_view value);
  xml_writer& number(std::string_view tag, uint64_t value);
  xml_writer& flag(std::string_view tag, bool value);
  /// Closes what is open.
  std::string finish();

private:
  std::string out_;
  std::vector<std::string> open_;
};

/// `x` as character data; what XML 1.0 cannot hold becomes U+FFFD.
std::string xml_escape(std::string_view x);

using xml_document = std::shared_ptr<pugi::xml_document>;

/// Parses a body whose root element is `root`, in any namespace.
/// @returns malformed_xml.
outcome<xml_document> parse_xml(std::string_view body, std::string_view root);

/// The name of an element without its namespace's prefix.
std::string_view local_name(const pugi::xml_node& x);

/// The text of a child element, empty if there is none.
std::string child_text(const pugi::xml_node& x, const char* name);

} // namespace ais::http::s3
