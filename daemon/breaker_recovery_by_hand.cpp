#include <utility>

#include <fmt/format.h>

#include "base/failure.h"
#include "daemon/breaker_json.h"
#include "daemon/breaker_recovery.h"
#include "notifiers/rendering.h"

namespace quotafuse::daemon {

using base::ExitCode;
using base::Failure;
using circuit_breaker::Circuit;
using circuit_breaker::ReturnRequest;
using circuit_breaker::Way;

namespace {

[[noreturn]] void refuse(const ReturnRequest& request, const std::string& why) {
    const auto& circuit = request.circuit;
    // It goes to a terminal: names and reasons are what others wrote.
    const auto text = fmt::format("{} {} {}: {}", object_text(circuit.target, circuit.name),
                                  request.dry_run ? "would not be" : "was not",
                                  request.way == Way::again ? "switched off" : "given back", why);
    throw Failure(ExitCode::failed, notifiers::one_line(text));
}

}  // namespace

std::string BreakerRecovery::give_back_by_hand(const Circuit& circuit, bool dry_run) {
    return by_hand({circuit, Way::whole, false, dry_run, std::string{kAskedByPerson}, {}});
}

std::string BreakerRecovery::end_trial_by_hand(const Circuit& circuit, bool dry_run) {
    return by_hand({circuit, Way::again, false, dry_run, std::string{kAskedByPerson}, {}});
}

/// A dry run, too: it says what the order itself would come to.
void BreakerRecovery::require_allowed(const ReturnRequest& request) const {
    const bool again = request.way == Way::again;
    if (again && config_.breaker.protected_channels.contains(request.circuit.target.channel))
        refuse(request, "it is protected; `quotafuse breaker restore` ends its trial");
    if (config_.breaker.mode != circuit_breaker::Mode::live) {
        refuse(request, fmt::format("breaker.mode is {}, so nothing is written; {} it on the "
                                    "gateway's own page",
                                    circuit_breaker::mode_name(config_.breaker.mode),
                                    again ? "disable" : "enable"));
    }
    if (const auto pause = rooms_.pause.at(clock_.now())) {
        refuse(request, fmt::format("the breaker is {}; `quotafuse breaker resume` ends that",
                                    pause_text(*pause, config_.timezone)));
    }
    const auto circuit = rooms_.audit.circuits().of_trip(request.circuit.trip_id);
    if (circuit && circuit->pending) {
        refuse(request,
               "it is just being given back, put on trial or switched off again: see `quotafuse "
               "breaker list`");
    }
}

std::string BreakerRecovery::by_hand(ReturnRequest request) {
    require_allowed(request);
    const auto now = clock_.now();
    const auto id = BreakerAnswers::id_of_return(request.circuit.trip_id, request.dry_run);
    if (!request.dry_run) {
        base::WriteTransaction transaction{rooms_.database};
        if (!rooms_.audit.intend_return(request, now)) refuse(request, "it is not off any more");
        transaction.commit();
    }
    rooms_.answers.expect(id);
    orders_.push_back({{std::move(request), {}, now}, {}});
    hand_over();
    return id;
}

}  // namespace quotafuse::daemon
