#include "daemon/api/traffic.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "base/text.h"
#include "daemon/api/largest.h"
#include "sync/address.h"
#include "sync/minute_reader.h"
#include "sync/traffic_plan.h"

namespace quotafuse::daemon::api {
namespace {

using sync::TrafficBy;
using sync::TrafficSums;

constexpr std::array<std::pair<std::string_view, By>, 12> kNames{{
    {"all", By::all},
    {"channel", By::channel},
    {"model", By::model},
    {"token", By::token},
    {"user", By::user},
    {"group", By::group},
    {"route", By::route},
    {"ip", By::ip},
    {"provider", By::provider},
    {"tag", By::tag},
    {"status", By::status},
    {"error", By::error},
}};

TrafficBy summed_by(By by) {
    switch (by) {
        case By::all:
            return TrafficBy::all;
        case By::channel:
        case By::provider:
        case By::tag:
            return TrafficBy::channel;
        case By::model:
            return TrafficBy::model;
        case By::token:
            return TrafficBy::token;
        case By::user:
            return TrafficBy::user;
        case By::group:
            return TrafficBy::group;
        case By::route:
            return TrafficBy::route;
        case By::ip:
            return TrafficBy::ip;
        case By::status:
            return TrafficBy::status;
        case By::error:
            return TrafficBy::error;
    }
    std::abort();
}

std::string now_called(const Inquiry& inquiry, By by, const sync::TrafficCell& cell) {
    switch (by) {
        case By::all:
            return {};
        case By::channel:
            return inquiry.name(NameBook::Of::channel, cell.id);
        case By::provider:
            return inquiry.name(NameBook::Of::provider, cell.id);
        case By::tag:
            return inquiry.name(NameBook::Of::tag, cell.id);
        case By::token:
            return inquiry.name(NameBook::Of::token, cell.id);
        case By::user:
            return inquiry.name(NameBook::Of::user, cell.id);
        case By::ip:
            return sync::format_address(cell.id);
        case By::status:
            return cell.id == 0 ? std::string{} : std::to_string(cell.id);
        case By::model:
        case By::group:
        case By::route:
        case By::error:
            return {};
    }
    std::abort();
}

/// Several channels are one object.
bool is_merged(By by) {
    return by == By::provider || by == By::tag;
}

ObjectTraffic object_of(const Inquiry& inquiry, By by, sync::TrafficCell cell) {
    auto name = now_called(inquiry, by, cell);
    // Clients write model names and routes as they please.
    if (name.empty() && cell.text != 0) name = inquiry.texts().text(cell.text);
    return {cell.time,
            is_merged(by) ? 0 : cell.id,
            base::valid_utf8(name),
            cell.owner,
            cell.last,
            std::move(cell.sums),
            by == By::ip && cell.id == sync::kOtherAddresses};
}

ObjectTraffic rest_of(sync::TrafficCell cell) {
    return {cell.time, 0, {}, 0, cell.last, std::move(cell.sums), true};
}

/// Those of several questions, and of several channels, as one.
class Sum {
public:
    explicit Sum(By by) : by_(by) {}

