#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/api/gateway_desk.h"

namespace quotafuse::daemon::api {

/// An API key as the gateway has it. The key itself is never read.
struct GatewayToken {
    std::int64_t id = 0;
    std::int64_t user = 0;
    std::string name{};
    std::optional<std::string> masked{};
    std::optional<std::int64_t> created_at{};  // unix seconds
    std::optional<std::int64_t> last_used{};
    std::int64_t status = 0;  // 1 enabled, 2 disabled, 3 expired, 4 used up
    std::int64_t remaining = 0;
    std::int64_t used = 0;
    bool unlimited = false;
    std::optional<std::int64_t> expires_at{};  // empty: never
};

struct TokenQuestion {
    std::size_t most = 50;
    std::optional<std::int64_t> below{};  // ids
    std::string search{};                 // in the name
};

struct TokenPage {
    bool available = false;
    std::string why{};                   // it is not
    std::vector<GatewayToken> tokens{};  // the newest first
    std::optional<std::int64_t> next{};  // what the next page is below
    bool masks = false;
    std::string why_no_masks{};
    /// The same for programs: "sqlite", "no_view", "unreadable", "no_gateway"; empty with masks.
    std::string no_masks_code{};
};

/// At most so many keys are looked at for one page, whatever is searched for.
inline constexpr int kMostTokensLookedAt = 5000;

TokenPage read_tokens(GatewayDesk& desk, const TokenQuestion& question);

}  // namespace quotafuse::daemon::api
