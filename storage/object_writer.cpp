#include "storage/base/assert.hpp"
#include "storage/base/crash.hpp"
#include "storage/mountpath.hpp"

namespace ais::storage {

object_writer::object_writer(ais::storage::disk& d, std::string path,
                             file_ptr f, cksum_type type)
  : disk_(d), path_(std::move(path)), file_(std::move(f)), hash_(type) {}

object_writer::~object_writer() {
  file_.reset();
  if (!path_.empty())
    static_cast<void>(disk_.remove_file(path_)); // start-up removes leftovers
}

void object_writer::expect(const cksum& clients) {
  if (clients.type == cksum_type::none)
    return;
  clients_ = clients;
  if (clients.type != hash_.type())
    clients_hash_.emplace(clients.type);
}

expected<void> object_writer::append(std::span<const std::byte> in) {
  AIS_ASSERT(!sealed_);
  hash_.update(in);
  if (clients_hash_)
    clients_hash_->update(in);
  if (auto ok = file_->append(in); !ok)
    return ok;
  size_ += in.size();
  AIS_CRASH_POINT("put.appended");
  return caf::unit;
}

expected<void> object_writer::flush() {
  return file_->sync();
}

expected<void> object_writer::seal() {
  AIS_ASSERT(!sealed_);
  sealed_ = true;
  attrs_.size_bytes = size_;
  attrs_.cksum = hash_.finish();
  if (!clients_)
    return caf::unit;
  auto received = clients_hash_ ? clients_hash_->finish() : attrs_.cksum;
  if (received == *clients_)
    return caf::unit;
  return fail(errc::bad_checksum,
              "BAD DATA CHECKSUM: " + std::string{to_string(received.type)}
                + '(' + clients_->value + " != " + received.value
                + "): the bytes that arrived are not those the client hashed;"
                  " nothing was stored, send them again");
}

} // namespace ais::storage
