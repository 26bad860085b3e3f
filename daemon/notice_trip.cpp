#include "daemon/notice_trip.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

#include "base/text.h"
#include "circuit_breaker/policy.h"

namespace quotafuse::daemon {

using alerts::Action;
using alerts::Dimension;
using alerts::Notice;
using base::Recovery;
using circuit_breaker::LeadingKey;
using circuit_breaker::Target;

base::Second back_at(const Recovery& recover, const base::TimeZone& zone, base::Second now) {
    switch (recover.kind) {
        case Recovery::Kind::manual:
            return {};
        case Recovery::Kind::after:
        case Recovery::Kind::half_open:
            return now + recover.wait;
        case Recovery::Kind::tomorrow:
            return zone.at(now, 1, base::Seconds{0});
        case Recovery::Kind::next_month: {
            int days = 1;
            while (zone.local(zone.at(now, days, base::Seconds{0})).day != 1) ++days;
            return zone.at(now, days, base::Seconds{0});
        }
    }
    std::abort();
}

Target target_of(const Action& action) {
    switch (action.what) {
        case alerts::RuleAction::What::channel:
            return Target::of_channel(action.channel);
        case alerts::RuleAction::What::model:
            return Target::of_model(action.channel, action.model);
        case alerts::RuleAction::What::token: {
            auto target = Target::of_token(action.token);
            target.user = action.user;
            target.token_name = action.token_name;
            return target;
        }
    }
    std::abort();
}

std::string name_of(const Target& target, const sync::Directory& directory) {
    if (target.kind == Target::Kind::token) {
        const auto token = directory.tokens.find(target.token);
        return base::valid_utf8(token == directory.tokens.end() ? target.token_name
                                                                : token->second.name);
    }
    const auto channel = directory.channels.find(target.channel);
    return channel == directory.channels.end() ? std::string{}
                                               : base::valid_utf8(channel->second.name);
}

std::string name_of(const Target& target, const Notice& notice) {
    const bool token = target.kind == Target::Kind::token;
    const auto id = token ? target.token : target.channel;
    for (const auto& part : notice.key) {
        const bool of_it = part.dimension == (token ? Dimension::token : Dimension::channel);
        if (of_it && id != 0 && part.id == id) return base::valid_utf8(part.display);
    }
    return {};
}

namespace {

/// Of a ratio or a percentile a share says nothing.
bool adds_up(alerts::Metric metric) {
    using enum alerts::Metric;
    static constexpr std::array kSums = {
        requests,          attempts,     errors, client_errors, tokens, prompt_tokens, cost,
        completion_tokens, cache_tokens, quota,  rpm,           tpm,    empty_replies};
    return std::ranges::count(kSums, metric) > 0;
}

LeadingKey leading(std::int64_t token, const std::string& display, double share) {
    auto target = Target::of_token(token);
    if (token == 0) target.token_name = display;
    return {circuit_breaker::stored_key(target), display, static_cast<int>(share)};
}

/// The one key that `where` lets pass.
std::optional<std::int64_t> only_key(const alerts::Rule& rule) {
    for (const auto& condition : rule.where) {
        const bool one = condition.dimension == Dimension::token && condition.terms.size() == 1 &&
                         !condition.terms.front().negated;
        if (one) return condition.terms.front().id;
    }
    return std::nullopt;
}

}  // namespace

circuit_breaker::TripResult refusal_of(const circuit_breaker::TripRequest& request,
                                       circuit_breaker::TripCause cause,
                                       const sync::Directory& directory) {
    circuit_breaker::TripResult result;
    result.kind = circuit_breaker::TripResult::Kind::refused;
    result.request = request;
    result.name = name_of(request.target, directory);
    circuit_breaker::explain(result, std::move(cause));
    return result;
}

std::optional<LeadingKey> leading_key(const Notice& notice, const alerts::Rule* rule) {
    for (const auto& part : notice.key) {
        if (part.dimension == Dimension::token)
            return leading(part.id.value_or(0), part.display, 100);
    }
    if (rule != nullptr) {
        if (const auto token = only_key(*rule)) return leading(*token, std::to_string(*token), 100);
    }
    if (!adds_up(notice.metric) || notice.below) return {};
    for (const auto& contribution : notice.contributions) {
        if (contribution.dimension != Dimension::token || contribution.parts.empty()) continue;
        const auto& part = contribution.parts.front();
        if (part.share < circuit_breaker::kKeyToBlame) return {};
        return leading(part.name.id.value_or(0), part.name.display, part.share);
    }
    return {};
}

}  // namespace quotafuse::daemon
