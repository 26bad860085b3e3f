#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "alerts/step.h"
#include "base/database.h"

namespace quotafuse::alerts {

/// What the room keeps in the one file.
base::Schema schema();

struct SavedState {
    std::optional<base::Second> time;
    std::vector<SeriesRecord> series;
    std::map<std::string, std::uint64_t> looked;  // rule → fingerprint at its first look
};

SavedState load_state(base::Database& database);
/// Writes a step within the transaction that the caller has open. Writing it twice is harmless.
/// Throws SQLite::Exception; the caller then rolls back.
void save_state(base::Database& database, const Step& step);

}  // namespace quotafuse::alerts
