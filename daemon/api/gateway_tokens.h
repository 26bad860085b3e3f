#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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

/// Why values of keys are not shown.
enum class NoMasks { none, no_gateway, sqlite, no_view, unread };
/// "no_gateway", …; "" for none.
std::string_view no_masks_name(NoMasks why);
/// A sentence for people, "" for none.
std::string_view no_masks_sentence(NoMasks why);

struct TokenPage {
    bool available = false;
    std::string why{};                       // it is not
    std::vector<GatewayToken> tokens{};      // the newest first
    std::optional<std::int64_t> next{};      // what the next page is below
    NoMasks no_masks = NoMasks::no_gateway;  // `none`: tokens have them
};

/// At most so many keys are looked at for one page, whatever is searched for.
inline constexpr int kMostTokensLookedAt = 5000;

TokenPage read_tokens(GatewayDesk& desk, const TokenQuestion& question);

}  // namespace quotafuse::daemon::api
