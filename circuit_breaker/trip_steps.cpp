#include "circuit_breaker/trip_steps.h"

#include <utility>

#include "circuit_breaker/write_transaction.h"

namespace quotafuse::circuit_breaker {
namespace {

using Kind = TripResult::Kind;
using sync::GatewayError;

/// Asks under a lock: a commit that is still on its way at the server is then over.
std::optional<TripResult> ask_after_lost_commit(sync::GatewaySession& session, TripSteps& steps) {
    for (int tries = 1;; ++tries) {
        try {
            limit_lock_waits(session);  // this is another connection
            return steps.done_before(Lock::yes, true);
        } catch (const GatewayError& e) {
            if (e.kind() != GatewayError::Kind::locked || tries == kTries) throw;
        }
    }
}

TripResult after_lost_commit(sync::GatewaySession& session, TripSteps& steps,
                             const GatewayError& e) {
    try {
        if (ask_after_lost_commit(session, steps)) return steps.confirm();
        return failure(steps.request(), e);
    } catch (const GatewayError& second) {
        auto unknown = steps.success(Kind::unknown);
        explain(
            unknown,
            {.kind = TripCause::Kind::lost_commit, .detail = e.what(), .unread = second.what()});
        unknown.try_again = passes(second);
        return unknown;
    }
}

/// One transaction; empty when the target changed under it and is worth another look.
std::optional<TripResult> attempt(sync::GatewaySession& session, TripSteps& steps) {
    {
        GatewayTransaction transaction{session};
        if (auto verdict = steps.judge(Lock::yes)) return verdict;
        if (!steps.write()) return {};
        try {
            transaction.commit();
        } catch (const GatewayError& e) {
            return after_lost_commit(session, steps, e);
        }
    }
    return steps.confirm();
}

TripResult run_live(sync::GatewaySession& session, TripSteps& steps) {
    limit_lock_waits(session);
    for (int tries = 1; tries <= kTries; ++tries) {
        try {
            if (auto verdict = attempt(session, steps)) return *verdict;
        } catch (const GatewayError& e) {
            // A deadlock is one as well.
            if (e.kind() != GatewayError::Kind::locked || tries == kTries) throw;
        }
    }
    return make_result(steps.request(), Kind::lost_race, {TripCause::Kind::kept_changing});
}

}  // namespace

TripResult TripSteps::result(Kind kind, TripCause cause) const {
    auto made = make_result(request_, kind, std::move(cause));
    made.name = name_;
    return made;
}

TripResult run_trip(sync::GatewaySession& session, TripSteps& steps) {
    if (steps.request().mode == Mode::live) return run_live(session, steps);
    if (auto verdict = steps.judge(Lock::no)) return *verdict;
    return steps.success(Kind::would_trip);
}

}  // namespace quotafuse::circuit_breaker
