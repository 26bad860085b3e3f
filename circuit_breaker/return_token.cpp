#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "circuit_breaker/ownership.h"
#include "circuit_breaker/rank_tables.h"
#include "circuit_breaker/return_target.h"

namespace quotafuse::circuit_breaker {
namespace {

using Kind = ReturnResult::Kind;

class TokenReturn final : public ReturnTarget {
public:
    explicit TokenReturn(const ReturnCase& order)
        : order_(order), circuit_(order.request.circuit) {}

    std::optional<ReturnResult> judge(Lock lock) override;
    bool write() override;
    bool stands_as_written() override;
    ReturnResult success(Kind kind) const override;

private:
    struct Key {
        std::int64_t id = 0;
        int status = 0;
    };
    /// One API may know a key by its owner and name only; then there may be several.
    std::vector<Key> read(Lock lock);

    const ReturnCase order_;
    const Circuit& circuit_;
    Key key_;
};

std::vector<TokenReturn::Key> TokenReturn::read(Lock lock) {
    const auto& target = circuit_.target;
    const bool mysql = order_.session.kind() == sync::Dsn::Kind::mysql;
    const auto statement =
        fmt::format("SELECT `id`, `status` FROM `tokens` WHERE {}{}{}",
                    target.token != 0 ? "`id` = ?" : "`user_id` = ? AND `name` = ?",
                    circuit_.gateway == sync::Gateway::new_api ? " AND `deleted_at` IS NULL" : "",
                    lock == Lock::yes && mysql ? " FOR UPDATE" : "");
    std::vector<sync::Argument> arguments{target.token};
    if (target.token == 0) arguments = {target.user, target.token_name};
    std::vector<Key> keys;
    for (const auto& row : order_.session.query(statement, arguments)) {
        keys.push_back({.id = stored_number(row[0]).value_or(0),
                        .status = static_cast<int>(stored_number(row[1]).value_or(0))});
    }
    return keys;
}

std::optional<ReturnResult> TokenReturn::judge(Lock /*lock*/) {
    // Without a lock: one statement writes, and it compares.
    const auto keys = read(Lock::no);
    if (keys.size() > 1) {
        const auto count = static_cast<std::int64_t>(keys.size());
        return make_result(order_.request, Kind::refused,
                           {.kind = TripCause::Kind::no_key_id, .count = count});
    }
    const auto status = keys.empty() ? std::nullopt : std::optional{keys.front().status};
    const auto change = change_of_token(status);
    if (change == Change::enabled && order_.request.resumed) return success(Kind::done);
    if (change != Change::none) return make_theirs(order_.request, change);
    key_ = keys.front();
    if (key_.status != kDisabledByHand) {
        // Expired, or used up: it would be of no use, and it is not what we wrote.
        return make_result(order_.request, Kind::refused,
                           {.kind = TripCause::Kind::was_off, .count = key_.status});
    }
    return {};
}

bool TokenReturn::write() {
    const std::int64_t from = kDisabledByHand;
    const std::int64_t to = kEnabled;
    return order_.session.execute(
               fmt::format(
                   "UPDATE `tokens` SET `status` = ? WHERE `id` = ? AND `status` = ?{}",
                   circuit_.gateway == sync::Gateway::new_api ? " AND `deleted_at` IS NULL" : ""),
               {to, key_.id, from}) > 0;
}

bool TokenReturn::stands_as_written() {
    const auto keys = read(Lock::yes);
    return keys.size() == 1 && keys.front().status == kEnabled;
}

ReturnResult TokenReturn::success(Kind kind) const {
    auto result = make_result(order_.request, kind);
    if (kind == Kind::done) result.after = nlohmann::json{{"status", kEnabled}}.dump();
    return result;
}

}  // namespace

std::unique_ptr<ReturnTarget> return_token(const ReturnCase& order) {
    return std::make_unique<TokenReturn>(order);
}

}  // namespace quotafuse::circuit_breaker
