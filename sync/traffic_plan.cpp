#include "sync/traffic_plan.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <initializer_list>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace quotafuse::sync {
namespace {

/// Columns of rollups, as bits of a set.
enum Column : unsigned {
    kChannel = 1,
    kModel = 2,
    kToken = 4,  // with its name
    kUser = 8,
    kGroup = 16,
    kRoute = 32,
    kIp = 64,
    kStatus = 128,
    kCode = 256,
    kTimes = 512,
    kUsername = 1024,
    kOfRows = 2048,  // in no rollup
};

struct Known {
    TrafficTable table;
    unsigned columns;
};

// The smallest first.
constexpr std::array<Known, 9> kTables{{
    {{"group", "group", false}, kGroup},
    {{"route", "route", false}, kRoute},
    {{"channel", "channel_model", false}, kChannel | kTimes},
    {{"model", "channel_model", false}, kModel | kTimes},
    {{"user", "user", false}, kUser | kUsername},
    {{"error", "error", true}, kChannel | kStatus | kCode},
    {{"token", "token", false}, kToken | kUser},
    {{"ip", "ip", true}, kIp},
    {{"channel_model", "channel_model", false}, kChannel | kModel | kTimes},
}};

unsigned columns_by(TrafficBy by) {
    switch (by) {
        case TrafficBy::all:
            return 0;
        case TrafficBy::channel:
            return kChannel;
        case TrafficBy::model:
            return kModel;
        case TrafficBy::channel_model:
            return kChannel | kModel;
        case TrafficBy::token:
            return kToken;
        case TrafficBy::user:
            return kUser | kUsername;
        case TrafficBy::group:
            return kGroup;
        case TrafficBy::route:
            return kRoute;
        case TrafficBy::ip:
            return kIp;
        case TrafficBy::status:
            return kStatus;
        case TrafficBy::error:
            return kStatus | kCode;
        case TrafficBy::channel_error:
            return kChannel | kStatus | kCode;
    }
    std::abort();
}

unsigned columns_in(const TrafficFilter& filter) {
    unsigned columns = 0;
    const auto add = [&](const auto& value, unsigned column) {
        if (value) columns |= column;
    };
    add(filter.channel, kChannel);
    add(filter.channels, kChannel);
    add(filter.model, kModel);
    add(filter.token, kToken);
    add(filter.token_name, kToken);
    add(filter.user, kUser);
    add(filter.group, kGroup);
    add(filter.route, kRoute);
    add(filter.ip, kIp);
    add(filter.status, kStatus);
    add(filter.error_code, kCode);
    add(filter.kind, kOfRows);
    add(filter.least_latency_ms, kOfRows);
    return columns;
}

template <class Value>
bool differs(const std::optional<Value>& wanted, std::int64_t found) {
    return wanted && *wanted != found;
}

}  // namespace

bool TrafficFilter::matches(const Row& row) const {
    if (channels && std::find(channels->begin(), channels->end(), row.channel) == channels->end())
        return false;
    if (kind && row.kind != *kind) return false;
    if (least_latency_ms && row.latency_ms < *least_latency_ms) return false;
    return !(differs(channel, row.channel) || differs(model, row.model) ||
             differs(token, row.token) || differs(token_name, row.token_name) ||
             differs(user, row.user) || differs(group, row.group) || differs(route, row.route) ||
             differs(ip, row.ip) || differs(status, row.status) ||
             differs(error_code, row.error_code));
}

void TrafficSums::add(const TrafficSums& other) {
    answers += other.answers;
    errors += other.errors;
    client_errors += other.client_errors;
    prompt_tokens += other.prompt_tokens;
    completion_tokens += other.completion_tokens;
    cache_tokens += other.cache_tokens;
    quota += other.quota;
    refund += other.refund;
    empty_replies += other.empty_replies;
    latency_total += other.latency_total;
    first_token_total += other.first_token_total;
    if (!other.latency.empty()) latency.merge(other.latency);
    if (!other.first_token.empty()) first_token.merge(other.first_token);
}

std::optional<TrafficTable> table_for(const TrafficQuestion& question) {
    const auto wanted = columns_by(question.by) | columns_in(question.of) |
                        (question.times ? static_cast<unsigned>(kTimes) : 0U);
    const auto found = std::find_if(kTables.begin(), kTables.end(), [&](const Known& known) {
        return (known.columns & wanted) == wanted;
    });
    return found == kTables.end() ? std::nullopt : std::optional{found->table};
}

TrafficColumns columns_of(TrafficBy by) {
    switch (by) {
        case TrafficBy::all:
            return {"0", "0", "0", ""};
        case TrafficBy::channel:
            return {"channel", "0", "0", "channel"};
        case TrafficBy::model:
            return {"0", "model", "0", "model"};
        case TrafficBy::channel_model:
            return {"channel", "model", "0", "channel, model"};
        case TrafficBy::token:
            // One without an id is known by its owner and name; the name of one with an id may
            // change.
            return {"token", "max(token_name)", "max(user)",
                    "token, iif(token = 0, user, 0), iif(token = 0, token_name, 0)"};
        case TrafficBy::user:
            return {"user", "max(username)", "0", "user"};
        case TrafficBy::group:
            return {"0", "grp", "0", "grp"};
        case TrafficBy::route:
            return {"0", "route", "0", "route"};
        case TrafficBy::ip:
            return {"ip", "0", "0", "ip"};
        case TrafficBy::status:
            return {"status", "0", "0", "status"};
        case TrafficBy::error:
            return {"status", "code", "0", "status, code"};
        case TrafficBy::channel_error:
            return {"status", "code", "channel", "status, code, channel"};
    }
    std::abort();
}

std::string conditions_of(const TrafficFilter& filter) {
    std::string text;
    const auto add = [&](const char* column, const auto& value) {
        if (value) text += fmt::format(" AND {} = {}", column, *value);
    };
    add("channel", filter.channel);
    if (filter.channels)
        text += fmt::format(" AND channel IN ({})", fmt::join(*filter.channels, ", "));
    add("model", filter.model);
    add("token", filter.token);
    add("token_name", filter.token_name);
    add("user", filter.user);
    add("grp", filter.group);
    add("route", filter.route);
    add("ip", filter.ip);
    add("status", filter.status);
    add("code", filter.error_code);
    return text;
}

TrafficCell cell_of(TrafficBy by, const Row& row) {
    TrafficCell cell;
    switch (by) {
        case TrafficBy::all:
            break;
        case TrafficBy::channel:
            cell.id = row.channel;
            break;
        case TrafficBy::model:
            cell.text = row.model;
            break;
        case TrafficBy::channel_model:
            cell.id = row.channel;
            cell.text = row.model;
            break;
        case TrafficBy::token:
            cell.id = row.token;
            cell.text = row.token_name;
            cell.owner = row.user;
            break;
        case TrafficBy::user:
            cell.id = row.user;
            cell.text = row.username;
            break;
        case TrafficBy::group:
            cell.text = row.group;
            break;
        case TrafficBy::route:
            cell.text = row.route;
            break;
        case TrafficBy::ip:
            cell.id = row.ip;
            break;
        case TrafficBy::status:
            cell.id = row.status;
            break;
        case TrafficBy::error:
            cell.id = row.status;
            cell.text = row.error_code;
            break;
        case TrafficBy::channel_error:
            cell.id = row.status;
            cell.text = row.error_code;
            cell.owner = row.channel;
            break;
    }
    return cell;
}

}  // namespace quotafuse::sync
