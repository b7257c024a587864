// Kinds of jobs (xactions). Source: api-control 5.9.
#pragma once

#include <string_view>

namespace ais {

struct xact_kind {
  std::string_view name;
  std::string_view display; ///< the other name clients may use; may be empty
  bool bucket = false;      ///< is about a bucket
  bool startable = false;   ///< through PUT /v1/cluster "start"
};

/// The kind of that name, or display name; null: there is none.
const xact_kind* find_xact_kind(std::string_view name);

} // namespace ais
