#include "sync/gateway_info.h"

#include <limits>

#include "sync/gateway_options.h"
#include "sync/info_reader.h"

namespace quotafuse::sync {

bool is_refused(const GatewayError& error) {
    return error.kind() == GatewayError::Kind::denied ||
           error.kind() == GatewayError::Kind::schema ||
           error.kind() == GatewayError::Kind::rejected;
}

std::string options_view(const std::string& database) {
    return "`quotafuse`.`" + database + "_options`";
}

std::string token_masks_view(const std::string& database) {
    return "`quotafuse`.`" + database + "_token_masks`";
}

std::optional<Options> ask_options(GatewaySession& session, const std::string& table,
                                   const std::vector<std::string>& keys) {
    auto statement = "SELECT `key`, `value` FROM " + table + " WHERE `key` IN (?";
    for (std::size_t i = 1; i < keys.size(); ++i) statement += ", ?";
    try {
        Options options;
        for (const auto& row : session.query(statement + ")", {keys.begin(), keys.end()})) {
            options[row[0].value_or("")] = row[1].value_or("");
        }
        return options;
    } catch (const GatewayError& e) {
        if (!is_refused(e)) throw;
        return std::nullopt;
    }
}

OptionValue read_option(GatewaySession& session, const std::string& database,
                        const std::string& key) {
    std::optional<Options> options;
    // The view first: an account that follows `quotafuse grants` may read nothing else.
    if (session.kind() == Dsn::Kind::mysql)
        options = ask_options(session, options_view(database), {key});
    if (!options) options = ask_options(session, kOptionsTable, {key});
    if (!options) return {false, std::nullopt};
    const auto at = options->find(key);
    return {true, at == options->end() ? std::nullopt : std::optional{at->second}};
}

GatewayInfo read_gateway_info(GatewaySession& session, const std::string& database) {
    return InfoReader{session, database, {}, std::numeric_limits<int>::max()}.read();
}

}  // namespace quotafuse::sync
