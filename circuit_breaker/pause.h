#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/database.h"

namespace quotafuse::circuit_breaker {

/// A person's word that nothing is to be written at the gateway.
struct Pause {
    base::Second since{};
    base::Second until{};  // 0 = until resumed
    std::string reason;    // may be empty
    bool operator==(const Pause&) const = default;
};

/// The pause on record, which restarts and reloads keep. Within the caller's transaction. Throws
/// SQLite::Exception.
class PauseBook {
public:
    explicit PauseBook(base::Database& database) : PauseBook(database.handle()) {}
    /// For whoever only reads.
    explicit PauseBook(SQLite::Database& db) : db_(db) {}
    /// Empty where there is none, or it ended by `now`.
    std::optional<Pause> at(base::Second now) const;
    void set(const Pause& pause);
    void clear();

private:
    SQLite::Database& db_;
};

}  // namespace quotafuse::circuit_breaker
