#include <string>
#include <vector>

#include <fmt/format.h>

#include "sync/cells.h"
#include "sync/info_reader.h"

// What the reader asks of the gateway's keys and users.

namespace quotafuse::sync {

void InfoReader::read_tokens() {
    if (tokens_.done) return;
    std::vector<std::string> columns{"id",         "user_id",      "name",
                                     "status",     "remain_quota", "unlimited_quota",
                                     "used_quota", "expired_time"};
    // One API deletes its keys, New API marks them.
    const bool marks = info_.gateway == Gateway::new_api || has_column("tokens", "deleted_at");
    if (marks) columns.emplace_back("deleted_at");
    if (!may_read("tokens", "tokens", columns)) return;
    const auto rows = read_slice(
        "tokens",
        fmt::format("`user_id`, `name`, `status`, `remain_quota`, `unlimited_quota`, `used_quota`, "
                    "`expired_time`, {}",
                    marks ? "`deleted_at` IS NOT NULL" : "0"),
        tokens_, info_.tokens_covered);
    faults_.note_read("tokens");
    for (const auto& row : rows) {
        if (to_integer(row[8]) != 0) continue;
        auto& token = info_.tokens[to_integer(row[0])];
        token.user = to_integer(row[1]);
        token.name = to_text(row[2]);
        token.status = static_cast<int>(to_integer(row[3]));
        if (to_integer(row[5]) == 0) token.remaining = to_integer(row[4]);
        token.used = to_integer(row[6]);
        token.expires_at = to_time(row[7]);
    }
}

void InfoReader::read_users() {
    if (users_.done) return;
    std::vector<std::string> columns{"id", "username", "group", "status", "quota", "used_quota"};
    const bool marks = info_.gateway == Gateway::new_api || has_column("users", "deleted_at");
    if (marks) columns.emplace_back("deleted_at");
    if (!may_read("users", "users", columns)) return;
    const auto rows =
        read_slice("users",
                   fmt::format("`username`, `group`, `status`, `quota`, `used_quota`, {}",
                               marks ? "`deleted_at` IS NOT NULL" : "0"),
                   users_, info_.users_covered);
    faults_.note_read("users");
    for (const auto& row : rows) {
        if (to_integer(row[6]) != 0) continue;
        info_.users[to_integer(row[0])] = {to_text(row[1]), to_text(row[2]),
                                           static_cast<int>(to_integer(row[3])), to_integer(row[4]),
                                           to_integer(row[5])};
    }
}

}  // namespace quotafuse::sync
