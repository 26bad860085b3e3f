#pragma once

#include <string>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

namespace quotafuse::tests {

/// Where the hours of a store are not what its rows add up to, in words; empty when all are equal.
/// Days are left out: they have closed hours only. For a store that deleted nothing yet.
inline std::string rollup_differences(SQLite::Database& store) {
    // Kinds: 1 an answer, 2 a failed attempt, 3 money given back. The gateway's own channel tests
    // (bit 2 of the flags) are no requests, but they are billed.
    const auto rows = [](const std::string& keys) {
        return fmt::format(
            "SELECT * FROM (SELECT created_at / 3600 {0}, sum(kind = 1 AND NOT flags & 2) a, "
            "sum(kind = 2 AND NOT flags & 2) e, "
            "sum(iif(kind = 1, prompt_tokens, 0)) p, sum(iif(kind = 1, completion_tokens, 0)) c, "
            "sum(iif(kind = 1, quota, 0)) q, sum(iif(kind = 3, quota, 0)) r FROM log "
            "GROUP BY created_at / 3600 {0}) "
            "WHERE a OR e OR p OR c OR q OR r",
            keys);
    };
    const auto hours = [](const std::string& table, const std::string& keys) {
        return fmt::format(
            "SELECT * FROM (SELECT hour {1}, sum(answers) a, sum(errors + client_errors) e, "
            "sum(prompt_tokens) p, sum(completion_tokens) c, sum(quota) q, sum(refund) r "
            "FROM hour_{0} GROUP BY hour {1}) WHERE a OR e OR p OR c OR q OR r",
            table, keys);
    };
    std::string result;
    const auto compare = [&](const std::string& table, const std::string& keys) {
        const auto expected = rows(keys);
        const auto found = hours(table, keys);
        SQLite::Statement differ{store,
                                 fmt::format("SELECT (SELECT count(*) FROM ({0} EXCEPT {1})), "
                                             "(SELECT count(*) FROM ({1} EXCEPT {0}))",
                                             expected, found)};
        differ.executeStep();
        const auto missing = differ.getColumn(0).getInt64();
        const auto wrong = differ.getColumn(1).getInt64();
        if (missing + wrong > 0)
            result += fmt::format("hour_{}: {} missing, {} wrong; ", table, missing, wrong);
    };
    compare("channel_model", ", channel, model");
    compare("token", ", token, user, token_name");
    compare("user", ", user, username");
    compare("group", ", grp");
    compare("route", ", route");
    return result;
}

}  // namespace quotafuse::tests
