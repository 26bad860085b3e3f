#include "daemon/breaker_requests.h"

#include <algorithm>
#include <optional>

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/failure.h"
#include "base/text.h"
#include "daemon/breaker_json.h"
#include "daemon/notice_trip.h"
#include "daemon/wording.h"
#include "notifiers/rendering.h"

namespace quotafuse::daemon {
namespace {

using base::ExitCode;
using base::Failure;
using circuit_breaker::Audit;
using circuit_breaker::Circuit;
using circuit_breaker::Target;
using Json = nlohmann::json;

constexpr std::int64_t kMostListed = 1000;
constexpr std::size_t kLongestReason = 300;  // bytes

Json parse(const std::string& text) {
    auto request = Json::parse(text, nullptr, false);
    if (request.is_object()) return request;
    throw Failure(ExitCode::usage, "write a JSON object");
}

std::string text_of(const Json& request, const char* name) {
    const auto at = request.find(name);
    if (at == request.end() || at->is_null()) return {};
    if (at->is_string()) return at->get<std::string>();
    throw Failure(ExitCode::usage, fmt::format("{} must be a text", name));
}

bool flag_of(const Json& request, const char* name) {
    const auto at = request.find(name);
    if (at == request.end() || at->is_null()) return false;
    if (at->is_boolean()) return at->get<bool>();
    throw Failure(ExitCode::usage, fmt::format("{} must be true or false", name));
}

std::int64_t id_of(const Json& request, const char* name) {
    const auto at = request.find(name);
    if (at == request.end() || at->is_null()) return 0;
    const bool fits = at->is_number_integer() &&
                      (!at->is_number_unsigned() || at->get<std::uint64_t>() <= INT64_MAX);
    if (fits && at->get<std::int64_t>() >= 0) return at->get<std::int64_t>();
    throw Failure(ExitCode::usage, fmt::format("{} must be the number of one", name));
}

Target target_of(const Json& request) {
    const auto kind = text_of(request, "kind");
    Target target;
    target.channel = id_of(request, "channel");
    target.model = text_of(request, "model");
    if (kind == "channel" && target.channel > 0 && target.model.empty()) return target;
    target.kind = Target::Kind::model;
    if (kind == "model" && target.channel > 0 && !target.model.empty()) return target;
    target = Target::of_token(id_of(request, "token"));
    target.user = id_of(request, "user");
    target.token_name = text_of(request, "token_name");
    if (kind == "token" && (target.token > 0 || !target.token_name.empty())) return target;
    throw Failure(ExitCode::usage,
                  "name what is meant: a channel's number, with a model or without one, or a key's "
                  "number");
}

/// Runs a change of the store; its failure is told to the one who asked.
template <class Act>
auto write(const Act& act) {
    try {
        return act();
    } catch (const SQLite::Exception& e) {
        throw Failure(ExitCode::io_error, fmt::format("the store cannot be written: {}", e.what()));
    }
}

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string reason_of(const Json& request, const Wording& words) {
    return base::cut_bytes(words.reason_by_hand(base::valid_utf8(text_of(request, "reason"))),
                           kLongestReason);
}

/// 0: until resumed.
base::Second pause_end(const std::string& lasts, base::Second now) {
    return lasts.empty() ? base::Second{} : now + pause_length(lasts);
}

/// What a mode other than live makes of a pause and its end.
std::string mode_remark(circuit_breaker::Mode mode) {
    if (mode == circuit_breaker::Mode::live) return {};
    return fmt::format("; breaker.mode is {}, which writes nothing anyway",
                       circuit_breaker::mode_name(mode));
}

bool matches(const Circuit& circuit, const Target& wanted) {
    if (circuit.target == wanted) return true;
    return wanted.kind == Target::Kind::token && wanted.token != 0 &&
           circuit.target.token == wanted.token;
}

}  // namespace

BreakerRequests::BreakerRequests(BreakerRooms rooms, BreakerDesk& desk, BreakerRecovery& recovery,
                                 const Config& config, const base::Clock& clock,
                                 const base::Log& log)
    : rooms_(rooms), desk_(desk), recovery_(recovery), config_(config), clock_(clock), log_(log) {}

std::string BreakerRequests::list(const std::string& request) const {
    const auto limit = id_of(parse(request), "limit");
    const auto n = limit == 0 ? 20 : std::min(limit, kMostListed);
    return breaker_json(rooms_.audit, rooms_.pause.at(clock_.now()), config_,
                        static_cast<std::size_t>(n))
        .dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string BreakerRequests::trip(const std::string& text) {
    const auto request = parse(text);
    circuit_breaker::TripRequest wanted;
    wanted.target = target_of(request);
    wanted.reason = reason_of(request, Wording{config_.language});
    wanted.even_if_last = flag_of(request, "even_if_last");
    const bool dry_run = flag_of(request, "dry_run");
    return write([&] { return dump({{"id", desk_.ask_by_hand(wanted, dry_run)}}); });
}

Circuit BreakerRequests::circuit_of(const std::string& text) const {
    const auto request = parse(text);
    const auto trip = text_of(request, "trip");
    const auto circuits = rooms_.audit.circuits().all();
    const auto wanted = trip.empty() ? std::optional{target_of(request)} : std::nullopt;
    const auto found = std::ranges::find_if(circuits, [&](const Circuit& circuit) {
        return wanted ? matches(circuit, *wanted) : circuit.trip_id == trip;
    });
    if (found != circuits.end()) return *found;
    if (!wanted) {
        throw Failure(
            ExitCode::failed,
            fmt::format("of trip '{}' nothing is off (any more): `quotafuse breaker list` "
                        "has the ids of what is",
                        trip));
    }
    throw Failure(ExitCode::failed,
                  fmt::format("{} is not off by quotafuse: `quotafuse breaker list` tells what "
                              "is; what somebody else disabled is enabled on the gateway's page",
                              circuit_breaker::describe(*wanted)));
}

std::string BreakerRequests::restore(const std::string& text) {
    const bool dry_run = flag_of(parse(text), "dry_run");
    return write([&] {
        return dump({{"id", recovery_.give_back_by_hand(circuit_of(text), dry_run)}});
    });
}

std::string BreakerRequests::undo(const std::string& text) {
    const auto request = parse(text);
    const auto trip = text_of(request, "trip");
    const bool dry_run = flag_of(request, "dry_run");
    const bool even_if_last = flag_of(request, "even_if_last");
    const auto entries = rooms_.audit.of_trip(trip);
    if (trip.empty() || entries.empty())
        throw Failure(ExitCode::failed,
                      fmt::format("there is no trip '{}' on record: `quotafuse breaker list` has "
                                  "the ids in front of its lines",
                                  trip));
    if (const auto circuit = rooms_.audit.circuits().of_trip(trip)) {
        if (circuit->state != Circuit::State::trial) return restore(text);
        if (even_if_last) {
            const auto object = object_text(circuit->target, circuit->name);
            throw Failure(
                ExitCode::failed,
                fmt::format("{} is on trial, whose end --even-if-last does not force: `quotafuse "
                            "breaker restore` it, then `quotafuse breaker trip` with "
                            "--even-if-last",
                            notifiers::one_line(object)));
        }
        return write([&] {
            return dump({{"id", recovery_.end_trial_by_hand(*circuit, dry_run)}});
        });
    }
    const auto last = std::ranges::find_if(entries.rbegin(), entries.rend(), [](const auto& entry) {
        return entry.step == "whole" || entry.step == "settle" || entry.step == "released";
    });
    if (last == entries.rend())
        throw Failure(ExitCode::failed, fmt::format("trip {} changed nothing at the gateway: there "
                                                    "is nothing to undo",
                                                    trip));
    if (last->step == "released") {
        const bool gone = last->change == circuit_breaker::Change::deleted;
        throw Failure(
            ExitCode::failed,
            fmt::format("trip {} cannot be undone, its target was left to people: {}{}", trip,
                        last->why, gone ? "" : "; `quotafuse breaker trip` switches it off anew"));
    }
    return write([&] { return trip_again(*last, even_if_last, dry_run); });
}

std::string BreakerRequests::trip_again(const Audit::Entry& entry, bool even_if_last,
                                        bool dry_run) {
    circuit_breaker::TripRequest wanted;
    wanted.target = entry.target;
    wanted.reason = Wording{config_.language}.reason_of_undo(entry.trip_id);
    wanted.even_if_last = even_if_last;
    wanted.recover = entry.recover;
    wanted.back_at = back_at(entry.recover, config_.timezone, clock_.now());
    return dump({{"id", desk_.ask_by_hand(wanted, dry_run)}});
}

std::string BreakerRequests::result(const std::string& text) const {
    const auto id = text_of(parse(text), "id");
    auto answer = rooms_.answers.find(id);
    // Given before a reload or a restart: only the audit remembers.
    if (!answer) {
        const auto returned = BreakerAnswers::trip_of_return(id);
        const auto entries = rooms_.audit.of_trip(returned.value_or(id));
        answer = recorded_answer(entries, returned.has_value());
    }
    if (!answer)
        throw Failure(ExitCode::failed, fmt::format("there is no order '{}' (any more)", id));
    if (answer->empty()) return dump({{"done", false}});
    auto json = Json::parse(*answer);
    json["mode"] = circuit_breaker::mode_name(config_.breaker.mode);
    return dump(json);
}

/// Of a second pause the first has been in force since its own time: what it was is told, and its
/// reason stays where no other is given.
std::string BreakerRequests::pause(const std::string& text) {
    const auto request = parse(text);
    const auto now = clock_.now();
    const auto former = rooms_.pause.at(now);
    circuit_breaker::Pause pause{
        .since = former ? former->since : now,
        .until = pause_end(text_of(request, "for"), now),
        .reason = base::cut_bytes(base::valid_utf8(text_of(request, "reason")), kLongestReason)};
    if (former && pause.reason.empty()) pause.reason = former->reason;
    write([&] {
        base::WriteTransaction transaction{rooms_.database};
        rooms_.pause.set(pause);
        rooms_.audit.note_pause(
            "paused", pause.reason,
            fmt::format("{}, {}", kAskedByPerson, pause_end_text(pause, config_.timezone)),
            config_.breaker.mode, now);
        transaction.commit();
    });
    recovery_.hold_or_let_go();
    const auto in_force = pause_text(pause, config_.timezone);
    const auto before =
        former ? fmt::format(" (before: {})", pause_text(*former, config_.timezone)) : "";
    log_.warning(fmt::format("breaker: {}{}", in_force, before));
    return dump({{"text", fmt::format("{}; nothing is written at the gateway{}{}", in_force, before,
                                      mode_remark(config_.breaker.mode))}});
}

std::string BreakerRequests::resume() {
    const auto now = clock_.now();
    const auto paused = rooms_.pause.at(now);
    write([&] {
        base::WriteTransaction transaction{rooms_.database};
        rooms_.pause.clear();
        if (paused) {
            rooms_.audit.note_pause("resumed", paused->reason, std::string{kAskedByPerson},
                                    config_.breaker.mode, now);
        }
        transaction.commit();
    });
    recovery_.hold_or_let_go();
    if (paused) log_.info("breaker: resumed");
    if (!paused) return dump({{"text", "it was not paused: nothing has changed"}});
    const bool live = config_.breaker.mode == circuit_breaker::Mode::live;
    return dump({{"text", live ? "resumed: quotafuse writes at the gateway again"
                               : "resumed" + mode_remark(config_.breaker.mode)}});
}

}  // namespace quotafuse::daemon
