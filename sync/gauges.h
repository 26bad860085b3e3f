#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/database.h"
#include "sync/directory.h"
#include "sync/gateway_info.h"
#include "sync/row.h"

namespace quotafuse::sync {

class Store;

/// What the gateway's own tables say of one object. Stored by these numbers: never renumber.
enum class Gauge : std::uint8_t {
    channel_status = 1,      // 1 enabled, 2 disabled by a person, 3 automatically
    channel_balance = 2,     // in the provider's unit; empty when it was never refreshed
    channel_balance_at = 3,  // unix seconds of the refresh; empty when there was none
    dead_keys = 4,           // keys of a multi-key channel that are switched off
    token_status = 5,        // 1 enabled, 2 disabled, 3 expired, 4 used up
    token_remaining = 6,     // quota; empty for an unlimited key
    token_used = 7,          // quota
    token_expires_at = 8,    // unix seconds; empty when never
    user_status = 9,         // 1 enabled
    user_remaining = 10,     // quota
    user_used = 11,          // quota
    healthy_channels = 12,   // that serve a group × model: enabled, and its ability, too
    extent = 13,             // an Extent; its object is an ObjectKind
};

/// Every object of its kind has one as long as it is there.
constexpr bool is_status(Gauge gauge) {
    return gauge == Gauge::channel_status || gauge == Gauge::token_status ||
           gauge == Gauge::user_status;
}

/// Whose gauge: a channel, token or user by id; a group × model by texts.
struct GaugeKey {
    Gauge gauge{};
    std::int64_t object = 0;
    TextId group = 0;
    TextId model = 0;
    auto operator<=>(const GaugeKey&) const = default;
};

/// A value from `at` on. Empty: the object is gone, or has no such value.
struct GaugeChange {
    GaugeKey key;
    std::int64_t at = 0;  // engine second (unix): seconds after it see the value
    std::optional<double> value;
    bool operator==(const GaugeChange&) const = default;
};

/// The gateway's objects as snapshots saw them, and what they are called now. Every change is
/// stored; Store::keep_up() leaves the last of each hour after 35 d and deletes what was over 400 d
/// ago.
///
/// What is left of a key's or user's quota, and what it used, moves with each of its requests: such
/// a gauge changes when it moved by 1 % of itself, crossed zero, or 5 min have passed since it
/// changed. The daemon sees what is stored and nothing else, so that replay sees the same.
///
/// Pipeline thread only.
class Gauges {
public:
    /// The tables are part of Store::schema(). Both must outlive it. Reads the newest values.
    Gauges(base::Database& database, Store& store);
    ~Gauges();
    Gauges(const Gauges&) = delete;
    Gauges& operator=(const Gauges&) = delete;

    /// Takes a snapshot in one transaction and returns what it changed, by key; of an object that
    /// the snapshot should show and does not, every gauge becomes empty. A second `at` that does
    /// not go on from the last one (the clock was set back) counts as that one, and then every
    /// change is taken, however small, since no time passes. Throws SQLite::Exception; then nothing
    /// has changed.
    std::vector<GaugeChange> record(const GatewayInfo& info, base::Second at);

    /// Notes that these kinds are to be read from now on, and that of the others nothing new will
    /// be known: what is stored is of the last run. Otherwise as record(), and before it.
    std::vector<GaugeChange> begin(const InfoNeeds& needs, base::Second at);

    /// Notes that nothing can be read of the gateway any more, and what it knew is too old: each
    /// kind that is asked for counts as refused. Otherwise as record().
    std::vector<GaugeChange> refuse(base::Second at);

    /// Every gauge that has a value, and the status of what is gone, without one. Of a status that
    /// changed at `evaluated` or later, which nobody has judged yet, the former one comes before.
    std::vector<GaugeChange> current(std::optional<base::Second> evaluated = {}) const;
    const Directory& directory() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace quotafuse::sync
