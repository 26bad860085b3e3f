#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/database.h"
#include "circuit_breaker/circuit.h"

namespace quotafuse::circuit_breaker {

/// The circuits that are open, in the store. Within the caller's transaction; Audit writes them
/// beside its entries. Pipeline thread only. Throws SQLite::Exception.
class Circuits {
public:
    explicit Circuits(base::Database& database) : Circuits(database.handle()) {}
    /// For whoever only reads.
    explicit Circuits(SQLite::Database& db) : db_(db) {}

    std::vector<Circuit> all() const;  // by opened_at, then trip_id
    std::optional<Circuit> of_trip(const std::string& trip_id) const;
    /// A channel's own circuit and those of its models are different targets.
    std::optional<Circuit> of_target(const Target& target) const;
    /// The models of a channel that circuits of their own hold.
    std::vector<std::string> models_off(std::int64_t channel) const;
    /// Inserts, or replaces the one with its trip_id.
    void put(const Circuit& circuit);
    void remove(const std::string& trip_id);

private:
    SQLite::Database& db_;
};

}  // namespace quotafuse::circuit_breaker
