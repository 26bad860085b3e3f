#pragma once

#include <cstdint>
#include <string>

#include "sync/dsn.h"

namespace quotafuse::bench {

struct Copied {
    std::int64_t rows = 0;
    double seconds = 0;
    std::int64_t bytes = 0;  // of the SQLite file, its log folded in
    std::int64_t texts = 0;  // of these, what the texts of failed and slow requests take
};

/// The mirror's own way: a thread reads and decodes, this one stores, rollups included. `path` is a
/// new file.
Copied catch_up(const sync::Dsn& dsn, const std::string& path);

/// What it is held against: the same columns, streamed by the connector into one plain SQLite table
/// without index. `path` is a new file.
Copied bare_copy(const sync::Dsn& dsn, const std::string& path);

}  // namespace quotafuse::bench
