#include "circuit_breaker/circuit.h"

#include <cstdlib>
#include <utility>

#include <fmt/format.h>

namespace quotafuse::circuit_breaker {
namespace {

const char* deed(Way way) {
    switch (way) {
        case Way::whole:
            return "given back";
        case Way::trial:
            return "put on trial";
        case Way::settle:
            return "given back after its trial";
        case Way::again:
            return "switched off again";
    }
    std::abort();
}

/// What TripCause says in the words of a trip.
std::string describe_return(const TripCause& cause, const ReturnRequest& request) {
    const auto target = describe(request.circuit.target);
    const auto* done = deed(request.way);
    std::string text;
    if (cause.kind == TripCause::Kind::gateway) {
        text = fmt::format("{} could not be {}: {}", target, done, cause.detail);
    } else if (cause.kind == TripCause::Kind::no_grant) {
        text = fmt::format("{} could not be {}: {}; give the breaker's account what `{}` prints",
                           target, done, cause.detail, grants_command(request.circuit.target.kind));
    } else if (cause.kind == TripCause::Kind::lost_commit) {
        return fmt::format(
            "the connection broke while {} was being {} ({}), and asking again failed: {}", target,
            done, cause.detail, cause.unread);
    } else {
        auto without_doubt = cause;
        without_doubt.unread.clear();
        text = describe(without_doubt, request.circuit.target);
    }
    if (!cause.unread.empty()) {
        text += "; whether it was carried out before could not be read: " + cause.unread;
    }
    return text;
}

}  // namespace

void explain(ReturnResult& result, TripCause cause) {
    result.why = describe_return(cause, result.request);
    result.cause = std::move(cause);
}

const char* way_name(Way way) {
    switch (way) {
        case Way::whole:
            return "whole";
        case Way::trial:
            return "trial";
        case Way::settle:
            return "settle";
        case Way::again:
            return "again";
    }
    std::abort();
}

const char* state_name(Circuit::State state) {
    switch (state) {
        case Circuit::State::open:
            return "open";
        case Circuit::State::trial:
            return "trial";
        case Circuit::State::unsure:
            return "unsure";
    }
    std::abort();
}

const char* change_name(Change change) {
    switch (change) {
        case Change::none:
            return "";
        case Change::enabled:
            return "enabled";
        case Change::disabled_by_hand:
            return "disabled by hand";
        case Change::deleted:
            return "deleted";
        case Change::altered:
            return "altered";
        case Change::gateway_disabled:
            return "disabled by the gateway";
    }
    std::abort();
}

std::string sentence(Change change) {
    switch (change) {
        case Change::none:
            return "";
        case Change::enabled:
            return "somebody enabled it again";
        case Change::disabled_by_hand:
            return "a person disabled it by hand";
        case Change::deleted:
            return "it was deleted";
        case Change::altered:
            return "somebody changed it";
        case Change::gateway_disabled:
            return "the gateway itself disabled it during its trial";
    }
    std::abort();
}

const char* kind_name(ReturnResult::Kind kind) {
    switch (kind) {
        case ReturnResult::Kind::done:
            return "done";
        case ReturnResult::Kind::would_be:
            return "would_be";
        case ReturnResult::Kind::theirs:
            return "theirs";
        case ReturnResult::Kind::refused:
            return "refused";
        case ReturnResult::Kind::failed:
            return "failed";
        case ReturnResult::Kind::unknown:
            return "unknown";
        case ReturnResult::Kind::ranks_read:
            return "ranks_read";
    }
    std::abort();
}

}  // namespace quotafuse::circuit_breaker
