// An XACTION is a job in which every target works on its own part: this node's
// part is one actor, what is known of it is a snap. Who asks for a job gives it
// its id and starts the parts; nobody needs to be asked again, so a job goes on
// whatever becomes of the node that began it.
// Sources: api-control 5; storage-semantics 25.
#pragma once

#include "actors/base/board.hpp"
#include "actors/base/type_ids.hpp"

#include <map>
#include <string>
#include <vector>

namespace ais {

// -- messages between nodes
// --------------------------------------------------------

/// Objects of a bucket: those named, those of a template, or those that begin
/// with the prefix. Exactly one of the first two, else the third.
struct object_selection {
  std::vector<std::string> names;
  std::string name_template; ///< with a range
  std::string prefix;        ///< empty: all
};

/// Where copies go, and what they are called.
struct copy_plan {
  bck to;
  uint64_t to_bid = 0;
  std::string prepend;                           ///< before each name
  std::map<std::string, std::string> extensions; ///< to be exchanged: "jpg"
  bool dry_run = false;                          ///< only counts
  bool go_on = false; ///< after an object that cannot be copied
};

/// Starts this target's part of a job.
struct start_xact {
  std::string id;
  std::string kind; ///< see spawn_job() in xactions.cpp
  bck bucket;       ///< of jobs on buckets
  uint64_t bid = 0;
  object_selection what;
  copy_plan copy; ///< of "copy-bck" and "copy-listrange"
};

/// Ends jobs: of that id, or of that kind (and bucket).
struct stop_xact {
  std::string id;
  std::string kind;
  std::string bucket; ///< cname; empty: any
};

/// Asks for snaps: empty fields fit everything.
struct query_xacts {
  std::string id;
  std::string kind;
  std::string bucket; ///< cname
};

/// What a target knows of its part.
struct xact_snap {
  std::string id;
  std::string kind;
  bck bucket;
  bck to;                  ///< of copies
  int64_t start_ns = 0;    ///< Unix time [ns]
  int64_t end_ns = 0;      ///< 0: it runs
  uint64_t objects = 0;    ///< done so far
  uint64_t bytes = 0;      ///< of those
  uint64_t objects_in = 0; ///< got from other nodes: not among `objects`
  uint64_t bytes_in = 0;   ///< of those
  uint64_t looked = 0;     ///< objects looked at, whatever became of them
  uint64_t total = 0;      ///< to be looked at; 0: not known (yet)
  bool aborted = false;
  std::string error; ///< the first of them, and how many there were
};

/// Where an actor shows jobs of its own.
using xact_board = board<std::vector<xact_snap>>;

struct xact_snaps {
  std::vector<xact_snap> snaps; ///< oldest first
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, object_selection& x) {
  return f(x.names, x.name_template, x.prefix);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, copy_plan& x) {
  return f(x.to, x.to_bid, x.prepend, x.extensions, x.dry_run, x.go_on);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, start_xact& x) {
  return f(x.id, x.kind, x.bucket, x.bid, x.what, x.copy);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, stop_xact& x) {
  return f(x.id, x.kind, x.bucket);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, query_xacts& x) {
  return f(x.id, x.kind, x.bucket);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, xact_snap& x) {
  return f(x.id, x.kind, x.bucket, x.to, x.start_ns, x.end_ns, x.objects,
           x.bytes, x.objects_in, x.bytes_in, x.looked, x.total, x.aborted,
           x.error);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, xact_snaps& x) {
  return f(x.snaps);
}

} // namespace ais
