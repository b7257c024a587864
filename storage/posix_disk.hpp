// The real file system.
#pragma once

#include "storage/disk.hpp"

namespace ais::storage {

/// The real disk; stateless, one for the process.
disk& posix_disk();

} // namespace ais::storage
