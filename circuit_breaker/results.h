#pragma once

#include <utility>

#include "circuit_breaker/action.h"
#include "circuit_breaker/circuit.h"
#include "circuit_breaker/statements.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

template <class Request>
struct ResultOf;
template <>
struct ResultOf<TripRequest> {
    using type = TripResult;
};
template <>
struct ResultOf<ReturnRequest> {
    using type = ReturnResult;
};
/// What a request comes to.
template <class Request>
using ResultFor = typename ResultOf<Request>::type;

template <class Request>
ResultFor<Request> make_result(const Request& request, typename ResultFor<Request>::Kind kind,
                               TripCause cause = {}) {
    ResultFor<Request> result;
    result.kind = kind;
    result.request = request;
    explain(result, std::move(cause));
    return result;
}

/// Of an error after which nothing was changed.
template <class Request>
ResultFor<Request> failure(const Request& request, const sync::GatewayError& error) {
    const auto& lacking = error.lacking();
    auto result =
        make_result(request, ResultFor<Request>::Kind::failed,
                    {.kind = lacking.empty() ? TripCause::Kind::gateway : TripCause::Kind::no_grant,
                     .detail = lacking.empty() ? error.what() : lacking});
    result.try_again = passes(error);
    return result;
}

}  // namespace quotafuse::circuit_breaker
