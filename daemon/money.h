#pragma once

#include <cstdint>
#include <optional>

#include "alerts/notice.h"
#include "base/clock.h"
#include "base/database.h"
#include "daemon/config.h"
#include "daemon/number_format.h"
#include "sync/display.h"
#include "sync/rollup_reader.h"
#include "sync/row.h"

namespace quotafuse::daemon {

/// `display` is empty where the gateway's options cannot be read: dollars then, whatever is wanted,
/// because the rate of another currency is the gateway's.
Currency currency_of(CurrencyChoice choice, const std::optional<sync::Display>& display);

/// What the object of an alert spends.
struct Spending {
    base::Second from{};
    base::Second until{};
    double dollars = 0;  // of that time: about an hour
    /// In an hour at this time of day, as a rule; empty where there are too few days to say.
    std::optional<double> usual;
    std::optional<std::int64_t> channel;  // where it is of a channel as a whole

    /// At the pace of that time.
    double an_hour() const;
};

/// Knows what alerts about money are about. Pipeline thread only; throws SQLite::Exception.
class Purse {
public:
    /// All must outlive it.
    Purse(base::Database& database, const sync::Texts& texts) : reader_(database), texts_(texts) {}

    /// Of a notice about money (its rule counts tokens, quota or cost) that fires, of one object or
    /// of all traffic. Empty for all others, where nothing was spent or nothing is known, and where
    /// `where`, that of its rule, chooses a part of the object's traffic: the sums are of all of
    /// it. What `where` names and the key does not (one channel, say) is part of the object.
    /// Costs what sync::RollupReader's lately() and same_hour() do.
    std::optional<Spending> spending(const alerts::Notice& notice, const alerts::Where& where,
                                     double quota_per_dollar) const;

private:
    std::optional<sync::TrafficOf> object_of(const alerts::Notice& notice,
                                             const alerts::Where& where) const;
    bool add(alerts::Dimension dimension, std::optional<std::int64_t> id, const std::string& text,
             sync::TrafficOf& of) const;

    sync::RollupReader reader_;
    const sync::Texts& texts_;
};

}  // namespace quotafuse::daemon
