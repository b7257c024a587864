// Clusters in containers on this machine.
#pragma once

namespace ais::cli {

/// Whether a container of AIStore runs here, as `docker ps` says within a
/// second: not so without docker, or where it may not be asked.
bool docker_cluster_runs();

} // namespace ais::cli
