#pragma once

#include <cstdint>

#include "alerts/window.h"
#include "sync/directory.h"

namespace quotafuse::alerts {

/// Equal for windows that hold the same rows the same way: what the window is and keeps, and, where
/// it goes by names, providers or tags, those that the channels have now. Stored, so it is the same
/// on every host and in every version.
std::uint64_t record_hash(const Window& window, const sync::Directory& directory);

}  // namespace quotafuse::alerts
