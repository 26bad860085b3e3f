#include "circuit_breaker/gateway_trip.h"

#include <cstdlib>

#include "circuit_breaker/trip_steps.h"

namespace quotafuse::circuit_breaker {
namespace {

std::unique_ptr<TripSteps> make_steps(sync::GatewaySession& session, const TripRequest& request,
                                      const Guard& guard, base::Second now) {
    switch (request.target.kind) {
        case Target::Kind::channel:
            return make_channel_trip(session, request, guard, now);
        case Target::Kind::model:
            return make_model_trip(session, request, guard);
        case Target::Kind::token:
            return make_token_trip(session, request, guard);
    }
    std::abort();
}

}  // namespace

TripResult trip(sync::GatewaySession& session, const std::string& database,
                const TripRequest& request, const Guard& guard, base::Second now) {
    if (request.mode == Mode::off)
        return make_result(request, TripResult::Kind::refused, {TripCause::Kind::off});
    const auto steps = make_steps(session, request, guard, now);
    try {
        steps->prepare(database);
        return run_trip(session, *steps);
    } catch (const sync::GatewayError& e) {
        return failure(steps->request(), e);
    }
}

std::optional<TripResult> find_trip(sync::GatewaySession& session, const TripRequest& request) {
    const Guard none;
    return make_steps(session, request, none, {})->done_before(Lock::no, request.resumed);
}

}  // namespace quotafuse::circuit_breaker
