#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string_view>

#include "daemon/api/inquiry.h"

namespace quotafuse::daemon::api {

/// The circuits that are open, by channel, as pages show them; from the snapshot of an inquiry.
using OpenCircuits = std::function<std::map<std::int64_t, Json>(SQLite::Database& snapshot)>;

/// /api/v1/channels: those that the gateway has, and those that had traffic, with balance, circuit
/// and traffic.
Json channels(const Inquiry& inquiry, const OpenCircuits& open_circuits);
/// /api/v1/channels/ID/balance: how it went. Throws BadParameter for a path of no sense.
Json channel_balance(const Inquiry& inquiry);
inline constexpr std::string_view kChannelPath = "/api/v1/channels/";

}  // namespace quotafuse::daemon::api
