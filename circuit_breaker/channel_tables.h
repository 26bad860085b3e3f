#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "circuit_breaker/last_channel_guard.h"
#include "circuit_breaker/statements.h"
#include "circuit_breaker/write_transaction.h"
#include "sync/dialect.h"
#include "sync/gateway_info.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

inline constexpr int kEnabled = 1;
inline constexpr int kDisabledByHand = 2;
inline constexpr int kDisabledAutomatically = 3;

/// What New API's status becomes: where it enables automatically what was disabled automatically
/// (its option AutomaticEnableChannelEnabled, or nobody can tell), by hand.
int status_when_off(const sync::OptionValue& auto_enable);

struct ChannelRow {
    std::string name;
    int status = 0;
    sync::Cell other_info;  // New API only: a reason and our mark
    bool auto_ban = true;   // New API only: its owner lets programs disable it
};

struct AbilityKey {
    std::int64_t channel = 0;
    std::string group;
    std::string model;
};

/// Of a row of `abilities`, with more columns where such were asked for.
struct AbilityRow {
    Ability ability;  // channel_on is only known of peers
    sync::Cells more{};
};
/// What a statement on `abilities` (under the name `table`, where it has one) selects, `more`
/// behind the columns that every ability has; and how a row of it is read.
std::string ability_columns(const std::vector<std::string>& more = {},
                            const std::string& table = "abilities");
AbilityRow ability_of(sync::Cells row);

/// A column that goes from one number to another, where it still has the first; empty is NULL.
struct NumberChange {
    std::string column;
    std::optional<std::int64_t> from;
    std::optional<std::int64_t> to;
};

/// The statements on the gateway's `channels` and `abilities`, the same for MySQL and SQLite. They
/// name columns and touch no more of them than `quotafuse grants` grants. All throw GatewayError.
class ChannelTables {
public:
    /// The gateway decides the columns. They are not probed: a server denies a column that is not
    /// granted and one that does not exist in the same words, so a missing grant would pass for a
    /// One API.
    ChannelTables(sync::GatewaySession& session, sync::Gateway gateway)
        : session_(session), new_api_(gateway == sync::Gateway::new_api) {}

    bool new_api() const { return new_api_; }
    /// Lock::yes waits until a transaction that is writing the row has ended.
    std::optional<ChannelRow> read(std::int64_t channel, Lock lock);
    /// Of many, without locks; those that are gone are left out.
    std::map<std::int64_t, ChannelRow> read(const std::vector<std::int64_t>& channels);
    /// Which of them have an ability that is enabled.
    std::set<std::int64_t> lit(const std::vector<std::int64_t>& channels);
    /// Which of these abilities are enabled.
    std::vector<AbilityKey> lit(const std::vector<AbilityKey>& abilities);
    /// All abilities, of any channel, for the groups × models of this one.
    std::vector<Ability> read_abilities(std::int64_t channel, Lock lock);
    /// The same for one model of it. MySQL also finds names that differ in case only.
    std::vector<Ability> read_abilities(std::int64_t channel, const std::string& model, Lock lock);
    /// The same, without locks, with `more` columns of each.
    std::vector<AbilityRow> read_peers(std::int64_t channel, const std::vector<std::string>& more);

    /// Sets status and other_info, and `more` columns, where all are still those of `before`; false
    /// when they are not (or, on MySQL, none of them changed by it).
    bool set_status(std::int64_t channel, const ChannelRow& before, int status,
                    const sync::Cell& other_info, const std::vector<NumberChange>& more = {});
    void disable_abilities(std::int64_t channel);
    /// Enables what was enabled in `before`; a row that was added meanwhile is enabled as well.
    void restore_abilities(std::int64_t channel, const std::vector<Ability>& before);

private:
    struct Which {  // of the channel's own abilities
        std::string condition;
        std::vector<sync::Argument> arguments;
    };
    std::string columns() const;
    ChannelRow row_of(const sync::Cells& cells) const;
    std::vector<AbilityRow> read_peers(const Which& which, const std::vector<std::string>& more,
                                       Lock lock);
    std::vector<sync::Cells> query_peers(const Which& which, const std::vector<std::string>& more,
                                         Lock lock);

    sync::GatewaySession& session_;
    bool new_api_;
    bool hints_ = true;  // the gateway's indexes are there, for all that we know
};

/// A column's number; empty for NULL and anything else. And the way back.
std::optional<std::int64_t> stored_number(const sync::Cell& cell);
sync::Argument number_argument(const std::optional<std::int64_t>& number);

}  // namespace quotafuse::circuit_breaker
