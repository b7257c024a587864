#include "actors/meta/volume.hpp"

#include "storage/base/json.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace ais {

namespace {

constexpr std::array<std::string_view, 5> state_names{
  "enabled", "disabling", "detaching", "disabled", "detached"};

mpath_info* find_in(volume& x, std::string_view path) {
  auto i = std::find_if(x.mountpaths.begin(), x.mountpaths.end(),
                        [&](auto& m) { return m.path == path; });
  return i == x.mountpaths.end() ? nullptr : &*i;
}

error unknown(const volume& x, const std::string& path) {
  std::string ours;
  for (auto& m : x.mountpaths)
    if (m.state != mpath_state::detached)
      ours += (ours.empty() ? "" : ", ") + m.path;
  return fail(errc::mountpath_not_found,
              "mountpath " + path.substr(0, 200)
                + " is none of this target's: it has " + ours);
}

bool inside(const std::string& a, const std::string& b) {
  return (a + '/').rfind(b + '/', 0) == 0;
}

size_t enabled_ones(const volume& x) {
  return static_cast<size_t>(
    std::count_if(x.mountpaths.begin(), x.mountpaths.end(),
                  [](auto& m) { return m.state == mpath_state::enabled; }));
}

/// What the last mountpath of a target answers when it is to go.
expected<void>
check_last(const volume& x, const mpath_info& m, const mpath_removal& how) {
  if (m.state != mpath_state::enabled || enabled_ones(x) > 1)
    return caf::unit;
  auto refused = [&](const char* hint) {
    return fail(errc::conflict,
                m.path + " is the last mountpath of this target: " + hint);
  };
  if (!how.last)
    return refused("attach another one first, there is no other target that"
                   " could serve in its place");
  if (!x.settled)
    return refused("objects are on their way to it (resilver): wait until that"
                   " has ended");
  if (how.for_good && how.move)
    return refused("its objects cannot move to another one: take the target out"
                   " of the cluster first (ais cluster add-remove-nodes"
                   " start-maintenance), or detach it without them"
                   " (--no-resilver)");
  return caf::unit;
}

expected<void> check_path(const volume& x, const std::string& path) {
  if (path.size() < 2 || path.front() != '/' || path.back() == '/'
      || path.find("//") != std::string::npos
      || (path + '/').find("/../") != std::string::npos
      || (path + '/').find("/./") != std::string::npos
      || path.find('\0') != std::string::npos)
    return fail(errc::invalid_argument,
                "a mountpath must be an absolute path of a directory, without"
                " \".\", \"..\" and a slash at its end, and not \"/\"");
  for (auto& m : x.mountpaths)
    if (m.state != mpath_state::detached && m.path != path
        && (inside(path, m.path) || inside(m.path, path)))
      return fail(errc::conflict, "mountpaths must not be inside each other: "
                                    + path + " and " + m.path);
  return caf::unit;
}

void use(volume& x, mpath_info& m) {
  m.state = mpath_state::enabled;
  m.left_behind = false;
  m.beside.clear();
  m.fault.clear();
  x.settled = false;
  ++x.version;
}

/// Disables it with the objects that it has as of `x`.
void leave_behind(const volume& x, mpath_info& m) {
  m.state = mpath_state::disabled;
  m.left_behind = true;
  m.beside.clear();
  if (!x.settled)
    return;
  for (auto& other : x.mountpaths)
    if (other.state == mpath_state::enabled && other.path != m.path)
      m.beside.push_back(other.path);
}

void detach(mpath_info& m) {
  auto path = m.path;
  m = {};
  m.path = path;
  m.state = mpath_state::detached;
}

std::optional<std::vector<std::string>> texts_of(const json::value* v) {
  std::vector<std::string> out;
  if (!v)
    return out;
  if (!v->is_array())
    return std::nullopt;
  for (auto& x : v->get_array()) {
    if (!x.is_string())
      return std::nullopt;
    out.emplace_back(x.get_string());
  }
  return out;
}

} // namespace

std::string_view to_string(mpath_state x) {
  return state_names[static_cast<size_t>(x)];
}

const mpath_info* volume::find(std::string_view path) const {
  for (auto& m : mountpaths)
    if (m.path == path)
      return &m;
  return nullptr;
}

bool leaving(const mpath_info& x) {
  return x.state == mpath_state::disabling || x.state == mpath_state::detaching;
}

bool in_use(const mpath_info& x) {
  return x.state == mpath_state::enabled || leaving(x);
}

expected<volume> with_attached(const volume& x, const std::string& path,
                               const std::string& label) {
  if (auto ok = check_path(x, path); !ok)
    return ok.error();
  auto out = x;
  auto* m = find_in(out, path);
  if (m && m->state != mpath_state::detached)
    return fail(errc::conflict, "mountpath " + path + " is attached already ("
                                  + std::string{to_string(m->state)} + ')');
  if (!m) {
    if (out.mountpaths.size() == max_mountpaths)
      return fail(errc::conflict, "a target has at most "
                                    + std::to_string(max_mountpaths)
                                    + " mountpaths");
    m = &out.mountpaths.emplace_back();
    m->path = path;
  }
  m->label = label;
  use(out, *m);
  return out;
}

