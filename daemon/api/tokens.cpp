#include "daemon/api/tokens.h"

#include <map>
#include <utility>

#include "daemon/api/owners.h"
#include "daemon/api/parameters.h"
#include "daemon/api/span.h"
#include "daemon/api/traffic.h"

namespace quotafuse::daemon::api {
namespace {

constexpr std::int64_t kMostTokens = 200;
constexpr std::size_t kMostSearched = 100;  // bytes
constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kTraffic = 30 * 24 * kHour;

TokenQuestion question_of(const HttpRequest& request) {
    const Parameters parameters{request, {"limit", "cursor", "search"}};
    TokenQuestion question;
    question.most =
        static_cast<std::size_t>(parameters.whole_number("limit", 1, kMostTokens).value_or(50));
    question.below = parameters.whole_number("cursor", 1, INT64_MAX);
    question.search = parameters.words("search", kMostSearched).value_or("");
    return question;
}

Json time_or_null(const std::optional<std::int64_t>& time) {
    return time ? Json(*time) : Json(nullptr);
}

/// What each key did. One API's rows name a key by its owner and its name only.
class Traffic {
public:
    Traffic(const Inquiry& inquiry, const Span& span)
        : table_(traffic_by(inquiry, By::token, {}, span)) {
        for (const auto& object : table_.objects) {
            if (object.id != 0)
                by_id_[object.id].add(object.sums);
            else
                by_name_[{object.owner, object.name}].add(object.sums);
        }
    }
    sync::TrafficSums of(const GatewayToken& token) const {
        const auto id = by_id_.find(token.id);
        if (id != by_id_.end()) return id->second;
        const auto name = by_name_.find({token.user, token.name});
        return name == by_name_.end() ? sync::TrafficSums{} : name->second;
    }
    const Span& span() const { return table_.span; }

private:
    TrafficTable table_;
    std::map<std::int64_t, sync::TrafficSums> by_id_;
    std::map<std::pair<std::int64_t, std::string>, sync::TrafficSums> by_name_;
};

Json token_json(Owners& owners, const GatewayToken& token, const Traffic& traffic) {
    const auto sums = traffic.of(token);
    return {{"id", token.id},
            {"name", token.name},
            {"masked", token.masked ? Json(*token.masked) : Json(nullptr)},
            {"user", {{"id", token.user}, {"name", owners.name(token.user)}}},
            {"created_at", time_or_null(token.created_at)},
            {"last_used", time_or_null(token.last_used)},
            {"status", token.status},
            {"remaining", token.unlimited ? Json(nullptr) : Json(token.remaining)},
            {"used", token.used},
            {"unlimited", token.unlimited},
            {"expires_at", time_or_null(token.expires_at)},
            {"requests", sums.requests()},
            {"success_rate", ratio(sums.answers, sums.answers + sums.errors)}};
}

}  // namespace

HttpReply tokens(const Sources& sources, const ListTokens& list, const HttpRequest& request) {
    return answer([&] {
        const auto question = question_of(request);
        TokenPage page;
        page.why = page.why_no_masks = "there is no gateway to ask";
        page.no_masks_code = "no_gateway";
        // Without a snapshot of the store: the gateway may take its time.
        if (list) page = list(question);
        const Inquiry inquiry{sources, request};
        const auto now = base::unix_seconds(inquiry.now());
        const auto from = (now - kTraffic) / kHour * kHour;
        const Span span{base::from_unix(from), base::from_unix(now + 1)};
        const Traffic traffic{inquiry, span};
        Owners owners{inquiry, span};
        auto rows = Json::array();
        for (const auto& token : page.tokens) rows.push_back(token_json(owners, token, traffic));
        return json_reply({{"from", base::unix_seconds(traffic.span().from)},
                           {"to", base::unix_seconds(traffic.span().until)},
                           {"currency", currency_json(inquiry)},
                           {"available", page.available},
                           {"why", page.why},
                           {"rows", std::move(rows)},
                           {"next_cursor", time_or_null(page.next)},
                           {"masks",
                            {{"from", page.masks ? "view" : "none"},
                             {"code", page.no_masks_code},
                             {"why", page.why_no_masks}}}});
    });
}

}  // namespace quotafuse::daemon::api
