#include <algorithm>
#include <utility>

#include "base/text.h"
#include "circuit_breaker/images.h"
#include "circuit_breaker/token_table.h"
#include "circuit_breaker/trip_steps.h"

namespace quotafuse::circuit_breaker {
namespace {

using Kind = TripResult::Kind;

/// An API key. It has no mark: the audit tells whose doing a status 2 is.
class TokenTrip final : public TripSteps {
public:
    TokenTrip(sync::GatewaySession& session, const TripRequest& request, const Guard& guard)
        : TripSteps(session, request), guard_(guard), tokens_(session, request.gateway) {}

    std::optional<TripResult> judge(Lock lock) override {
        const auto row = find(lock);
        if (!row) return not_found();
        if (request_.resumed && row->status == kKeyDisabled) return done();
        if (row->status != kKeyEnabled)
            return result(Kind::already_off, {TripCause::Kind::was_off, row->status});
        const bool is_protected = std::ranges::count(guard_.protected_users, row->user) > 0 ||
                                  std::ranges::count(guard_.protected_tokens, row->id) > 0;
        if (is_protected) return result(Kind::refused, {TripCause::Kind::is_protected});
        return {};
    }

    bool write() override {
        return tokens_.set_status(request_.target.token, kKeyEnabled, kKeyDisabled);
    }

    std::optional<TripResult> done_before(Lock lock, bool resumed) override {
        const auto row = find(lock);
        if (!row || !resumed || row->status != kKeyDisabled) return {};
        return done();
    }

    TripResult confirm() override {
        try {
            const auto row = find(Lock::yes);  // after what waited for our lock to end
            if (!row) return result(Kind::lost_race, {TripCause::Kind::no_channel});
            if (row->status == kKeyEnabled)
                return result(Kind::lost_race, {TripCause::Kind::enabled_again});
            if (row->status != kKeyDisabled)
                return result(Kind::lost_race, {TripCause::Kind::was_off, row->status});
            return success(Kind::tripped);
        } catch (const sync::GatewayError&) {
            // The commit was answered: it is off. There is nothing to undo, so nothing to know.
            return success(Kind::tripped);
        }
    }

    TripResult success(Kind kind) override {
        auto made = result(kind, {});
        made.status_written = kKeyDisabled;
        made.before = token_image(kKeyEnabled);
        if (kind == Kind::tripped) made.after = token_image(kKeyDisabled);
        return made;
    }

private:
    /// The one row of the target, whose id is then known. `same_name_`: of how many it may be one.
    std::optional<TokenRow> find(Lock lock) {
        auto rows = tokens_.find(request_.target, lock);
        same_name_ = rows.size();
        if (rows.size() != 1) return {};
        request_.target.token = rows.front().id;
        request_.target.user = rows.front().user;
        name_ = base::valid_utf8(rows.front().name);
        return std::move(rows.front());
    }

    TripResult not_found() const {
        if (same_name_ > 1)
            return result(Kind::refused,
                          {TripCause::Kind::no_key_id, static_cast<std::int64_t>(same_name_)});
        return result(Kind::refused, {TripCause::Kind::no_channel});
    }

    TripResult done() const {
        auto made = result(Kind::tripped, {});
        made.status_written = kKeyDisabled;
        made.after = token_image(kKeyDisabled);
        return made;
    }

    const Guard& guard_;
    TokenTable tokens_;
    std::size_t same_name_ = 0;
};

}  // namespace

std::unique_ptr<TripSteps> make_token_trip(sync::GatewaySession& session,
                                           const TripRequest& request, const Guard& guard) {
    return std::make_unique<TokenTrip>(session, request, guard);
}

}  // namespace quotafuse::circuit_breaker
