#include <algorithm>
#include <array>
#include <iostream>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "circuit_breaker/action.h"
#include "circuit_breaker/audit.h"
#include "circuit_breaker/pause.h"
#include "daemon/breaker_json.h"
#include "daemon/commands/commands.h"
#include "daemon/commands/json_answer.h"
#include "daemon/wording.h"
#include "notifiers/rendering.h"
#include "sync/history.h"

namespace quotafuse::daemon {
namespace {

using Json = nlohmann::json;

struct StepWords {
    std::string_view step;
    std::string_view words;
};
/// The steps of the audit (see Audit::Entry::step) that end up in a list.
constexpr std::array kSteps{
    StepWords{"tripped", "switched off"},
    StepWords{"would_trip", "would have been switched off"},
    StepWords{"refused", "not switched off, refused"},
    StepWords{"already_off", "was off already"},
    StepWords{"lost_race", "not switched off, changed at the same moment"},
    StepWords{"failed", "not switched off, failed"},
    StepWords{"unknown", "perhaps switched off"},
    StepWords{"whole", "given back"},
    StepWords{"whole_failed", "not given back, failed"},
    StepWords{"whole_refused", "not given back, refused"},
    StepWords{"whole_unknown", "perhaps given back"},
    StepWords{"trial", "put on trial"},
    StepWords{"trial_failed", "not put on trial, failed"},
    StepWords{"trial_refused", "not put on trial, refused"},
    StepWords{"trial_unknown", "perhaps put on trial"},
    StepWords{"settle", "given back for good"},
    StepWords{"settle_failed", "not given back for good, failed"},
    StepWords{"settle_refused", "not given back for good, refused"},
    StepWords{"settle_unknown", "perhaps given back for good"},
    StepWords{"again", "switched off again"},
    StepWords{"again_failed", "not switched off again, failed"},
    StepWords{"again_refused", "not switched off again, refused"},
    StepWords{"again_unknown", "perhaps switched off again"},
    StepWords{"released", "left to people"},
    StepWords{"still_serving", "still serves"},
    StepWords{"mended", "switched off once more"},
};

/// A step that this version does not know yet reads as it is stored.
std::string step_words(const std::string& step) {
    const auto* const found = std::ranges::find(kSteps, step, &StepWords::step);
    return found == kSteps.end() ? step : std::string{found->words};
}

/// Looking needs no daemon, and is in nobody's way.
Json list_of_store(const Config& config, std::int64_t limit) {
    sync::History history{config.store};
    base::require_version(history.handle(), config.store, circuit_breaker::Audit::schema());
    circuit_breaker::Audit audit{history.handle()};
    const base::SystemClock clock;
    const auto pause = circuit_breaker::PauseBook{history.handle()}.at(clock.now());
    return breaker_json(audit, pause, config, static_cast<std::size_t>(limit));
}

std::string pending_text(const std::string& way) {
    if (way == "trial") return "is being put on trial";
    if (way == "again") return "is being switched off again";
    return way == "settle" ? "is being given back for good" : "is being given back";
}

std::string return_words(const std::string& recover) {
    if (recover == "half_open") return "by trials";
    if (recover == "until tomorrow") return "when its rule's day ends";
    if (recover == "until next_month") return "when its rule's month ends";
    return recover;
}

/// "by hand", "after 30m, not before …": how it comes back.
std::string return_text(const Json& circuit, const base::TimeZone& zone) {
    const auto pending = text_of(circuit, "pending");
    if (!pending.empty()) return pending_text(pending) + " (not answered yet)";
    if (text_of(circuit, "state") == "trial")
        return "on trial since " + time_of(circuit, "trial_at", zone);
    const auto recover = text_of(circuit, "recover");
    if (recover == "manual" || number_of(circuit, "back_at") == 0) return "comes back by hand";
    return fmt::format("comes back {} (not before {})", return_words(recover),
                       time_of(circuit, "back_at", zone));
}

std::string who(const std::string& rule) {
    return rule.empty() ? std::string{kAskedByPerson} : "rule " + rule;
}

std::string circuit_text(const Json& circuit, const base::TimeZone& zone) {
    return fmt::format("{}  {}{} since {} by {}, {}; reason: {}", text_of(circuit, "trip_id"),
                       object_text(target_of(circuit), text_of(circuit, "name")),
                       text_of(circuit, "state") == "unsure" ? ", perhaps off" : "",
                       time_of(circuit, "since", zone), who(text_of(circuit, "rule")),
                       return_text(circuit, zone), text_of(circuit, "reason"));
}

/// Asked for, and nobody has heard what became of it: it may be at the gateway just now, or was
/// there when a daemon ended.
std::string unfinished_text(const Json& order, const base::TimeZone& zone) {
    const bool live = text_of(order, "mode") == "live";
    return fmt::format("{}  {} unfinished: {} asked at {} to switch it off{}; reason: {}",
                       text_of(order, "trip_id"),
                       object_text(target_of(order), text_of(order, "name")),
                       who(text_of(order, "rule")), time_of(order, "asked_at", zone),
                       live ? ", and it may be off: the daemon looks and goes on from there"
                            : fmt::format(" ({})", text_of(order, "mode")),
                       text_of(order, "reason"));
}

/// "paused", "resumed": of no trip and no target.
std::string pause_entry_text(const Json& entry, const base::TimeZone& zone) {
    const auto reason = text_of(entry, "reason");
    return fmt::format("{}  {} by {}{}", time_of(entry, "at", zone), text_of(entry, "result"),
                       text_of(entry, "why"),
                       reason.empty() ? "" : fmt::format(" (reason: {})", reason));
}

/// " by rule burn", " by a person", " (its time has come)".
std::string asked_text(const std::string& asked_by) {
    if (asked_by.empty()) return {};
    const bool is_somebody = asked_by == kAskedByPerson || asked_by.starts_with("rule ");
    return is_somebody ? " by " + asked_by : fmt::format(" ({})", asked_by);
}

std::string entry_text(const Json& entry, const base::TimeZone& zone) {
    if (text_of(entry, "kind").empty()) return pause_entry_text(entry, zone);
    const auto why = circuit_breaker::with_it(text_of(entry, "why"), target_of(entry));
    return fmt::format("{}  {}  {}{}{}  {}: {}{}", time_of(entry, "at", zone),
                       text_of(entry, "trip_id"), step_words(text_of(entry, "result")),
                       asked_text(text_of(entry, "asked_by")),
                       text_of(entry, "mode") == "shadow" ? " (shadow)" : "",
                       object_text(target_of(entry), text_of(entry, "name")),
                       text_of(entry, "reason"), why.empty() ? "" : fmt::format(" ({})", why));
}

/// Names and reasons are what people and the gateway wrote: none of it is for the terminal itself.
void print(const std::string& line) {
    std::cout << notifiers::one_line(line) << '\n';
}

}  // namespace

int breaker_list(const Arguments& arguments) {
    const auto config = load_to_ask(arguments);
    const auto limit = arguments.breaker.limit;
    const auto answer = ask_if_running(config, breaker_list_request(limit));
    const auto found = answer ? Json::parse(*answer) : list_of_store(config, limit);
    if (arguments.json) {
        std::cout << dump(found) << '\n';
        return 0;
    }
    const auto& zone = config.timezone;
    print("breaker " + text_of(found, "mode"));
    if (const auto paused = paused_text(found, zone); !paused.empty()) print(paused);
    const auto& open = found.at("open");
    const auto unfinished = found.value("unfinished", Json::array());
    if (open.empty() && unfinished.empty()) print("nothing is off by quotafuse");
    for (const auto& circuit : open) print(circuit_text(circuit, zone));
    for (const auto& order : unfinished) print(unfinished_text(order, zone));
    if (!found.at("recent").empty()) print("newest steps:");
    for (const auto& entry : found.at("recent")) print(entry_text(entry, zone));
    return 0;
}

std::string breaker_list_request(std::int64_t limit) {
    return dump({{"command", "breaker_list"}, {"limit", limit}});
}

}  // namespace quotafuse::daemon
