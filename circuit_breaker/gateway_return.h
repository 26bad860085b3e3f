#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "circuit_breaker/circuit.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

/// Gives back what a trip switched off, or begins or ends a trial, in one transaction that compares
/// status and other_info (of a key: the status, of a model: the list of models) with what we
/// wrote. Nothing is touched that is not ours any more. Never throws GatewayError.
///
/// `whole` enables all abilities but those that were disabled before the trip, also such as were
/// added meanwhile, and puts other_info back as it was. `trial` does the same at the rank that
/// trial_rank() tells and leaves the mark {"trip", "trial"}; `settle` puts the rank back exactly;
/// `again` puts the rank back and the channel off, if `guard` allows it, before and after the
/// commit: else it stays on trial. One API has no mark: status and rank decide there.
/// A trial is written only when what it replaces is on record (see ReturnResult::ranks_read).
/// A model of a channel that is off waits for the channel; where the order was `resumed`, what
/// stands as it asks for counts as done.
ReturnResult give_back(sync::GatewaySession& session, const std::string& database,
                       const ReturnRequest& request, const Guard& guard, base::Second now);

/// The result of a return that was carried out before, or that somebody has made idle; empty when
/// neither is so. Only reads. Throws GatewayError.
std::optional<ReturnResult> find_return(sync::GatewaySession& session, const std::string& database,
                                        const ReturnRequest& request, base::Second now);

/// How each circuit's target stands now: a few statements without locks. Each kind of target is
/// looked at on its own, so that a missing grant blinds us for one only; where nobody answers, the
/// others are not asked any more. Never throws GatewayError.
LookResult look_at(sync::GatewaySession& session, const std::vector<Circuit>& circuits);

}  // namespace quotafuse::circuit_breaker
