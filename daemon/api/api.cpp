#include "daemon/api/api.h"

#include <utility>

#include "daemon/api/export_page.h"
#include "daemon/api/health.h"
#include "daemon/api/openapi_file.h"
#include "daemon/api/traffic_pages.h"

namespace quotafuse::daemon::api {
namespace {

constexpr base::Milliseconds kGoodFor{3000};
constexpr base::Milliseconds kLongGoodFor{10'000};

HttpReply openapi(const HttpRequest&) {
    return {.content_type = "application/json",
            .body = std::string{openapi_files().front().content}};
}

}  // namespace

base::Milliseconds good_for(const HttpRequest& request) {
    const auto window = request.query.find("window");
    const bool is_long =
        window != request.query.end() && (window->second == "7d" || window->second == "30d");
    return is_long ? kLongGoodFor : kGoodFor;
}

Api::Api(const std::string& store, const base::Clock& clock, base::TimeZone zone, Facts facts)
    : reads_(store, clock),
      facts_(std::move(facts)),
      sources_{reads_, clock, std::move(zone),
               facts_.currency ? facts_.currency : [] { return Currency{}; }},
      cache_(clock) {}

HttpHandler Api::kept(Make make) {
    HttpHandler of_store = [this, make = std::move(make)](const HttpRequest& request) {
        return answer(sources_, request, make);
    };
    return [this, of_store = std::move(of_store)](const HttpRequest& request) {
        return with_etag(request, cache_.get(request, good_for(request), of_store));
    };
}

HttpHandler Api::kept(HttpHandler make, base::Milliseconds good_for) {
    return [this, make = std::move(make), good_for](const HttpRequest& request) {
        return with_etag(request, cache_.get(request, good_for, make));
    };
}

std::map<std::string, HttpHandler> Api::pages() {
    std::map<std::string, HttpHandler> pages;
    for (const auto& [name, make] : std::initializer_list<std::pair<const char*, Make>>{
             {"summary", summary},
             {"trend", trend},
             {"breakdown", [](const Inquiry& inquiry) { return breakdown(inquiry); }},
             {"performance", performance},
             {"slow", slow},
             {"availability", availability},
             {"errors", errors},
             {"logs", logs},
             {"alerts/history", alert_history},
             {"channels/", channel_balance}})
        pages["/api/v1/" + std::string{name}] = kept(make);
    pages["/api/v1/channels"] =
        kept([this](const Inquiry& inquiry) { return channels(inquiry, facts_.open_circuits); });
    pages["/api/v1/health"] = kept([this](const Inquiry& inquiry) {
        return health(inquiry, facts_.status ? facts_.status() : Json::object());
    });
    pages[std::string{kLogEntryPath}] = [this](const HttpRequest& request) {
        return with_etag(request, log_entry(sources_, facts_.ask_gateway, request));
    };
    pages["/api/v1/tokens"] = kept(
        [this](const HttpRequest& request) {
            return tokens(sources_, facts_.list_tokens, request);
        },
        kLongGoodFor);
    pages["/api/v1/export"] = [this](const HttpRequest& request) {
        return export_page(sources_, request);
    };
    pages["/api/v1/openapi.json"] = [](const HttpRequest& request) {
        return with_etag(request, openapi(request));
    };
    return pages;
}

}  // namespace quotafuse::daemon::api
