#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sync/gateway_info.h"
#include "sync/gateway_session.h"

namespace quotafuse::sync {

/// Which channels may serve which group × model, read again and again in slices of the table
/// `abilities`. What a round has found counts when it is complete; until then the former one does.
class AbilityRounds {
public:
    /// Of more the rest is not watched.
    static constexpr std::size_t kMost = 200'000;

    struct Query {
        std::string sql;
        std::vector<Argument> arguments;
    };
    /// Of the next slice.
    Query next(Dsn::Kind kind) const;
    /// The slice's rows; true when the round is complete.
    bool take(const std::vector<Cells>& rows);
    /// Whether the last complete round left some out.
    bool has_too_many() const { return too_many_; }
    /// The next slice is the first one, and nothing is known.
    void forget() { *this = {}; }

    /// Whether there has been a complete round.
    bool are_known() const { return known_; }
    /// A channel serves with an enabled ability, and only while it is enabled itself.
    std::map<GatewayInfo::Route, int> count_healthy(
        const std::map<std::int64_t, Channel>& channels) const;

private:
    using Enabled = std::map<GatewayInfo::Route, std::vector<std::int64_t>>;
    Enabled complete_;
    Enabled next_;
    std::vector<Argument> last_;  // group, model, channel
    std::size_t count_ = 0;
    bool too_many_ = false;
    bool known_ = false;
};

}  // namespace quotafuse::sync
