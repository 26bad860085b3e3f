#pragma once

#include <memory>
#include <optional>
#include <string>

#include "circuit_breaker/action.h"
#include "circuit_breaker/results.h"
#include "circuit_breaker/statements.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

/// What a trip does to one kind of target; run_trip() says when. All throw GatewayError.
class TripSteps {
public:
    TripSteps(sync::GatewaySession& session, TripRequest request)
        : session_(session), request_(std::move(request)) {}
    virtual ~TripSteps() = default;
    TripSteps(const TripSteps&) = delete;
    TripSteps& operator=(const TripSteps&) = delete;

    const TripRequest& request() const { return request_; }
    /// Reads what no transaction needs to hold.
    virtual void prepare(const std::string& /*database*/) {}
    /// Reads and judges. Lock::yes: inside a transaction, and what was read stays so. The result
    /// where nothing is to be written; empty when the target may go off.
    virtual std::optional<TripResult> judge(Lock lock) = 0;
    /// Writes what judge() allowed; false when it was changed since.
    virtual bool write() = 0;
    /// The result of a request that was carried out before, told by the rows alone. `resumed`: it
    /// may have been, so that what has no mark counts as well. Lock::yes waits until a transaction
    /// that is writing the row has ended.
    virtual std::optional<TripResult> done_before(Lock lock, bool resumed) = 0;
    /// Looks again after the commit: tripped, or what came between.
    virtual TripResult confirm() = 0;
    /// would_trip, tripped or unknown, by what was read and written.
    virtual TripResult success(TripResult::Kind kind) = 0;

protected:
    /// One with the target's name in it.
    TripResult result(TripResult::Kind kind, TripCause cause) const;

    sync::GatewaySession& session_;
    TripRequest request_;
    std::string name_{};  // of the target, valid UTF-8, once it was read
};

std::unique_ptr<TripSteps> make_channel_trip(sync::GatewaySession& session,
                                             const TripRequest& request, const Guard& guard,
                                             base::Second now);
std::unique_ptr<TripSteps> make_model_trip(sync::GatewaySession& session,
                                           const TripRequest& request, const Guard& guard);
std::unique_ptr<TripSteps> make_token_trip(sync::GatewaySession& session,
                                           const TripRequest& request, const Guard& guard);

/// One transaction in live mode, repeated where something got in its way; else a look. Throws
/// GatewayError where nothing was written for sure.
TripResult run_trip(sync::GatewaySession& session, TripSteps& steps);

}  // namespace quotafuse::circuit_breaker
