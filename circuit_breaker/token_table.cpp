#include "circuit_breaker/token_table.h"

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sync/cells.h"

namespace quotafuse::circuit_breaker {

std::vector<TokenRow> TokenTable::query(const std::string& which,
                                        const std::vector<sync::Argument>& arguments, Lock lock) {
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

std::vector<TokenRow> TokenTable::find(const Target& target, Lock lock) {
    if (target.token != 0) return query("`id` = ?", {target.token}, lock);
    // New API logs the id of every key: without one there is no key behind the rows.
    if (new_api_ || target.token_name.empty()) return {};
    return query("`user_id` = ? AND " + same_bytes(session_, "name"),
                 {target.user, target.token_name}, lock);
}

std::map<std::int64_t, TokenRow> TokenTable::read(const std::vector<std::int64_t>& tokens) {
    std::map<std::int64_t, TokenRow> found;
    in_slices(tokens, kMostIds, [&](const auto& ids) {
        for (auto& row : query(fmt::format("`id` IN ({})", fmt::join(ids, ",")), {}, Lock::no))
            found.emplace(row.id, std::move(row));
    });
    return found;
}

bool TokenTable::set_status(std::int64_t token, int before, int after) {
    return session_.execute(
               fmt::format("UPDATE `tokens` SET `status` = ? WHERE `id` = ? AND `status` = ?{}",
                           not_deleted()),
               {std::int64_t{after}, token, std::int64_t{before}}) > 0;
}

}  // namespace quotafuse::circuit_breaker