expected<volume> with_enabled(const volume& x, const std::string& path) {
  auto out = x;
  auto* m = find_in(out, path);
  if (!m || m->state == mpath_state::detached)
    return unknown(x, path);
  if (m->state != mpath_state::enabled)
    use(out, *m);
  return out;
}

bool in_use(const volume& x) {
  return std::any_of(x.mountpaths.begin(), x.mountpaths.end(),
                     [](auto& m) { return in_use(m); });
}

expected<volume>
without(const volume& x, const std::string& path, const mpath_removal& how) {
  auto [for_good, move, last] = how;
  auto out = x;
  auto* m = find_in(out, path);
  if (!m || m->state == mpath_state::detached)
    return unknown(x, path);
  auto end = for_good ? mpath_state::detached : mpath_state::disabled;
  auto way = for_good ? mpath_state::detaching : mpath_state::disabling;
  if (m->state == end || m->state == way)
    return out;
  if (auto ok = check_last(x, *m, how); !ok)
    return ok.error();
  if (for_good && move && m->left_behind)
    return fail(errc::conflict,
                "objects were left on " + path
                  + " when it was disabled: enable it first, so that they can"
                    " move, or detach it without them (--no-resilver)");
  if (!move && !x.settled && in_use(*m))
    return fail(errc::conflict,
                "objects are on their way between mountpaths (resilver): wait"
                " until that has ended");
  auto only = m->state == mpath_state::enabled && enabled_ones(x) == 1;
  if (move && !only && m->state != mpath_state::disabled) {
    m->state = way;
    out.settled = false;
  } else if (for_good) {
    detach(*m); // its objects, if it has any, stay there
  } else {
    leave_behind(x, *m);
  }
  ++out.version;
  return out;
}

expected<volume>
with_fault(const volume& x, const std::string& path, const std::string& why) {
  auto out = x;
  auto* m = find_in(out, path);
  if (!m || m->state == mpath_state::detached)
    return unknown(x, path);
  if (m->state == mpath_state::disabled)
    return out;
  leave_behind(x, *m);
  m->fault = why.empty() ? "it fails" : why;
  ++out.version;
  return out;
}

volume unsettled(const volume& x) {
  auto out = x;
  out.settled = false;
  ++out.version;
  return out;
}

volume settled(const volume& x) {
  auto out = x;
  out.settled = true;
  ++out.version;
  for (auto& m : out.mountpaths) {
    if (m.state == mpath_state::disabling)
      m.state = mpath_state::disabled;
    if (m.state == mpath_state::detaching)
      detach(m);
  }
  return out;
}

expected<volume>
with_arguments(const volume& x, const std::vector<std::string>& paths,
               const std::map<std::string, std::string>& labels) {
  auto out = x;
  for (auto& path : paths) {
    if (out.find(path))
      continue;
    auto label = labels.find(path);
    auto next
      = with_attached(out, path, label == labels.end() ? "" : label->second);
    if (!next)
      return next.error();
    out = std::move(*next);
  }
  return out;
}

std::string to_text(const volume& x) {
  json::array all;
  for (auto& m : x.mountpaths)
    all.push_back(
      json::object{{"path", m.path},
                   {"label", m.label},
                   {"state", std::string{to_string(m.state)}},
                   {"left_behind", m.left_behind},
                   {"beside", json::array(m.beside.begin(), m.beside.end())},
                   {"fault", m.fault}});
  return to_pretty_text(json::object{{"version", x.version},
                                     {"settled", x.settled},
                                     {"copy_at", x.copy_at},
                                     {"mountpaths", std::move(all)}});
}

expected<volume> parse_volume(std::string_view text) {
  volume out;
  if (text.empty())
    return out;
  auto parsed = parse_json(text);
  if (!parsed)
    return parsed.error();
  auto* o = parsed->if_object();
  auto damaged = fail(errc::integrity, "the list of mountpaths is damaged");
  auto* all = o ? o->if_contains("mountpaths") : nullptr;
  auto* ended = o ? o->if_contains("settled") : nullptr;
  if (!all || !all->is_array() || !ended || !ended->is_bool())
    return damaged;
  auto version = unsigned_member(*o, "version", 0);
  if (!version)
    return version.error();
  auto copy = text_member(*o, "copy_at");
  if (!copy)
    return damaged;
  out.copy_at = std::move(*copy);
  out.version = *version;
  out.settled = ended->get_bool();
  for (auto& v : all->get_array()) {
    auto* m = v.if_object();
    if (!m)
      return damaged;
    auto path = text_member(*m, "path");
    auto label = text_member(*m, "label");
    auto state = text_member(*m, "state");
    auto fault = text_member(*m, "fault");
    auto* left = m->if_contains("left_behind");
    auto beside = texts_of(m->if_contains("beside"));
    if (!path || path->empty() || !label || !state || !fault || !left
        || !left->is_bool() || !beside)
      return damaged;
    auto i = std::find(state_names.begin(), state_names.end(), *state);
    if (i == state_names.end())
      return damaged;
    out.mountpaths.push_back({*path, *label,
                              static_cast<mpath_state>(i - state_names.begin()),
                              left->get_bool(), std::move(*beside), *fault});
  }
  return out;
}

} // namespace ais
