#include "sync/gateway_info.h"

#include <charconv>

#include "base/text.h"

namespace quotafuse::sync {
namespace {

constexpr std::size_t kSlice = 1000;

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

}  // namespace

OptionValue read_option(GatewaySession& session, const std::string& database,
                        const std::string& key) {
    const auto ask = [&](const std::string& table) -> OptionValue {
        const auto rows = session.query("SELECT `value` FROM " + table + " WHERE `key` = ?", {key});
        if (rows.empty()) return {true, std::nullopt};
        return {true, rows[0][0]};
    };
    const auto refused = [](const GatewayError& e) {
        return e.kind() == GatewayError::Kind::denied || e.kind() == GatewayError::Kind::schema ||
               e.kind() == GatewayError::Kind::rejected;
    };
    if (session.kind() == Dsn::Kind::mysql) {
        // The view first: an account that follows `quotafuse grants` may read nothing else.
        try {
            return ask("`quotafuse`.`" + database + "_options`");
        } catch (const GatewayError& e) {
            if (!refused(e)) throw;
        }
    }
    try {
        return ask("`options`");
    } catch (const GatewayError& e) {
        if (!refused(e)) throw;
        return {false, std::nullopt};
    }
}

GatewayInfo read_gateway_info(GatewaySession& session, const std::string& database) {
    GatewayInfo info;
    info.channels = read_channels(session);
    const auto unit = read_option(session, database, "QuotaPerUnit");
    if (unit.value) {
        double value = 0;
        std::from_chars(unit.value->data(), unit.value->data() + unit.value->size(), value);
        if (value > 0) info.quota_per_unit = value;
    }
    const auto enable = read_option(session, database, "AutomaticEnableChannelEnabled");
    // Only options that an administrator ever saved have a row; the gateway's default is off.
    if (enable.readable) info.auto_enable = enable.value && is_true(*enable.value);
    return info;
}

}  // namespace quotafuse::sync
