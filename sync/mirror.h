#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "sync/fingerprint.h"

namespace quotafuse::sync {

/// What the store holds of the table that the gateway has now, for whoever asks whether that table
/// is still the one that was read. Ids are the gateway's; of an id that several epochs have, the
/// one that holds now is meant: the newest epoch whose first id is not above it.
class Mirror {
public:
    Mirror() = default;
    Mirror(const Mirror&) = delete;
    Mirror& operator=(const Mirror&) = delete;
    virtual ~Mirror() = default;

    virtual std::optional<Fingerprint> find(std::int64_t id) = 0;
    /// The lowest id that is held; empty when none is.
    virtual std::optional<std::int64_t> lowest() = 0;
    /// Rows created before this (unix seconds) may have been deleted by the store's own retention:
    /// that such a row is not held says nothing.
    virtual std::int64_t kept_since() = 0;
};

/// Reads the store's file on a connection of its own, in statements of one row each. Its calls
/// throw SQLite::Exception. Used by one thread, any thread.
std::unique_ptr<Mirror> make_mirror(const std::string& store_path);

}  // namespace quotafuse::sync