    void add(ObjectTraffic object) {
        const auto [found, is_new] =
            objects_.try_emplace({object.time, key_of(by_, object)}, object);
        if (!is_new) add_to(found->second, object);
    }
    std::vector<ObjectTraffic> take() {
        std::vector<ObjectTraffic> list;
        for (auto& [key, object] : objects_) list.push_back(std::move(object));
        return list;
    }

private:
    By by_;
    std::map<std::pair<std::int64_t, ObjectKey>, ObjectTraffic> objects_;  // by time
};

/// The channels of which `column` of the directory has this text.
std::vector<std::int64_t> channels_with(const Inquiry& inquiry, const char* column,
                                        const std::string& value) {
    SQLite::Statement query{inquiry.database(),
                            fmt::format("SELECT id FROM gateway_channel WHERE {} = ?", column)};
    query.bind(1, inquiry.texts().id_of(value));
    std::vector<std::int64_t> channels;
    while (query.executeStep()) channels.push_back(query.getColumn(0).getInt64());
    return channels;
}

/// The channels that a filter leaves; empty for all.
std::optional<std::vector<std::int64_t>> channels_of(const sync::TrafficFilter& filter) {
    if (!filter.channel) return filter.channels;
    const auto one = *filter.channel;
    const bool left =
        !filter.channels ||
        std::find(filter.channels->begin(), filter.channels->end(), one) != filter.channels->end();
    return left ? std::vector{one} : std::vector<std::int64_t>{};
}

/// Empty where no minutes are kept.
std::optional<sync::MinutesBy> minutes_by(By by, const Filter& filter) {
    auto others = filter.of;
    others.channel.reset();
    others.channels.reset();
    others.model.reset();
    if (others != sync::TrafficFilter{}) return std::nullopt;
    if (by == By::all) return sync::MinutesBy::all;
    if (by == By::model) return sync::MinutesBy::model;
    if (by == By::channel || by == By::provider || by == By::tag) return sync::MinutesBy::channel;
    return std::nullopt;
}

TrafficTable by_minutes(const Inquiry& inquiry, By by, const Filter& filter, const Span& span,
                        const Step& step) {
    const sync::MinuteReader reader{inquiry.database()};
    const auto minutes = minutes_by(by, filter);
    if (!minutes)
        throw BadParameter{
            "steps of minutes are kept of channels and models only; ask for step=1h"};
    const auto whole = whole_steps(span, step, inquiry.now());
    sync::MinuteQuestion question{*minutes,    channels_of(filter.of), filter.of.model, whole.from,
                                  whole.until, step.seconds / 60};
    const auto kept_since = base::from_unix(reader.kept_since());
    question.from = std::clamp(kept_since, question.from, question.until);
    Sum sum{by};
    for (const auto& cell :
         filter.matches_nothing ? std::vector<sync::MinuteCell>{} : reader.answer(question)) {
        sync::TrafficCell one;
        one.time = cell.time;
        one.id = cell.channel;
        one.text = cell.model;
        one.last = cell.time + step.seconds;
        one.sums.answers = cell.requests - cell.errors;
        one.sums.errors = cell.errors;
        one.sums.prompt_tokens = cell.tokens;
        one.sums.quota = cell.quota;
        sum.add(object_of(inquiry, by, std::move(one)));
    }
    return {{question.from, question.until}, sum.take()};
}

}  // namespace

By by_of(const Parameters& parameters, std::string_view name) {
    const auto text = parameters.text(std::string{name});
    if (!text) return By::all;
    for (const auto& [known, by] : kNames)
        if (known == *text) return by;
    std::string all;
    for (const auto& [known, by] : kNames) all += (all.empty() ? "" : ", ") + std::string{known};
    throw BadParameter{fmt::format("{} must be one of {}", name, all)};
}

std::string_view name_of(By by) {
    for (const auto& [name, known] : kNames)
        if (known == by) return name;
    std::abort();
}

Filter filter_of(const Parameters& parameters, const Inquiry& inquiry) {
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    Filter filter;
    filter.of.channel = parameters.whole_number("channel", 0, kMost);
    filter.of.token = parameters.whole_number("token", 0, kMost);
    filter.of.user = parameters.whole_number("user", 0, kMost);
    filter.of.status = parameters.whole_number("status", 0, 999);
    const auto text = [&](const char* name, std::optional<sync::TextId>& to) {
        const auto value = parameters.words(name);
        if (!value) return;
        to = inquiry.texts().id_of(*value);
        if (*to < 0) filter.matches_nothing = true;
    };
    text("model", filter.of.model);
    text("group", filter.of.group);
    text("route", filter.of.route);
    text("code", filter.of.error_code);
    if (const auto ip = parameters.text("ip")) {
        filter.of.ip = sync::parse_address(*ip);
        if (*filter.of.ip == 0) throw BadParameter{"ip must be an IPv4 or IPv6 address"};
    }
    const auto provider = parameters.words("provider");
    const auto tag = parameters.words("tag");
    if (provider && tag) throw BadParameter{"give either provider or tag"};
    if (provider) filter.of.channels = channels_with(inquiry, "provider", *provider);
    if (tag) filter.of.channels = channels_with(inquiry, "tag", *tag);
    return filter;
}

bool has_times(By by, const Filter& filter) {
    sync::TrafficQuestion question;
    question.by = summed_by(by);
    question.of = filter.of;
    question.times = true;
    return sync::table_for(question).has_value();
}

TrafficTable traffic_by(const Inquiry& inquiry, By by, const Filter& filter, const Span& span,
                        sync::TrafficStep step, bool times, const Largest& largest) {
    TrafficTable table{span, {}};
    if (filter.matches_nothing) return table;
    Sum sum{by};
    const bool only_failed = by == By::status || by == By::error;
    auto answer = inquiry.traffic(
        {summed_by(by), filter.of, span.from, span.until, step, times, only_failed});
    table.span = {answer.from, answer.until};
    table.has_others = answer.has_others;
    table.cut = answer.cut;
    if (largest.most > 0 && !is_merged(by)) {
        for (auto& cell : take_small(answer.cells, summed_by(by), largest))
            sum.add(rest_of(std::move(cell)));
    }
    for (auto& cell : answer.cells) sum.add(object_of(inquiry, by, std::move(cell)));
    table.objects = sum.take();
    return table;
}

std::optional<TrafficTable> traffic_of_rows(const Inquiry& inquiry, By by, const Filter& filter,
                                            const Span& span, const Step& step) {
    if (filter.matches_nothing) return TrafficTable{span, {}};
    auto answer = inquiry.traffic_in_steps(
        {summed_by(by), filter.of, span.from, span.until, sync::TrafficStep::whole, true},
        base::Seconds{step.seconds});
    if (!answer) return std::nullopt;
    Sum sum{by};
    for (auto& cell : answer->cells) sum.add(object_of(inquiry, by, std::move(cell)));
    return TrafficTable{{answer->from, answer->until}, sum.take()};
}

ObjectKey key_of(By by, const ObjectTraffic& object) {
    if (object.is_rest) return {std::numeric_limits<std::int64_t>::min(), {}, 0};
    const bool numbered = by == By::channel || by == By::ip || by == By::status ||
                          ((by == By::token || by == By::user) && object.id != 0);
    return {object.id, numbered ? std::string{} : object.name, numbered ? 0 : object.owner};
}

void add_to(ObjectTraffic& object, const ObjectTraffic& part) {
    object.sums.add(part.sums);
    if (part.last <= object.last) return;
    object.name = part.name;
    object.owner = part.owner;
    object.last = part.last;
}

bool has_minutes(const Inquiry& inquiry, By by, const Filter& filter, base::Second from) {
    return minutes_by(by, filter).has_value() &&
           sync::MinuteReader{inquiry.database()}.has_all_since(from);
}

TrafficTable traffic_in_steps(const Inquiry& inquiry, By by, const Filter& filter, const Span& span,
                              const Step& step, const Largest& largest) {
    if (!step.is_minutes()) {
        return traffic_by(inquiry, by, filter, span,
                          step.is_day() ? sync::TrafficStep::day : sync::TrafficStep::hour, false,
                          largest);
    }
    return by_minutes(inquiry, by, filter, span, step);
}

TrafficSums sum_of(const TrafficTable& table) {
    TrafficSums sums;
    for (const auto& object : table.objects) sums.add(object.sums);
    return sums;
}

Json percentiles(const base::Histogram& histogram, std::int64_t total) {
    if (histogram.empty()) return nullptr;
    Json json;
    for (const auto& [name, q] :
         {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}})
        json[name] = *histogram.quantile(q);
    json["mean"] = static_cast<double>(total) / static_cast<double>(histogram.count());
    return json;
}

