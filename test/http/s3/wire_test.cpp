// Checksums, XML, listings, conditions and access rules of the S3 API.
#include "http/s3/access.hpp"
#include "http/s3/digest.hpp"
#include "http/s3/list.hpp"
#include "http/s3/metadata.hpp"
#include "http/s3/when.hpp"
#include "http/s3/xml.hpp"
#include "storage/memory_disk.hpp"

#include <catch2/catch.hpp>

using namespace ais;
using namespace ais::http;

namespace {

std::string digest(s3::algorithm a, std::string_view text, size_t step) {
  s3::digester d{a};
  auto all = std::as_bytes(std::span{text.data(), text.size()});
  for (size_t at = 0; at < all.size(); at += step)
    d.update(all.subspan(at, std::min(step, all.size() - at)));
  return to_hex(d.finish());
}

} // namespace

TEST_CASE("s3 digest: known values", "[http][s3]") {
  struct row {
    s3::algorithm a;
    const char* hex;
  };
  // The check values of the CRC catalogue (CRC-32/ISO-HDLC, CRC-32/ISCSI,
  // CRC-64/NVME); `printf 123456789 | sha1sum`.
  for (auto& x :
       {row{s3::algorithm::crc32, "cbf43926"},
        row{s3::algorithm::crc32c, "e3069283"},
        row{s3::algorithm::crc64nvme, "ae8b14860a799888"},
        row{s3::algorithm::sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"}})
    for (size_t step = 1; step <= 9; ++step)
      CHECK(digest(x.a, "123456789", step) == x.hex);
  for (auto a : s3::algorithms) {
    CHECK(s3::parse_algorithm(s3::to_string(a)) == a);
    CHECK(s3::algorithm_of_header(s3::header_of(a)) == a);
    CHECK(digest(a, "", 1).size() == 2 * s3::digest_bytes(a));
    std::string big(100'003, 'x');
    CHECK(digest(a, big, big.size()) == digest(a, big, 77));
  }
}

TEST_CASE("s3 digest: base64 and hex", "[http][s3]") {
  for (auto& [raw, text] : std::vector<std::pair<std::string, std::string>>{
         {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}}) {
    CHECK(s3::to_base64(raw) == text);
    CHECK(s3::from_base64(text) == raw);
  }
  for (auto* bad :
       {"Z", "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9 ", "Z=g="})
    CHECK_FALSE(s3::from_base64(bad));
  CHECK(from_hex("00fF") == std::string("\0\xff", 2));
  CHECK_FALSE(from_hex("0"));
  CHECK_FALSE(from_hex("0g"));
}

TEST_CASE("s3 xml: what is read", "[http][s3]") {
  auto doc = s3::parse_xml(
    "<?xml version='1.0'?><x:Delete xmlns:x='u'><x:Object><x:Key>a&amp;b &#228;"
    "</x:Key></x:Object><Quiet>true</Quiet></x:Delete>",
    "Delete");
  REQUIRE(doc);
  auto top = (*doc)->document_element();
  CHECK(s3::child_text(top, "Quiet") == "true");
  CHECK(s3::child_text(top.first_child(), "Key") == "a&b \xc3\xa4");
  auto blank = s3::parse_xml("<D> <Key> </Key>\n</D>", "D");
  REQUIRE(blank);
  CHECK(s3::child_text((*blank)->document_element(), "Key") == " ");
  std::string deep;
  for (int i = 0; i < 100'000; ++i)
    deep += "<a>";
  for (std::string bad :
       {std::string{}, std::string{"text"}, std::string{"<Delete>"},
        std::string{"<Other/>"}, "<Delete>" + deep,
        "<Delete>" + std::string(s3::max_xml_bytes, ' ') + "</Delete>"})
    CHECK_FALSE(s3::parse_xml(bad, "Delete"));
  std::string nested = "<Delete>";
  for (int i = 0; i < 50; ++i)
    nested += "<a>";
  for (int i = 0; i < 50; ++i)
    nested += "</a>";
  CHECK_FALSE(s3::parse_xml(nested + "</Delete>", "Delete"));
}

TEST_CASE("s3 xml: entities of a document type are not expanded",
          "[http][s3]") {
  auto doc = s3::parse_xml("<!DOCTYPE x [<!ENTITY b \"boom\"><!ENTITY f SYSTEM "
                           "\"file:///etc/hosts\">]>"
                           "<Delete><Quiet>&b;&f;</Quiet></Delete>",
                           "Delete");
  if (doc)
    CHECK(s3::child_text((*doc)->document_element(), "Quiet") == "&b;&f;");
}

TEST_CASE("s3 xml: what is written", "[http][s3]") {
  s3::xml_writer xml{"R"};
  xml.open("A").text("K", "<&>\"\r\x01").close().flag("F", true);
  CHECK(
    xml.finish()
    == "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
       "<R xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><A><K>&lt;&amp;"
       "&gt;&quot;&#13;\xef\xbf\xbd</K></A><F>true</F></R>");
}

TEST_CASE("s3 when", "[http][s3]") {
  CHECK(s3::parse_amz_date("20130524T000000Z") == 1'369'353'600);
  CHECK(s3::parse_amz_date("20160229T235960Z") == 1'456'790'400);
  CHECK(s3::parse_http_date("Fri, 24 May 2013 00:00:00 GMT") == 1'369'353'600);
  for (auto* bad :
       {"", "20130524T000000", "2013-05-24T00:00", "20131324T000000Z",
        "20130524T000000Zx", "20130524t000000Z", "20130524T240000Z",
        "20130229T000000Z", "201305 4T000000Z", "20130524T000000z"})
    CHECK_FALSE(s3::parse_amz_date(bad));
  CHECK(s3::format_xml_time(1'369'353'600'999'999'999)
        == "2013-05-24T00:00:00.000Z");
}

TEST_CASE("s3 tags and metadata", "[http][s3]") {
  using list = std::vector<std::string>;
  CHECK(s3::parse_tags("") == list{});
  CHECK(s3::parse_tags("\"a\", W/\"b\" ,c,*") == list{"a", "b", "c", "*"});
  request req;
  req.headers = {{"X-Amz-Meta-Label", "cat"},
                 {"x-amz-meta-label", "dog"},
                 {"Content-Encoding", "aws-chunked,gzip"},
                 {"Content-Type", "text/x"}};
  auto got = s3::read_metadata(req);
  REQUIRE(got);
  CHECK(*got
        == storage::custom_map{{"label", "cat,dog"},
                               {"Content-Encoding", "gzip"},
                               {"Content-Type", "text/x"}});
  req.headers.push_back({"x-amz-server-side-encryption", "AES256"});
  CHECK_FALSE(s3::read_metadata(req));
}

TEST_CASE("s3 access rules", "[http][s3]") {
  auto rules = s3::parse_access(
    R"({"anonymous": "read", "keys": [
        {"access_key": "a", "secret_key": "s", "access": "write",
         "buckets": ["one", "train-*"]},
        {"access_key": "b", "secret_key": "t"}]})");
  REQUIRE(rules);
  CHECK((*rules)->anonymous == s3::level::read);
  auto* a = (*rules)->find("a");
  REQUIRE(a);
  CHECK(a->access == s3::level::write);
  CHECK(a->covers("one"));
  CHECK(a->covers("train-"));
  CHECK_FALSE(a->covers("on"));
  CHECK_FALSE(a->covers("one1"));
  CHECK((*rules)->find("b")->covers("any"));
  CHECK_FALSE((*rules)->find("c"));
  for (auto* bad :
       {"", "[]", R"({"anonymous":"all"})", R"({"keys":{}})",
        R"({"keys":[{"access_key":"a"}]})",
        R"({"keys":[{"access_key":"a","secret_key":""}]})",
        R"({"keys":[{"access_key":"a","secret_key":"s","buckets":[]}]})",
        R"({"keys":[{"access_key":"a","secret_key":"s"},
                    {"access_key":"a","secret_key":"t"}]})"}) {
    CAPTURE(bad);
    CHECK_FALSE(s3::parse_access(bad));
  }
}

TEST_CASE("s3 access: the file changes", "[http][s3]") {
  storage::memory_disk disk;
  std::string file = "/s3.json";
  auto write = [&](std::string_view text) {
    disk.remove_file(file);
    REQUIRE(storage::write_file(
      disk, file, std::as_bytes(std::span{text.data(), text.size()})));
  };
  auto one_key = R"({"keys":[{"access_key":"a","secret_key":"s"}]})";
  auto nobody = [](const s3::access_book& x) {
    return x.rules()->verify && x.rules()->keys.empty()
           && x.rules()->anonymous == s3::level::none;
  };
  s3::access_book book{disk, file, true};
  CHECK_FALSE(book.rules()->verify); // open to all, without a file

  SECTION("the keys of before outlive a bad file") {
    write(one_key);
    book.refresh();
    REQUIRE(book.rules()->find("a"));
    write("{\"keys\": [");
    book.refresh();
    CHECK(book.rules()->find("a"));
    write(R"({"keys":[{"access_key":"b","secret_key":"s"}]})");
    book.refresh();
    CHECK_FALSE(book.rules()->find("a"));
    CHECK(book.rules()->find("b"));
  }
  SECTION("a first file that is bad lets nobody in") {
    write("{");
    book.refresh();
    CHECK(nobody(book));
    write("[]");
    book.refresh();
    CHECK(nobody(book));
  }
  SECTION("so does one that is bad at the start") {
    write("{");
    CHECK(nobody(s3::access_book{disk, file, true}));
  }
  SECTION("without a file it is as at first") {
    write(one_key);
    book.refresh();
    disk.remove_file(file);
    book.refresh();
    CHECK_FALSE(book.rules()->verify);
    write("{");
    book.refresh();
    CHECK(nobody(book));
  }
}

TEST_CASE("s3 list: parameters", "[http][s3]") {
  auto parse = [](std::string_view text, int version) {
    return s3::parse_list_query(*query::parse(text, 100), version);
  };
  CHECK(parse("max-keys=5000", 2)->count == s3::max_keys);
  CHECK(parse("max-keys=0", 2)->count == 0);
  CHECK(parse("marker=m", 1)->after == "m");
  CHECK(parse("continuation-token=", 2)->after.empty());
  CHECK(parse("prefix=%0A", 2)->nothing);
  CHECK_FALSE(parse("prefix=a", 2)->nothing);
  auto token = s3::make_token("id", "last\nname");
  auto went_on = parse("continuation-token=" + percent_encode(token, ""), 2);
  REQUIRE(went_on);
  CHECK(went_on->uuid == "id");
  CHECK(went_on->after == "last\nname");
  for (auto* bad :
       {"max-keys=x", "max-keys=-1", "max-keys=2147483648", "encoding-type=x",
        "continuation-token=x", "allow-unordered=true&delimiter=/"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse(bad, 2));
  }
}
