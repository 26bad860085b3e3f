#pragma once

#include <cstdint>
#include <vector>

#include "alerts/window.h"
#include "sync/directory.h"

namespace quotafuse::alerts {

/// Equal for windows that hold the same rows the same way: what the window is and keeps, and, where
/// it goes by names, providers or tags, those that the channels have now. Stored, so it is the same
/// on every host and in every version.
std::uint64_t record_hash(const Window& window, const sync::Directory& directory);

/// What else is on record of a window: whether it still fits hangs on it, later.
struct RecordHead {
    /// By what the directory said of these its rows were chosen and grouped. Ascending.
    std::vector<std::int64_t> channels;
    /// RowReader::kept_since() then. −1, which equals none, where the last second that rows were
    /// deleted of still had some: more of them may have gone since without a trace.
    std::int64_t kept_since = 0;
};

}  // namespace quotafuse::alerts
