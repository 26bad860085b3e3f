#include "sync/gateway_info.h"

#include <charconv>

#include "base/text.h"

namespace quotafuse::sync {
namespace {

constexpr std::size_t kSlice = 1000;
constexpr auto kQuotaPerUnit = "QuotaPerUnit";
constexpr auto kAutoEnable = "AutomaticEnableChannelEnabled";

std::int64_t to_integer(const Cell& cell) {
    std::int64_t value = 0;
    if (cell) std::from_chars(cell->data(), cell->data() + cell->size(), value);
    return value;
}

std::map<std::int64_t, Channel> read_channels(GatewaySession& session) {
    std::map<std::int64_t, Channel> channels;
    std::int64_t last = 0;
    for (;;) {
        const auto rows = session.query(
            "SELECT `id`, `name`, `type`, `status` FROM `channels` WHERE `id` > ? ORDER BY `id` "
            "LIMIT ?",
            {last, static_cast<std::int64_t>(kSlice)});
        for (const auto& row : rows) {
            last = to_integer(row[0]);
            channels[last] = {base::valid_utf8(row[1].value_or("")),
                              static_cast<int>(to_integer(row[2])),
                              static_cast<int>(to_integer(row[3]))};
        }
        if (rows.size() < kSlice) return channels;
    }
}

/// Whether the gateway's own spelling of a boolean option means yes.
bool is_true(const std::string& value) {
    return value == "true" || value == "1";
}

using Options = std::map<std::string, std::string>;

bool is_refused(const GatewayError& e) {
    return e.kind() == GatewayError::Kind::denied || e.kind() == GatewayError::Kind::schema ||
           e.kind() == GatewayError::Kind::rejected;
}

/// Those of the keys that were ever saved; empty when none may be read.
std::optional<Options> read_options(GatewaySession& session, const std::string& database,
                                    const std::vector<std::string>& keys) {
    const auto ask = [&](const std::string& table) {
        auto statement = "SELECT `key`, `value` FROM " + table + " WHERE `key` IN (?";
        for (std::size_t i = 1; i < keys.size(); ++i) statement += ", ?";
        Options options;
        for (const auto& row : session.query(statement + ")", {keys.begin(), keys.end()})) {
            options[row[0].value_or("")] = row[1].value_or("");
        }
        return options;
    };
    if (session.kind() == Dsn::Kind::mysql) {
        // The view first: an account that follows `quotafuse grants` may read nothing else.
        try {
            return ask("`quotafuse`.`" + database + "_options`");
        } catch (const GatewayError& e) {
            if (!is_refused(e)) throw;
        }
    }
    try {
        return ask("`options`");
    } catch (const GatewayError& e) {
        if (!is_refused(e)) throw;
        return std::nullopt;
    }
}

std::optional<std::string> find(const Options& options, const std::string& key) {
    const auto at = options.find(key);
    return at == options.end() ? std::nullopt : std::optional{at->second};
}

void apply_options(const Options& options, GatewayInfo& info) {
    if (const auto unit = find(options, kQuotaPerUnit)) {
        double value = 0;
        std::from_chars(unit->data(), unit->data() + unit->size(), value);
        if (value > 0) info.quota_per_unit = value;
    }
    // Only options that an administrator ever saved have a row; the gateway's default is off.
    const auto enable = find(options, kAutoEnable);
    info.auto_enable = enable && is_true(*enable);
}

bool is_read_only(GatewaySession& session) {
    if (session.kind() == Dsn::Kind::sqlite) return false;
    // MariaDB 12 knows more values than ON, and MySQL and MariaDB not the same variables.
    const auto rows = session.query(
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN "
        "('read_only', 'super_read_only', 'innodb_read_only') AND Value NOT IN ('OFF', '0')");
    return !rows.empty();
}

std::optional<std::int64_t> read_requests(GatewaySession& session) {
    try {
        const auto rows = session.query(
            "SELECT SUM(`request_count`) FROM "
            "(SELECT `request_count` FROM `users` ORDER BY `id` LIMIT ?) AS `first_users`",
            {static_cast<std::int64_t>(kSlice)});
        return rows.empty() ? 0 : to_integer(rows[0][0]);
    } catch (const GatewayError& e) {
        if (!is_refused(e)) throw;
        return std::nullopt;
    }
}

}  // namespace

OptionValue read_option(GatewaySession& session, const std::string& database,
                        const std::string& key) {
    const auto options = read_options(session, database, {key});
    if (!options) return {false, std::nullopt};
    return {true, find(*options, key)};
}

GatewayInfo read_gateway_info(GatewaySession& session, const std::string& database) {
    GatewayInfo info;
    info.channels = read_channels(session);
    if (const auto options = read_options(session, database, {kQuotaPerUnit, kAutoEnable})) {
        apply_options(*options, info);
    }
    info.read_only = is_read_only(session);
    info.requests = read_requests(session);
    return info;
}

}  // namespace quotafuse::sync
