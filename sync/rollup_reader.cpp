#include "sync/rollup_reader.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sync/minutes.h"

namespace quotafuse::sync {
namespace {

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kMinute = 60;
/// So much of an hour of the clock says something about an hour.
constexpr std::int64_t kLeastPart = 15 * kMinute;

constexpr auto kTrafficSums =
    "ifnull(sum(answers), 0), ifnull(sum(errors), 0), ifnull(sum(client_errors), 0), "
    "ifnull(sum(prompt_tokens + completion_tokens), 0), ifnull(sum(quota - refund), 0)";

/// Where the traffic of an object stands, and by which of its columns it is found.
struct Choice {
    std::string table;  // "channel_model"
    std::vector<std::pair<const char*, std::int64_t>> where;
    bool minutes = false;
};

/// Empty for objects whose traffic is not kept together.
std::optional<Choice> choice_of(const TrafficOf& of) {
    std::vector<Choice> choices;
    if (of.channel || of.model) {
        Choice choice{"channel_model", {}, true};
        if (of.channel) choice.where.emplace_back("channel", *of.channel);
        if (of.model) choice.where.emplace_back("model", *of.model);
        choices.push_back(std::move(choice));
    }
    const auto add = [&](const char* table, const char* column, const auto& value) {
        if (value) choices.push_back({table, {{column, *value}}, false});
    };
    add("token", "token", of.token);
    add("user", "user", of.user);
    add("group", "grp", of.group);
    add("route", "route", of.route);
    if (choices.size() > 1) return std::nullopt;
    return choices.empty() ? Choice{"channel_model", {}, true} : std::move(choices.front());
}

std::string conditions_of(const Choice& choice) {
    std::string text;
    for (const auto& [column, value] : choice.where)
        text += fmt::format(" AND {} = {}", column, value);
    return text;
}

/// The columns that tell the objects of a kind apart, as ObjectTraffic has them: id, text, owner.
/// A token without an id is known by its owner and name.
struct Columns {
    const char* table;
    const char* id;
    const char* text;
    const char* owner;
    const char* group_by;
};

Columns columns_of(RollupBy by) {
    switch (by) {
        case RollupBy::channel:
            return {"channel_model", "channel", "0", "0", "channel"};
        case RollupBy::model:
            return {"channel_model", "0", "model", "0", "model"};
        case RollupBy::token:
            return {"token", "token", "max(token_name)", "max(user)",
                    "token, iif(token = 0, user, 0), iif(token = 0, token_name, 0)"};
        case RollupBy::user:
            return {"user", "user", "max(username)", "0", "user"};
        case RollupBy::group:
            return {"group", "0", "grp", "0", "grp"};
        case RollupBy::route:
            return {"route", "0", "route", "0", "route"};
    }
    std::abort();
}

std::string where_of(RollupBy by, const ObjectTraffic& object) {
    switch (by) {
        case RollupBy::channel:
            return fmt::format("channel = {}", object.id);
        case RollupBy::model:
            return fmt::format("model = {}", object.text);
        case RollupBy::token:
            return object.id != 0 ? fmt::format("token = {}", object.id)
                                  : fmt::format("token = 0 AND user = {} AND token_name = {}",
                                                object.owner, object.text);
        case RollupBy::user:
            return fmt::format("user = {}", object.id);
        case RollupBy::group:
            return fmt::format("grp = {}", object.text);
        case RollupBy::route:
            return fmt::format("route = {}", object.text);
    }
    std::abort();
}

/// The days that are closed, and of those that are not their hours so far: ?1 ≤ day < ?2, ?3 ≤ hour
/// < ?4.
std::string rows_of_days(const char* table) {
    std::string columns =
        "answers, errors, client_errors, prompt_tokens, completion_tokens, quota, refund";
    const std::string_view name = table;
    if (name == "channel_model") columns += ", channel, model";
    if (name == "token") columns += ", token, user, token_name";
    if (name == "user") columns += ", user, username";
    if (name == "group") columns += ", grp";
    if (name == "route") columns += ", route";
    return fmt::format(
        "(SELECT {0} FROM day_{1} WHERE day >= ?1 AND day < ?2 UNION ALL "
        "SELECT {0} FROM hour_{1} WHERE hour < ?4 AND "
        "hour >= max(?3, (SELECT closed FROM rollup_state)))",
        columns, table);
}

void bind_days(SQLite::Statement& query, const LocalDays& days) {
    query.bind(1, days.first);
    query.bind(2, days.end);
    // The hour in which a midnight falls is of the day that begins there.
    query.bind(3, base::unix_seconds(days.from) / kHour);
    query.bind(4, base::unix_seconds(days.until) / kHour);
}

Traffic traffic_at(SQLite::Statement& query, int column) {
    return {query.getColumn(column).getInt64(), query.getColumn(column + 1).getInt64(),
            query.getColumn(column + 2).getInt64(), query.getColumn(column + 3).getInt64(),
            query.getColumn(column + 4).getInt64()};
}

}  // namespace

std::optional<RollupReader::Spent> RollupReader::lately(const TrafficOf& of, base::Second t) const {
    const auto choice = choice_of(of);
    if (!choice) return std::nullopt;
    const auto now = base::unix_seconds(t);
    if (choice->minutes) {
        const auto last = now / kMinute;  // the minute of t, so far
        const auto first = last - 59;
        const int minute = static_cast<int>(first % 60);
        const auto hour = first / 60;
        auto quota = minutes_of(of, hour, minute, 60);
        if (minute > 0) quota += minutes_of(of, hour + 1, 0, minute);
        return Spent{base::from_unix(first * kMinute), t, quota};
    }
    const auto hour = now / kHour;
    const bool enough = now - hour * kHour >= kLeastPart;
    const auto hours = quota_of(of, enough ? std::vector{hour} : std::vector{hour - 1, hour});
    std::int64_t quota = 0;
    for (const auto one : hours) quota += one;
    return Spent{base::from_unix((enough ? hour : hour - 1) * kHour), t, quota};
}

/// Of the minutes first ≤ minute < end.
std::int64_t RollupReader::minutes_of(const TrafficOf& of, std::int64_t hour, int first,
                                      int end) const {
    const auto choice = choice_of(of).value();
    SQLite::Statement query{database_.handle(),
                            fmt::format("SELECT minutes FROM hour_{} WHERE hour = ?{}",
                                        choice.table, conditions_of(choice))};
    query.bind(1, hour);
    std::int64_t quota = 0;
    while (query.executeStep()) {
        const auto minutes = Minutes::decode(query.getColumn(0).getString());
        if (!minutes) continue;
        for (const auto& minute : minutes->list()) {
            if (minute.minute >= first && minute.minute < end) quota += minute.quota;
        }
    }
    return quota;
}

std::vector<std::int64_t> RollupReader::quota_of(const TrafficOf& of,
                                                 const std::vector<std::int64_t>& hours) const {
    const auto choice = choice_of(of).value();
    // Every counted row is in each of the tables: for all of them the smallest will do.
    const auto table = choice.where.empty() ? std::string{"group"} : choice.table;
    SQLite::Statement query{
        database_.handle(),
        fmt::format("SELECT ifnull(sum(quota - refund), 0) FROM hour_{} WHERE hour = ?{}", table,
                    conditions_of(choice))};
    std::vector<std::int64_t> quota;
    for (const auto hour : hours) {
        query.reset();
        query.bind(1, hour);
        query.executeStep();
        quota.push_back(query.getColumn(0).getInt64());
    }
    return quota;
}

std::vector<std::int64_t> RollupReader::same_hour(const TrafficOf& of, base::Second t,
                                                  int days) const {
    if (!choice_of(of)) return {};
    SQLite::Statement query{database_.handle(), "SELECT min(hour) FROM hour_group"};
    query.executeStep();
    if (query.getColumn(0).isNull()) return {};
    const auto first = query.getColumn(0).getInt64();  // which may have begun before the rows
    std::vector<std::int64_t> hours;
    for (int day = 1; day <= days; ++day) {
        const auto hour = base::unix_seconds(t) / kHour - 24L * day;
        if (hour > first) hours.push_back(hour);
    }
    return quota_of(of, hours);
}

std::int64_t RollupReader::of_channel(std::int64_t channel, base::Second from,
                                      base::Second until) const {
    std::vector<std::int64_t> hours;
    for (auto hour = base::unix_seconds(from) / kHour; hour < base::unix_seconds(until) / kHour;
         ++hour)
        hours.push_back(hour);
    TrafficOf of;
    of.channel = channel;
    std::int64_t quota = 0;
    for (const auto one : quota_of(of, hours)) quota += one;
    return quota;
}

Traffic RollupReader::total(const LocalDays& days) const {
    // Every counted row is in each of the tables; this one is the smallest.
    SQLite::Statement query{database_.handle(),
                            fmt::format("SELECT {} FROM {}", kTrafficSums, rows_of_days("group"))};
    bind_days(query, days);
    query.executeStep();
    return traffic_at(query, 0);
}

std::vector<ObjectTraffic> RollupReader::largest(RollupBy by, const LocalDays& days,
                                                 int most) const {
    const auto columns = columns_of(by);
    SQLite::Statement query{
        database_.handle(),
        fmt::format("SELECT {}, {}, {}, {} FROM {} GROUP BY {} ORDER BY 8 DESC, 4 DESC, 1, 2 "
                    "LIMIT ?5",
                    columns.id, columns.text, columns.owner, kTrafficSums,
                    rows_of_days(columns.table), columns.group_by)};
    bind_days(query, days);
    query.bind(5, most);
    std::vector<ObjectTraffic> objects;
    while (query.executeStep()) {
        objects.push_back({query.getColumn(0).getInt64(), query.getColumn(1).getInt(),
                           query.getColumn(2).getInt64(), traffic_at(query, 3)});
    }
    return objects;
}

Traffic RollupReader::traffic_of(RollupBy by, const ObjectTraffic& object,
                                 const LocalDays& days) const {
    SQLite::Statement query{database_.handle(),
                            fmt::format("SELECT {} FROM {} WHERE {}", kTrafficSums,
                                        rows_of_days(columns_of(by).table), where_of(by, object))};
    bind_days(query, days);
    query.executeStep();
    return traffic_at(query, 0);
}

std::optional<std::int64_t> RollupReader::first_day() const {
    SQLite::Statement query{database_.handle(), "SELECT min(day) FROM day_group"};
    query.executeStep();
    if (query.getColumn(0).isNull()) return std::nullopt;
    return query.getColumn(0).getInt64();
}

}  // namespace quotafuse::sync
