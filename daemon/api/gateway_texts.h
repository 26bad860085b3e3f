#pragma once

#include <string>

#include "daemon/api/gateway_desk.h"
#include "sync/row.h"

namespace quotafuse::daemon::api {

/// What the gateway's own table has of a row that the store keeps without its texts.
struct GatewayTexts {
    enum class From { gateway, gone, unavailable };
    From from = From::unavailable;
    std::string content{};
    std::string other{};
    std::string why{};  // a sentence, where it is not `gateway`
};

/// Reads them by primary key; `row` is of the table that the gateway has now. Of very long ones a
/// part.
GatewayTexts read_texts(GatewayDesk& desk, const sync::Row& row);

}  // namespace quotafuse::daemon::api
