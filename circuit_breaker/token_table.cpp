#include "circuit_breaker/token_table.h"

#include <fmt/format.h>

#include "sync/cells.h"

namespace quotafuse::circuit_breaker {

std::vector<TokenRow> TokenTable::find(const Target& target, Lock lock) {
    const bool by_id = target.token != 0;
    // New API logs the id of every key: without one there is no key behind the rows.
    if (!by_id && (new_api_ || target.token_name.empty())) return {};
    const auto which = by_id ? "`id` = ?" : "`user_id` = ? AND " + same_bytes(session_, "name");
    std::vector<sync::Argument> arguments{by_id ? target.token : target.user};
    if (!by_id) arguments.emplace_back(target.token_name);
    std::vector<TokenRow> found;
    for (const auto& row : session_.query(
             fmt::format("SELECT `id`, `name`, `status`, `user_id` FROM `tokens` WHERE {}{}{}",
                         which, not_deleted(), locking(session_, lock)),
             arguments)) {
        found.push_back({.id = sync::to_integer(row[0]),
                         .name = row[1].value_or(""),
                         .status = static_cast<int>(sync::to_integer(row[2])),
                         .user = sync::to_integer(row[3])});
    }
    return found;
}

bool TokenTable::set_status(std::int64_t token, int before, int after) {
    return session_.execute(
               fmt::format("UPDATE `tokens` SET `status` = ? WHERE `id` = ? AND `status` = ?{}",
                           not_deleted()),
               {std::int64_t{after}, token, std::int64_t{before}}) > 0;
}

}  // namespace quotafuse::circuit_breaker
