#include "circuit_breaker/gateway_return.h"

#include <cstdlib>
#include <memory>

#include "circuit_breaker/mend.h"
#include "circuit_breaker/return_target.h"
#include "circuit_breaker/statements.h"

namespace quotafuse::circuit_breaker {
namespace {

using Kind = ReturnResult::Kind;
using sync::GatewayError;

std::unique_ptr<ReturnTarget> make_target(const ReturnCase& order) {
    switch (order.request.circuit.target.kind) {
        case Target::Kind::channel:
            return return_channel(order);
        case Target::Kind::model:
            return return_model(order);
        case Target::Kind::token:
            return return_token(order);
    }
    std::abort();
}

/// Whether there was one. Where it fails, the return stands all the same: its commit was answered,
/// and what a gateway made of it since is not ours.
bool mend_halves(const ReturnCase& order) {
    const auto& circuit = order.request.circuit;
    if (circuit.target.kind == Target::Kind::token) return false;
    for (int tries = 1; tries <= kTries; ++tries) {
        try {
            return mend_after_return(order.session, circuit);
        } catch (const GatewayError& e) {
            if (e.kind() != GatewayError::Kind::locked) return false;
        }
    }
    return false;
}

ReturnResult after_lost_commit(ReturnTarget& target, const ReturnCase& order,
                               const GatewayError& lost) {
    bool stands = false;
    try {
        limit_lock_waits(order.session);  // a new connection
        stands = target.stands_as_written();
    } catch (const GatewayError& second) {
        auto unknown = make_result(
            order.request, Kind::unknown,
            {.kind = TripCause::Kind::lost_commit, .detail = lost.what(), .unread = second.what()});
        unknown.try_again = passes(second);
        return unknown;
    }
    return stands ? target.finish() : failure(order.request, lost);
}

/// One transaction; empty when the target changed under it and is worth another look.
std::optional<ReturnResult> attempt(ReturnTarget& target, const ReturnCase& order) {
    {
        GatewayTransaction transaction{order.session};
        if (auto verdict = target.judge(Lock::yes)) return verdict;
        if (!target.write()) return {};
        try {
            transaction.commit();
        } catch (const GatewayError& e) {
            return after_lost_commit(target, order, e);
        }
    }
    return target.finish();
}

ReturnResult write(ReturnTarget& target, const ReturnCase& order) {
    limit_lock_waits(order.session);
    for (int tries = 1;; ++tries) {
        try {
            if (auto result = attempt(target, order)) return *result;
        } catch (const GatewayError& e) {
            if (e.kind() != GatewayError::Kind::locked || tries == kTries) throw;
            continue;
        }
        if (tries < kTries) continue;
        auto result = make_result(order.request, Kind::refused, {TripCause::Kind::kept_changing});
        result.try_again = true;
        return result;
    }
}

ReturnResult carry_out(const ReturnCase& order) {
    const auto target = make_target(order);
    target->prepare();
    // What a trial will replace is read without locks: nobody waits for what is not written yet.
    const bool reads_only = order.request.dry_run || (order.request.way == Way::trial &&
                                                      order.request.circuit.intended.empty());
    if (!reads_only) return write(*target, order);
    if (auto verdict = target->judge(Lock::no)) return *verdict;
    return target->success(Kind::would_be);
}

/// What no order can ask: only channels go on trial, and only a trial can end.
bool makes_sense(const ReturnRequest& request) {
    if (request.way == Way::whole) return true;
    if (request.circuit.target.kind != Target::Kind::channel) return false;
    return request.way == Way::trial || request.circuit.state == Circuit::State::trial;
}

}  // namespace

ReturnResult make_theirs(const ReturnRequest& request, Change change) {
    auto result = make_result(request, Kind::theirs);
    result.change = change;
    result.why = sentence(change);
    return result;
}

ReturnResult give_back(sync::GatewaySession& session, const std::string& database,
                       const ReturnRequest& request, const Guard& guard, base::Second now) {
    if (!makes_sense(request)) {
        return make_result(request, Kind::refused,
                           {.kind = TripCause::Kind::stuck, .detail = "it is not on trial"});
    }
    try {
        const ReturnCase order{session, database, request, guard, now};
        auto result = carry_out(order);
        // Also of what a former run gave back: it may not have come to look.
        if (result.kind == Kind::done && !request.dry_run) result.mended = mend_halves(order);
        return result;
    } catch (const GatewayError& e) {
        return failure(request, e);
    }
}

std::optional<ReturnResult> find_return(sync::GatewaySession& session, const std::string& database,
                                        const ReturnRequest& request, base::Second now) {
    auto asked = request;
    asked.resumed = true;
    asked.dry_run = true;
    if (!makes_sense(asked)) return {};
    const Guard nobody_asks;
    auto result = carry_out({session, database, asked, nobody_asks, now});
    if (result.kind != Kind::done && result.kind != Kind::theirs) return {};
    result.request = request;
    return result;
}

}  // namespace quotafuse::circuit_breaker
