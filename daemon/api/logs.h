#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "daemon/api/inquiry.h"
#include "daemon/api/parameters.h"
#include "sync/log_pages.h"

namespace quotafuse::daemon::api {

/// What the gateway's own table has of a row that the store keeps without its texts.
struct GatewayTexts {
    enum class From { gateway, gone, unavailable };
    From from = From::unavailable;
    std::string content{};
    std::string other{};
    std::string why{};  // a sentence, where it is not `gateway`
};
/// Asks for one row, within a second or so. Called on several threads at once, without a lease.
using AskGateway = std::function<GatewayTexts(std::int64_t epoch, std::int64_t id)>;

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
