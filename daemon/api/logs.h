#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "daemon/api/gateway_texts.h"
#include "daemon/api/inquiry.h"
#include "daemon/api/parameters.h"
#include "sync/log_pages.h"

namespace quotafuse::daemon::api {

/// Asks for one row of the gateway's present table, within a second or two. Called on several
/// threads at once, without a lease.
using AskGateway = std::function<GatewayTexts(const sync::Row& row)>;

/// What is asked of the rows, without a cursor and a most. Empty for names that no row has had.
struct LogRequest {
    sync::LogQuestion question{};
    bool matches_nothing = false;
};
/// The parameters of a page of rows, beside kFilters.
LogRequest log_request_of(const Parameters& parameters, const Inquiry& inquiry);

/// /api/v1/logs/EPOCH-ID: the row with its texts; 404 for one that is not there.
HttpReply log_entry(const Sources& sources, const AskGateway& ask, const HttpRequest& request);
inline constexpr std::string_view kLogEntryPath = "/api/v1/logs/";

}  // namespace quotafuse::daemon::api
