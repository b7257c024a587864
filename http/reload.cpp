#include "http/reload.hpp"

#include "http/s3/access.hpp"
#include "storage/posix_disk.hpp"

namespace ais::http {

expected<property_set>
load_settings(const std::string& file, const given_options& options) {
  if (file.empty())
    return read_settings({}, {}, options);
  auto raw = storage::read_file(storage::posix_disk(), file, max_settings_file);
  if (!raw)
    return fail(errc::invalid_argument,
                "cannot read " + file + ": " + message_of(raw.error()));
  std::string text{reinterpret_cast<const char*>(raw->data()), raw->size()};
  if (text.empty())
    return fail(errc::invalid_argument,
                file + " is empty: write at least {} into it");
  return read_settings(file, text, options);
}

void apply_live(const node_settings& x) {
  set_log_format(x.format);
  hold_log_level(x.level);
}

void reloader::run() {
  if (auto ok = reopen_log(); !ok)
    log_error("reload: " + message_of(ok.error()));
  else
    log_info("reload: asked for by SIGHUP; the log is opened again");
  if (!file.empty())
    reload_settings();
  if (tls)
    reload_certificates();
  check_s3_keys();
  log_info("reload: done");
}

void reloader::reload_settings() {
  auto next = load_settings(file, options);
  if (!next) {
    log_error("reload: the settings stay as they are: "
              + message_of(next.error()));
    return;
  }
  auto changed = differences(values, *next);
  for (auto* s : changed) {
    std::string key{s->is.path};
    if (s->live)
      log_info("reload: " + key + " is " + to_text(next->value(key)) + " now");
    else
      log_warning("reload: " + key + " is another one in " + file
                  + ": that needs a restart");
  }
  if (changed.empty())
    log_info("reload: " + file + " says nothing new");
  apply_live(*settings_of(*next)); // load_settings() has checked it
  values = std::move(*next);
}

void reloader::reload_certificates() {
  auto next = load_tls(certificates);
  if (!next) {
    log_error("reload: the certificate stays as it is: "
              + message_of(next.error()));
    return;
  }
  tls->replace((*next)->now());
  log_info("reload: new connections between nodes use " + certificates.cert
           + " as it is now");
}

/// Every I/O thread notices a change by itself; here it is only looked at.
void reloader::check_s3_keys() const {
  auto rules = s3::read_access(storage::posix_disk(), s3_file);
  if (rules)
    log_info("reload: " + s3_file + " has "
             + std::to_string((*rules)->keys.size())
             + " access keys, in effect within a second");
  else if (rules.error() != errc::not_found)
    log_error("reload: " + s3_file
              + " is not taken over: " + message_of(rules.error()));
}

} // namespace ais::http
