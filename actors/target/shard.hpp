// A SHARD owns a fixed part of a mountpath's objects, chosen by object digest:
// every operation on one object runs on one shard, one after the other, so that
// objects need no locks. It may block (it lives on a thread of its own), keeps
// the attributes of recently used objects, and commits durable writes in
// groups.
//
// Leases. open_object answers with a lease: the open, immutable version of the
// object. Whoever has one may serve the object again without asking until it is
// over() or the file's stamp has changed: the shard revokes it before it
// acknowledges any change of that object, and all are over when their mountpath
// is taken out.
//
// Verification. A whole-object read is served only from a lease that is
// `verified`: its bytes were hashed and equal the stored checksum. The shard
// remembers the file's stamp (inode, size, times) with that result, so each
// object is hashed once after start and again only when its file changed behind
// our back; what this process wrote itself was hashed while it was received.
// Small objects are verified on open; large ones arrive unverified and the
// reader proves them piece by piece (actors/target/io.hpp) while it sends.
//
// Ownership. A client's change is made only while the map places the object
// here, and carries the generation of that placement: what another target asks
// us for later (actors/rebalance) has all that we may have acknowledged. That
// an object is not there is told only while it is ours, too. The same holds for
// mountpaths: only what the view places on this one is changed here.
//
// Copies. Mirroring (actors/mirror) keeps copies of an object on other
// mountpaths, by the shards there. That there may be some is on disk before the
// first is made; before the object changes in any way, all are removed, and the
// lease from which more could be made is revoked. So a copy is never older than
// its object, and where a copy is left, the object it was made of was not
// deleted.
//
// Versions. Where a bucket keeps former versions (storage/versions.hpp), what a
// write replaces or a deletion removes is kept, durably, before it is replaced
// or removed; a deletion leaves a mark. Both are on this mountpath, so all of
// it is one step of this shard.
#pragma once

#include "actors/base/board.hpp"
#include "actors/base/environment.hpp"
#include "actors/base/type_ids.hpp"
#include "actors/meta/smap.hpp"
#include "actors/meta/vault.hpp"
#include "actors/mover/frame.hpp"
#include "actors/target/bucket.hpp"
#include "storage/mountpath.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/replies_to.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <memory>
#include <string>

namespace ais {

struct target_view;

// -- limits
// ---------------------------------------------------------------------

inline constexpr size_t max_open_appends = 1024;          ///< per shard
inline constexpr uint64_t verify_on_open_bytes = 1 << 20; ///< larger: by reader
/// Larger: closed by another thread, as who closes a removed file last frees
/// what it has on the disk and in memory.
inline constexpr uint64_t close_apart_bytes = 1 << 20;
inline constexpr std::chrono::minutes append_idle{10}; ///< then it is dropped

// -- messages (in-process)
// --------------------------------------------------------

/// The open version of an object; see above.
struct lease {
  std::shared_ptr<storage::object_reader> object;
  std::atomic<bool> revoked{false};
  std::atomic<bool> verified{false};
  std::atomic<int64_t> atime_ns{0}; ///< readers note their access here
  /// Of the mountpath.
  std::shared_ptr<const std::atomic<bool>> closed;

