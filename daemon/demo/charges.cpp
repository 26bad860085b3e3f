#include "daemon/demo/charges.h"

#include <algorithm>
#include <map>
#include <vector>

#include "daemon/demo/transaction.h"

namespace quotafuse::demo {
namespace {

struct Use {
    std::int64_t quota = 0;
    std::int64_t requests = 0;
    std::int64_t last = 0;  // unix seconds
};

using Uses = std::map<std::int64_t, Use>;  // by id

void add(Uses& uses, const std::optional<std::int64_t>& id, const LogInsert& row) {
    if (id.value_or(0) == 0) return;
    const bool is_refund = row.type == log_type::kRefund;
    auto& use = uses[*id];
    use.quota += row.quota.value_or(0) * (is_refund ? -1 : 1);
    if (!is_refund) ++use.requests;
    use.last = std::max(use.last, row.created_at.value_or(0));
}

}  // namespace

void charge(sync::GatewaySession& session, std::span<const LogInsert> rows) {
    Uses keys;
    Uses users;
    Uses channels;
    for (const auto& row : rows) {
        if (row.type != log_type::kConsume && row.type != log_type::kRefund) continue;
        add(keys, row.token_id, row);
        add(users, row.user_id, row);
        add(channels, row.channel_id, row);
    }
    Transaction transaction{session};
    for (const auto& [id, use] : keys)
        session.execute(
            "UPDATE `tokens` SET `remain_quota` = `remain_quota` - ?, `used_quota` = `used_quota` "
            "+ ?, `accessed_time` = ? WHERE `id` = ?",
            {use.quota, use.quota, use.last, id});
    for (const auto& [id, use] : users)
        session.execute(
            "UPDATE `users` SET `quota` = `quota` - ?, `used_quota` = `used_quota` + ?, "
            "`request_count` = `request_count` + ? WHERE `id` = ?",
            {use.quota, use.quota, use.requests, id});
    for (const auto& [id, use] : channels)
        session.execute("UPDATE `channels` SET `used_quota` = `used_quota` + ? WHERE `id` = ?",
                        {use.quota, id});
    transaction.commit();
}

}  // namespace quotafuse::demo
