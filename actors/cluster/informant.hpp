// The INFORMANT answers questions about its node, for clients of other nodes.
// Who serves clients provides it: what is asked is their language (JSON), which
// actors/ does not speak.
#pragma once

#include "actors/base/type_ids.hpp"

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <string>

namespace ais {

// -- messages between nodes
// --------------------------------------------------------

struct node_question {
  std::string node; ///< id: of the process's proxy or its target
  std::string what; ///< as in "GET /v1/daemon?what="
  std::string detail;
};

struct node_account {
  std::string text; ///< JSON, or plain text where the question says so
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, node_question& x) {
  return f(x.node, x.what, x.detail);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, node_account& x) {
  return f(x.text);
}

// -- interface
// --------------------------------------------------------------------

/// The INFORMANT actor interface.
using informant_actor = caf::typed_actor<
  // errc::invalid_argument: no such question.
  caf::replies_to<node_question>::with<node_account>>;

} // namespace ais
