#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "circuit_breaker/last_channel_guard.h"
#include "circuit_breaker/statements.h"
#include "circuit_breaker/write_transaction.h"
#include "sync/dialect.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

inline constexpr int kEnabled = 1;
inline constexpr int kDisabledByHand = 2;
inline constexpr int kDisabledAutomatically = 3;

struct ChannelRow {
    std::string name;
    int status = 0;
    sync::Cell other_info;  // New API only: a reason and our mark
    bool auto_ban = true;   // New API only: its owner lets programs disable it
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
    /// All abilities, of any channel, for the groups × models of this one.
    std::vector<Ability> read_abilities(std::int64_t channel, Lock lock);
    /// The same for one model of it. MySQL also finds names that differ in case only.
    std::vector<Ability> read_abilities(std::int64_t channel, const std::string& model, Lock lock);

    /// Sets status and other_info where both are still those of `before`; false when they are not.
    bool set_status(std::int64_t channel, const ChannelRow& before, int status,
                    const sync::Cell& other_info);
    void disable_abilities(std::int64_t channel);
    /// Enables what was enabled in `before`; a row that was added meanwhile is enabled as well.
    void restore_abilities(std::int64_t channel, const std::vector<Ability>& before);

private:
    std::vector<Ability> read_peers(const std::string& which,
                                    const std::vector<sync::Argument>& arguments, Lock lock);
    sync::GatewaySession& session_;
    bool new_api_;
};

}  // namespace quotafuse::circuit_breaker
