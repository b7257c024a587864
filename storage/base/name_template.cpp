#include "storage/base/name_template.hpp"

#include <algorithm>
#include <charconv>

namespace ais {

namespace {

/// A whole number without sign; false for anything else.
bool number(std::string_view x, uint64_t& out) {
  auto [end, ec] = std::from_chars(x.data(), x.data() + x.size(), out);
  return ec == std::errc{} && end == x.data() + x.size() && !x.empty();
}

} // namespace

expected<name_template> name_template::parse(std::string_view text) {
  auto bad = [&](const char* why) {
    return fail(errc::invalid_argument,
                "template \"" + std::string{text.substr(0, 200)} + "\" " + why
                  + ": write, for example, \"shard-{000..999}.tar\"");
  };
  name_template out;
  auto rest = text;
  for (;;) {
    auto open = rest.find('{');
    auto dots = rest.find("..", open);
    auto close = rest.find('}', open);
    if (open == rest.npos || close == rest.npos || dots == rest.npos
        || dots > close)
      break;
    auto inside = rest.substr(open + 1, close - open - 1);
    auto first_text = inside.substr(0, inside.find(".."));
    auto last_text = inside.substr(first_text.size() + 2);
    auto step_at = last_text.find("..");
    range r;
    uint64_t last = 0;
    if (step_at != last_text.npos
        && !number(last_text.substr(step_at + 2), r.step))
      return bad("has a step that is no number");
    last_text = last_text.substr(0, step_at);
    if (!number(first_text, r.first) || !number(last_text, last))
      return bad("has a range whose ends are no numbers");
    if (r.step == 0)
      return bad("has a step of 0");
    if (last < r.first)
      return bad("has a range that ends before it begins");
    if ((last - r.first) / r.step >= max_template_names)
      return bad("stands for more than 10,000,000 names");
    r.count = (last - r.first) / r.step + 1;
    r.width = std::min(first_text.size(), last_text.size());
    out.size_ *= r.count; // both at most 10^7: no overflow
    if (out.size_ > max_template_names)
      return bad("stands for more than 10,000,000 names");
    out.texts_.emplace_back(rest.substr(0, open));
    out.ranges_.push_back(r);
    rest.remove_prefix(close + 1);
  }
  out.texts_.emplace_back(rest);
  return out;
}

std::string name_template::at(uint64_t i) const {
  std::vector<uint64_t> digits(ranges_.size());
  for (auto k = ranges_.size(); k-- > 0; i /= ranges_[k].count)
    digits[k] = i % ranges_[k].count;
  auto out = texts_.front();
  for (size_t k = 0; k < ranges_.size(); ++k) {
    auto& r = ranges_[k];
    auto text = std::to_string(r.first + digits[k] * r.step);
    if (text.size() < r.width)
      out.append(r.width - text.size(), '0');
    out += text;
    out += texts_[k + 1];
  }
  return out;
}

} // namespace ais