  bool over() const noexcept {
    return revoked.load(std::memory_order_acquire)
           || (closed && closed->load(std::memory_order_acquire));
  }
};
using lease_ptr = std::shared_ptr<lease>;
using lom_ptr = std::shared_ptr<const storage::lom>;

/// Names one object.
struct object_key {
  bucket_ptr bucket;
  std::string name;
};

/// Asks for a lease.
struct open_object {
  object_key key;
  bool verify = true;    ///< verify objects up to verify_on_open_bytes now
  bool anywhere = false; ///< the object need not be ours
  /// errc::busy while a change of it is being committed, instead of waiting.
  bool at_once = false;
};

/// Asks for the attributes only.
struct head_object {
  object_key key;
  bool verify = false; ///< read and compare the whole content
};

/// What a write brings beside its bytes.
struct write_options {
  storage::custom_map custom;             ///< replaces the former set
  std::optional<storage::cksum> expected; ///< the client's checksum
  bool skip_vc = false; ///< neither compare nor count: overwrite blindly
  /// Conditions are looked at when the write begins and again when it is
  /// committed; what cannot be read is neither there nor absent.
  write_if when = write_if::always;
  /// Set: the content is this version, made elsewhere, and keeps its number and
  /// times.
  std::optional<storage::lom> moved;
  bool anywhere = false; ///< the object need not be ours
  /// On disk before the answer, whatever the bucket says: a source goes for it.
  bool durable = false;
  /// Only over an object with one of these entity tags; "*": any object.
  std::vector<std::string> if_match;
  /// Only where there is no object with one of these; "*": none at all.
  std::vector<std::string> if_none_match;
  /// The content is that of a copy of the object, which was lost or is damaged:
  /// replaces the same version, too, and the copies stay.
  bool restores = false;
};

/// Writes a whole object whose bytes are here.
struct put_object {
  object_key key;
  write_options options;
  std::shared_ptr<const storage::bytes> content;
};

/// Starts a streamed write.
struct begin_put {
  object_key key;
  write_options options;
  uint64_t size_hint = 0; ///< [bytes], 0 if unknown
};

/// The answer: a writer to fill, or the stored object's attributes when it has
/// the client's checksum already and the body can be thrown away.
struct put_begun {
  storage::writer_ptr writer;
  lom_ptr unchanged;
};

/// Makes the streamed write visible.
struct commit_put {
  object_key key;
  write_options options;
  storage::writer_ptr writer;
};

/// Who has an object now that is to be removed. `newer`: another mountpath has
/// a later version, written while this one was out of use: where versions are
/// kept, this one becomes a former version.
enum class given_to : uint8_t { nobody, mountpath, newer, target };

struct delete_object {
  object_key key;
  /// Only if the object is still the one of this lease, content and attributes;
  /// null: any. Surer than a version's number, which may be given again.
  lease_ptr if_same = nullptr;
  /// It was given to where it belongs: only while that is elsewhere. Its new
  /// owner may have given it back to us meanwhile, and count on what we have.
  given_to given = given_to::nobody;
  /// Only an object with one of these entity tags; "*": any.
  std::vector<std::string> if_match = {};
  /// Only one of that size [bytes], or last changed then: Unix time [s].
  std::optional<uint64_t> if_size = {};
  std::optional<int64_t> if_mtime_s = {};
  /// Where versions are kept: this one goes for good, and no other ("null": the
  /// one without an id); if it was the present one, the one before it is.
  std::string version = {};
  /// That version only while it is not the present one.
  bool former = false;
  /// Else: the id of the mark that the deletion leaves behind, though there be
  /// nothing to delete. Empty: the shard makes one, if there is something.
  std::string mark = {};
};

/// Asks which object a version of an object is.
struct find_version {
  object_key key;
  std::string version; ///< its id, or "null"
};

struct found_version {
  bool present = false; ///< it is the object itself
  std::string name;     ///< else: in the bucket of former versions
};

/// Asks for all versions of an object.
struct list_versions {
  object_key key;
};

struct object_versions {
  lom_ptr present;                           ///< null: none
  std::vector<storage::kept_version> former; ///< and marks; newest first
};

/// Changes custom metadata in place.
struct set_custom {
  object_key key;
  storage::custom_map custom;
  bool replace = false; ///< else merge
  /// Keys that go.
  std::vector<std::string> erase = {};
};

/// Borrows the writer of an append; an empty handle starts one.
struct begin_append {
  object_key key;
  std::string handle;
};

struct append_begun {
  std::string handle;
  storage::writer_ptr writer;
};

/// Gives the writer back; after `ok == false` the append is gone.
struct end_append {
  object_key key;
  std::string handle;
  bool ok = true;
};

/// Makes appended content the object.
struct flush_append {
  object_key key;
  std::string handle;
  std::optional<storage::cksum> expected;
};

// -- copies

/// Copies of the object are to be made: there may be some from now on.
struct mark_copied {
  object_key key;
};

struct marked {
  lease_ptr object;    ///< over before the object changes
  bool before = false; ///< it was marked already
};

/// So many there are now, the object included; 0: none are left.
struct note_copies {
  object_key key;
  lease_ptr object; ///< of which they are
  uint8_t copies = 0;
};

/// To the mountpath of the copy.
struct open_copy {
  object_key key;
};
struct begin_copy {
  object_key key;
  lease_ptr of;
};
struct store_copy {
  object_key key;
  lease_ptr of;
  storage::writer_ptr writer;
};
struct drop_copy {
  object_key key;
};

/// A reader's verdict on an unverified lease.
struct verdict {
  object_key key;
  lease_ptr lease;
  bool good = false;
};

/// Nobody reads it any more.
struct close_object {
  std::shared_ptr<storage::object_reader> what;
};

/// Who closes files.
using closer_actor = caf::typed_actor<caf::reacts_to<close_object>>;

// -- interface
// --------------------------------------------------------------------

/// The SHARD actor interface. All may fail with errc::io_error; those that name
/// an object with errc::object_not_found and errc::corrupted; changes with
/// errc::not_ready where the object belongs elsewhere by now.
using shard_actor = caf::typed_actor<
  // Returns a lease; a verified one if the object is small and `verify` is set.
  caf::replies_to<open_object>::with<lease_ptr>,
  // Returns the attributes.
  caf::replies_to<head_object>::with<lom_ptr>,
  // Returns the new attributes once the write is as durable as the bucket
  // wants; errc::bad_checksum, no_space, bucket_not_found change nothing. Nor
  // do, under write_if: errc::exists: what is there stays, it is not older;
  // conflict: which is newer is unclear, or it was deleted meanwhile; under
  // entity tags: precondition_failed; object_not_found: if_match finds nothing.
  caf::replies_to<put_object>::with<lom_ptr>,
  caf::replies_to<begin_put>::with<put_begun>,
  caf::replies_to<commit_put>::with<lom_ptr>,
  // Returns when the object is gone; errc::conflict if it is another one,
  // precondition_failed if its tag is none of those named.
  caf::replies_to<delete_object>::with<ack>,
  // errc::object_not_found; not_ready: versions may be elsewhere.
  caf::replies_to<find_version>::with<found_version>,
  caf::replies_to<list_versions>::with<object_versions>,
  caf::replies_to<set_custom>::with<lom_ptr>,
  // errc::not_found for an unknown handle, busy while another request has it,
  // too_many_requests at max_open_appends.
  caf::replies_to<begin_append>::with<append_begun>, caf::reacts_to<end_append>,
  caf::replies_to<flush_append>::with<lom_ptr>, caf::reacts_to<verdict>,
  // errc::busy: the object is being changed.
  caf::replies_to<mark_copied>::with<marked>,
  caf::replies_to<note_copies>::with<ack>,
  // errc::object_not_found, corrupted.
  caf::replies_to<open_copy>::with<lease_ptr>,
  caf::replies_to<begin_copy>::with<put_begun>,
  // errc::conflict: the object has changed meanwhile.
  caf::replies_to<store_copy>::with<ack>,
  // What is not there is no error.
  caf::replies_to<drop_copy>::with<ack>,
  // Flushes access times and drops idle appends; the answer tells it is done.
  caf::replies_to<atom::tick>::with<ack>>;

// -- behaviour
// --------------------------------------------------------------------

struct shard_config {
  environment env;
  std::shared_ptr<storage::mountpath> mpath;
  std::string name;               ///< for logs and handles: "<target id>|<n>"
  size_t cached_objects = 32'768; ///< attributes kept in memory
  size_t cached_leases = 1024;    ///< open files kept for leases
  /// Who owns what; null: everything is ours.
  std::shared_ptr<board<smap>> map;
  std::string node_id; ///< of the target
  /// Which mountpath keeps what; null: this one everything.
  std::shared_ptr<board<target_view>> view;
  disk_keeper keeper;  ///< hears of failures; null: nobody
  closer_actor closer; ///< null: whoever reads last
  /// What only jobs move waits so long for more of its kind, to share syncs.
  std::chrono::milliseconds group_pause{0};
};

class shard_state;

/// Spawns a SHARD.
shard_actor spawn_shard(caf::actor_system& sys, const shard_config& config);

} // namespace ais

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::lease_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::lom_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::close_object)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::open_object)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::head_object)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::put_object)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::begin_put)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::put_begun)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::commit_put)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::delete_object)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::find_version)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::found_version)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::list_versions)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::object_versions)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::set_custom)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::begin_append)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::append_begun)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::end_append)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::flush_append)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::verdict)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::mark_copied)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::marked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::note_copies)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::open_copy)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::begin_copy)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::store_copy)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ais::drop_copy)
