#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "sync/dialect.h"
#include "sync/gateway_session.h"

namespace quotafuse::sync {

/// What the reader may know of a channel. Its key is never read.
struct Channel {
    std::string name;
    int type = 0;
    int status = 0;  // 1 enabled, 2 disabled by a person, 3 automatically
    bool operator==(const Channel&) const = default;
};

/// The gateway's objects and options that rules and messages need; read every 30 s.
struct GatewayInfo {
    std::map<std::int64_t, Channel> channels;
    double quota_per_unit = 500'000;  // quota for one US dollar
    /// Option AutomaticEnableChannelEnabled; empty when the account cannot read options.
    std::optional<bool> auto_enable;
    /// The server takes no writes (a replica, or a failover under way); false for SQLite.
    bool read_only = false;
    /// Requests that the gateway ever counted, over its first 1,000 users: whether it is in use at
    /// all. Empty when the account cannot read them.
    std::optional<std::int64_t> requests;
    bool operator==(const GatewayInfo&) const = default;
};

/// Reads channels in keyset slices of 1,000 and the options of `<database>_options` in the view
/// database `quotafuse` (see `quotafuse grants`), else of the table itself, else not at all. Throws
/// GatewayError.
GatewayInfo read_gateway_info(GatewaySession& session, const std::string& database);

/// One option of the gateway, by the same two ways; empty when it was never saved or may not be
/// read.
struct OptionValue {
    bool readable = false;
    std::optional<std::string> value;
};
OptionValue read_option(GatewaySession& session, const std::string& database,
                        const std::string& key);

}  // namespace quotafuse::sync
