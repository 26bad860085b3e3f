#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "sync/dialect.h"
#include "sync/display.h"
#include "sync/gateway_session.h"

namespace quotafuse::sync {

/// What the reader may know of a channel. Its key is never read.
struct Channel {
    std::string name;
    int type = 0;
    int status = 0;     // 1 enabled, 2 disabled by a person, 3 automatically
    std::string tag{};  // empty where the gateway has none
    /// As the provider told it at the last refresh, in the provider's unit: most US dollars, some
    /// (DeepSeek, SiliconFlow) yuan or points, and no column says which: never add up or compare
    /// balances of different providers. Empty when it was never refreshed (0 at no time), and for
    /// an account without limit (providers then answer 10,000,000 or more).
    std::optional<double> balance{};
    std::optional<std::int64_t> balance_at{};  // unix seconds of the refresh; empty without one
    /// Keys of a multi-key channel that are switched off; empty for a channel with one key.
    std::optional<int> dead_keys{};
    bool operator==(const Channel&) const = default;
};

/// An API key of the gateway's own users. The key itself is never read.
struct TokenInfo {
    std::string name;
    std::int64_t user = 0;
    int status = 0;                            // 1 enabled, 2 disabled, 3 expired, 4 used up
    std::optional<std::int64_t> remaining{};   // quota; empty for an unlimited one
    std::int64_t used = 0;                     // quota
    std::optional<std::int64_t> expires_at{};  // unix seconds; empty when never
    bool operator==(const TokenInfo&) const = default;
};

struct UserInfo {
    std::string name;
    std::string group;
    int status = 0;              // 1 enabled
    std::int64_t remaining = 0;  // quota
    std::int64_t used = 0;       // quota
    bool operator==(const UserInfo&) const = default;
};

/// What rules and pages need beyond the names, types and states of channels. Each costs the gateway
/// statements, and the reader's account grants.
struct InfoNeeds {
    bool balances = false;   // of channels
    bool keys = false;       // of multi-key channels: which are switched off
    bool abilities = false;  // which channels serve a group × model
    bool tokens = false;
    bool users = false;
    bool operator==(const InfoNeeds&) const = default;
};

/// Of objects at the gateway. Stored by these numbers: never renumber.
enum class ObjectKind : std::uint8_t { channels = 1, tokens = 2, users = 3, abilities = 4 };

/// How much of a kind has been read since the program began. Stored by these numbers: never
/// renumber.
enum class Extent : std::uint8_t {
    unread = 0,   // nobody needs it: what is stored of it may be of any age
    begun = 1,    // it is read slice by slice, and some are still to come
    refused = 2,  // it may not be read
    most = 3,     // as many as are watched: what was not met may be one of the others
    all = 4,
};

/// The ids that a snapshot shows: what lies between them and is not in it, is gone.
struct Coverage {
    static constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();
    std::int64_t first = 0;
    std::int64_t last = -1;
    bool contains(std::int64_t id) const { return first <= id && id <= last; }
    bool operator==(const Coverage&) const = default;
};
inline constexpr Coverage kEveryId{std::numeric_limits<std::int64_t>::min(), Coverage::kHighest};

/// The gateway's objects and options that rules and messages need; read every 30 s.
struct GatewayInfo {
    /// Which program; empty while nobody knows (channel types are numbered differently).
    std::optional<Gateway> gateway;
    std::map<std::int64_t, Channel> channels;  // all that are known
    Coverage channels_covered = kEveryId;
    /// Which fields of channels were read; the others are empty.
    bool has_balances = false;
    bool has_keys = false;
    /// A part of them, in turn.
    std::map<std::int64_t, TokenInfo> tokens;
    Coverage tokens_covered;
    std::map<std::int64_t, UserInfo> users;
    Coverage users_covered;
    /// For each group × model that any channel is set up for, how many serve it: enabled, and with
    /// an enabled ability. Empty before all have been read once, the channels too.
    using Route = std::pair<std::string, std::string>;
    std::optional<std::map<Route, int>> healthy;
    double quota_per_unit = 500'000;  // quota for one US dollar
    std::optional<Display> display;   // empty when the account cannot read options
    /// Option AutomaticEnableChannelEnabled; empty when the account cannot read options.
    std::optional<bool> auto_enable;
    /// The server takes no writes (a replica, or a failover under way); false for SQLite.
    bool read_only = false;
    /// Requests that the gateway ever counted, over its first 1,000 users: whether it is in use at
    /// all. Empty when the account cannot read them.
    std::optional<std::int64_t> requests;
    /// What is needed and cannot be had, by kind ("balances", "keys", "abilities", "tokens",
    /// "users"): why, and what to do.
    std::map<std::string, std::string> troubles;
    /// Of which kinds ("channels", "abilities", "tokens", "users") there are more than are watched:
    /// one sentence each. Rules go on over those that are.
    std::map<std::string, std::string> limits;
    std::map<ObjectKind, Extent> extents;
    bool operator==(const GatewayInfo&) const = default;
};

/// Reads channels in keyset slices of 1,000 and the options of `<database>_options` in the view
/// database `quotafuse` (see `quotafuse grants`), else of the table itself, else not at all. Throws
/// GatewayError. For a single look: InfoReader is for looking again and again.
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
