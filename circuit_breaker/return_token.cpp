#include <utility>

#include "circuit_breaker/images.h"
#include "circuit_breaker/ownership.h"
#include "circuit_breaker/return_target.h"
#include "circuit_breaker/token_table.h"

namespace quotafuse::circuit_breaker {
namespace {

using Kind = ReturnResult::Kind;

class TokenReturn final : public ReturnTarget {
public:
    explicit TokenReturn(const ReturnCase& order)
        : order_(order),
          circuit_(order.request.circuit),
          tokens_(order.session, circuit_.gateway) {}

    std::optional<ReturnResult> judge(Lock lock) override;
    bool write() override { return tokens_.set_status(key_.id, kKeyDisabled, kKeyEnabled); }
    bool stands_as_written() override;
    ReturnResult success(Kind kind) const override;

private:
    const ReturnCase order_;
    const Circuit& circuit_;
    TokenTable tokens_;
    TokenRow key_{};
};

std::optional<ReturnResult> TokenReturn::judge(Lock /*lock*/) {
    // Without a lock: one statement writes, and it compares.
    auto keys = tokens_.find(circuit_.target, Lock::no);
    // Only what is unsure may have no id: its trip never came to read it.
    if (keys.size() > 1) {
        const auto count = static_cast<std::int64_t>(keys.size());
        return make_result(order_.request, Kind::refused,
                           {.kind = TripCause::Kind::no_key_id, .count = count});
    }
    const auto status = keys.empty() ? std::nullopt : std::optional{keys.front().status};
    const auto change = change_of_token(status);
    if (change == Change::enabled && order_.request.resumed) return success(Kind::done);
    if (change != Change::none) return make_theirs(order_.request, change);
    key_ = std::move(keys.front());
    if (key_.status != kKeyDisabled) {
        // Expired, or used up: it would be of no use, and it is not what we wrote.
        return make_result(order_.request, Kind::refused,
                           {.kind = TripCause::Kind::was_off, .count = key_.status});
    }
    return {};
}

bool TokenReturn::stands_as_written() {
    const auto keys = tokens_.find(Target::of_token(key_.id), Lock::yes);
    return !keys.empty() && keys.front().status == kKeyEnabled;
}

ReturnResult TokenReturn::success(Kind kind) const {
    auto result = make_result(order_.request, kind);
    if (kind == Kind::done) result.after = token_image(kKeyEnabled);
    return result;
}

}  // namespace

std::unique_ptr<ReturnTarget> return_token(const ReturnCase& order) {
    return std::make_unique<TokenReturn>(order);
}

}  // namespace quotafuse::circuit_breaker
