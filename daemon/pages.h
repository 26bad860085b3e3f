#pragma once

#include <functional>
#include <string>

#include "daemon/alert_causes.h"
#include "daemon/api/api.h"
#include "daemon/api/gateway_desk.h"
#include "daemon/config.h"
#include "daemon/status_server.h"

namespace quotafuse::daemon {

/// Connections to the gateway for what pages ask of it: one desk for its database, and one more
/// where its logs have their own. Thread-safe.
class GatewayDesks {
public:
    explicit GatewayDesks(const SourceConfig& source);

    api::GatewayTexts texts(const sync::Row& row) { return api::read_texts(*logs_, row); }
    api::TokenPage tokens(const api::TokenQuestion& question) {
        return api::read_tokens(*main_, question);
    }

private:
    std::shared_ptr<api::GatewayDesk> main_;
    std::shared_ptr<api::GatewayDesk> logs_;
};

/// What pages are made of. All of it outlives them, and is thread-safe.
struct PageRooms {
    const Config& config;
    api::Api& api;
    AlertCauses& causes;
    std::function<std::string()> status;  // what StatusBoard publishes
    /// See answer_rule().
    std::function<std::string(const std::string& rule)> standing;
    /// See answer_rules().
    std::function<std::string()> values;
};

/// All that answers below /api/v1 beside status and events.
StatusPages make_status_pages(const PageRooms& rooms);

}  // namespace quotafuse::daemon
