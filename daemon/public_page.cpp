#include "daemon/public_page.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include <SQLiteCpp/Statement.h>

#include "base/text.h"
#include "daemon/api/parameters.h"
#include "daemon/api/traffic_pages.h"
#include "daemon/web_files.h"

namespace quotafuse::daemon {
namespace {

using api::Json;

constexpr double kOfRow = 1000;
constexpr double kOfSlot = 100;

/// What is nearly all is not all: 0.9996 is no 1.
Json rounded(const Json& rate, double parts) {
    if (!rate.is_number()) return nullptr;
    const auto value = rate.get<double>();
    const auto near = std::round(value * parts) / parts;
    return near == 1 && value < 1 ? (parts - 1) / parts : near;
}

/// What a stranger calls a model stands in the log of failures, too: only what once answered is
/// one.
std::set<std::string> models_that_answered(SQLite::Database& database) {
    SQLite::Statement query{
        database,
        "SELECT value FROM text WHERE id IN (SELECT model FROM usage_pair WHERE answers > 0 UNION "
        "SELECT model FROM hour_channel_model WHERE hour >= (SELECT folded FROM usage_state) AND "
        "answers > 0)"};
    std::set<std::string> names;
    while (query.executeStep()) names.insert(base::valid_utf8(query.getColumn(0).getString()));
    names.erase("");
    return names;
}

Json rows_of(const Json& availability, const std::set<std::string>& known) {
    std::vector<Json> rows;
    for (const auto& row : availability.at("rows")) {
        const auto name = row.at("name").get<std::string>();
        if (!known.contains(name) || rows.size() == PublicPage::kMostModels) continue;
        auto slots = Json::array();
        for (const auto& slot : row.at("slots")) slots.push_back(rounded(slot, kOfSlot));
        rows.push_back({{"name", name},
                        {"rate", rounded(row.at("rate"), kOfRow)},
                        {"slots", std::move(slots)}});
    }
    // The worst first would tell more than the rates do.
    std::sort(rows.begin(), rows.end(),
              [](const Json& a, const Json& b) { return a.at("name") < b.at("name"); });
    return rows;
}

HttpReply make(const api::Sources& sources, const std::string& window) {
    HttpRequest request;
    request.query = {{"window", window}, {"by", "model"}};
    return api::answer(sources, request, [](const api::Inquiry& inquiry) {
        const auto all = api::availability(inquiry);
        return Json{{"from", all.at("from")},
                    {"to", all.at("to")},
                    {"slot", all.at("slot")},
                    {"rows", rows_of(all, models_that_answered(inquiry.database()))}};
    });
}

StatusPage file(std::string_view name, const char* type) {
    const auto files = web_files();
    const auto found =
        std::find_if(files.begin(), files.end(), [&](const auto& f) { return f.name == name; });
    return {[content = found->content, type](const HttpRequest&) {
                return HttpReply{.content_type = type,
                                 .body = std::string{content},
                                 .cache_control = "no-cache"};
            },
            OpenTo::anyone};
}

}  // namespace

PublicPage::PublicPage(const api::Sources& sources) : sources_(sources), cache_(sources.clock) {}

HttpReply PublicPage::answer(const HttpRequest& request) {
    std::string window;
    try {
        window = api::Parameters{request, {"window"}}.choice("window", {"24h", "7d"});
    } catch (const api::BadParameter& wrong) {
        return error_reply(400, wrong.message);
    }
    HttpRequest asked;
    asked.path = window;
    return api::with_etag(request, cache_.get(asked, kGoodFor, [&](const HttpRequest&) {
        return make(sources_, window);
    }));
}

StatusPages PublicPage::pages() {
    constexpr auto kHtml = "text/html; charset=utf-8";
    StatusPages pages{{"/public", file("public.html", kHtml)},
                      {"/public.html", file("public.html", kHtml)},
                      {"/public.css", file("public.css", "text/css; charset=utf-8")},
                      {"/public.js", file("public.js", "text/javascript; charset=utf-8")}};
    pages.emplace(
        "/api/v1/public",
        StatusPage{[this](const HttpRequest& request) { return answer(request); }, OpenTo::anyone});
    return pages;
}

}  // namespace quotafuse::daemon
