#include "daemon/pages.h"

#include <memory>
#include <utility>

#include "daemon/alert_pages.h"
#include "daemon/api/reply_cache.h"
#include "daemon/breaker_page.h"
#include "daemon/outbox_page.h"
#include "daemon/rules_page.h"

namespace quotafuse::daemon {
namespace {

/// To ask for a rule's series takes a moment of the pipeline's time.
constexpr base::Milliseconds kStandingGoodFor{5000};

}  // namespace

GatewayDesks::GatewayDesks(const SourceConfig& source)
    : main_(std::make_shared<api::GatewayDesk>(*source.main)),
      logs_(source.logs ? std::make_shared<api::GatewayDesk>(*source.log_source()) : main_) {}

StatusPages make_status_pages(const PageRooms& rooms) {
    StatusPages pages;
    const auto add = [&](const std::string& path, HttpHandler handler) {
        pages.emplace(path, StatusPage{std::move(handler)});
    };
    const auto add_tagged = [&](const std::string& path, HttpHandler handler) {
        add(path, [handler = std::move(handler)](const HttpRequest& request) {
            return api::with_etag(request, handler(request));
        });
    };
    for (auto& [path, handler] : rooms.api.pages()) add(path, std::move(handler));
    const auto& config = rooms.config;
    add("/api/v1/alerts", rooms.api.kept([rooms](const api::Inquiry& inquiry) {
        return alerts_page(inquiry, rooms.status(), rooms.causes);
    }));
    add("/api/v1/breaker", rooms.api.kept([&config](const api::Inquiry& inquiry) {
        return breaker_page(inquiry, config);
    }));
    add(std::string{kRulePath}, rooms.api.kept(
                                    [rooms](const HttpRequest& request) {
                                        return answer_rule(rooms.config, rooms.status(),
                                                           rooms.standing, request);
                                    },
                                    kStandingGoodFor));
    add("/api/v1/rules", rooms.api.kept(
                             [rooms](const HttpRequest& request) {
                                 return answer_rules(rooms.config, rooms.status(), request,
                                                     rooms.values);
                             },
                             kStandingGoodFor));
    add_tagged("/api/v1/silences", [rooms](const HttpRequest& request) {
        return answer_silences(rooms.status(), request);
    });
    add_tagged("/api/v1/outbox", [&config](const HttpRequest& request) {
        return answer_outbox(config.store, request);
    });
    return pages;
}

}  // namespace quotafuse::daemon