Json ratio(std::int64_t part, std::int64_t whole) {
    if (whole <= 0) return nullptr;
    return static_cast<double>(part) / static_cast<double>(whole);
}

Json sums_json(const Inquiry& inquiry, const TrafficSums& sums, bool times) {
    Json json{{"requests", sums.requests()},
              {"answers", sums.answers},
              {"errors", sums.errors},
              {"client_errors", sums.client_errors},
              {"error_rate", ratio(sums.errors, sums.answers + sums.errors)},
              {"prompt_tokens", sums.prompt_tokens},
              {"completion_tokens", sums.completion_tokens},
              {"cache_tokens", sums.cache_tokens},
              {"tokens", sums.tokens()},
              {"quota", sums.cost()},
              {"refund", sums.refund},
              {"cost", inquiry.amount(sums.cost())}};
    if (!times) return json;
    json["latency_ms"] = percentiles(sums.latency, sums.latency_total);
    json["first_token_ms"] = percentiles(sums.first_token, sums.first_token_total);
    json["empty_replies"] = sums.empty_replies;
    return json;
}

Json object_json(By by, const ObjectTraffic& object) {
    const bool has_id = by == By::channel || by == By::token || by == By::user ||
                        by == By::status || by == By::error;
    Json json{{"kind", object.is_rest ? "rest" : name_of(by)},
              {"id", has_id && object.id != 0 && !object.is_rest ? Json(object.id) : Json(nullptr)},
              {"name", object.name}};
    if (by == By::token) json["user"] = object.owner;
    return json;
}

Json currency_json(const Inquiry& inquiry) {
    const auto& symbol = inquiry.currency().symbol;
    return {{"code", symbol == "$"   ? Json("USD")
                     : symbol == "¥" ? Json("CNY")
                                     : Json(nullptr)},
            {"symbol", symbol},
            {"per_dollar", inquiry.currency().per_dollar},
            {"quota_per_unit", inquiry.quota_per_dollar()}};
}

}  // namespace quotafuse::daemon::api
