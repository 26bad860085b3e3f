#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/failure.h"
#include "base/text.h"
#include "daemon/breaker_json.h"
#include "daemon/commands/commands.h"
#include "daemon/commands/json_answer.h"
#include "daemon/control_client.h"
#include "notifiers/rendering.h"

namespace quotafuse::daemon {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
using Action = BreakerArguments::Action;

/// An order is worth 30 s at the gateway (see circuit_breaker::kRequestLife).
constexpr auto kAskAgain = 100ms;
constexpr auto kPatience = 40s;
/// So long a daemon takes at most to reload its configuration.
constexpr auto kReload = 12s;
/// A daemon that is not there so many times is none that reloads.
constexpr int kMostGone = 3;

/// What the gateway and people wrote is in it, too.
void print(std::ostream& out, const std::string& line) {
    out << notifiers::one_line(line) << '\n';
}

/// Puts the keys of the target that was typed into a request.
void add_target(const BreakerArguments& typed, Json& request) {
    const char* const of_channel = typed.model.empty() ? "channel" : "model";
    request["kind"] = typed.token != 0 ? "token" : of_channel;
    request["channel"] = typed.channel;
    request["model"] = typed.model;
    request["token"] = typed.token;
}

Json order_of(const BreakerArguments& typed) {
    Json request{{"dry_run", typed.dry_run}};
    switch (typed.action) {
        case Action::trip:
            request["command"] = "breaker_trip";
            request["reason"] = typed.reason;
            request["even_if_last"] = typed.even_if_last;
            add_target(typed, request);
            return request;
        case Action::restore:
            request["command"] = "breaker_restore";
            if (typed.trip.empty())
                add_target(typed, request);
            else
                request["trip"] = typed.trip;
            return request;
        case Action::undo:
            request["command"] = "breaker_undo";
            request["trip"] = typed.trip;
            request["even_if_last"] = typed.even_if_last;
            return request;
        case Action::list:
        case Action::pause:
        case Action::resume:
        case Action::report:
            break;
    }
    std::abort();
}

[[noreturn]] void fail_unknown(const std::string& what, bool dry_run) {
    throw base::Failure(
        base::ExitCode::unavailable,
        dry_run ? what + "; nothing was changed, ask again"
                : what +
                      ": its outcome is unknown; see `quotafuse breaker list` (it needs no "
                      "daemon) before you give it again");
}

/// What the daemon says to an order.
Json give(const Config& config, const Json& request, bool dry_run) {
    try {
        return Json::parse(ask_or_fail(config, dump(request)));
    } catch (const NoReply& e) {
        fail_unknown(fmt::format("{}. It may have accepted the order", e.what()), dry_run);
    }
}

/// Waits for what became of an order, also while the daemon reloads. A command of seconds on the
/// real clock: nothing here decides by time.
Json await_result(const Config& config, const std::string& id, bool dry_run) {
    using Clock = std::chrono::steady_clock;
    const auto request = dump({{"command", "breaker_result"}, {"id", id}});
    const auto deadline = Clock::now() + kPatience;
    auto heard_at = Clock::now();
    for (int gone = 0; Clock::now() < deadline; std::this_thread::sleep_for(kAskAgain)) {
        const auto heard = ask_patiently(config, request);
        if (!heard.answer) {
            gone = heard.gone ? gone + 1 : 0;
            if (gone < kMostGone && Clock::now() - heard_at < kReload) continue;
            fail_unknown(fmt::format("the order was accepted ({}), but the daemon that has it does "
                                     "not answer any more",
                                     id),
                         dry_run);
        }
        gone = 0;
        heard_at = Clock::now();
        auto answer = Json::parse(*heard.answer);
        if (answer.at("done").get<bool>()) return answer;
    }
    fail_unknown(fmt::format("the order was accepted ({}), but there is no answer yet", id),
                 dry_run);
}

/// What nobody serves any more, or would.
void print_dark(const Json& answer, bool dry_run) {
    const auto used = answer.value("dark", std::vector<std::string>{});
    const auto unused = answer.value("unused_dark", std::vector<std::string>{});
    const auto* const none_left =
        dry_run ? "no channel would be left for" : "no channel is left for";
    if (!used.empty()) print(std::cerr, fmt::format("{}: {}", none_left, fmt::join(used, ", ")));
    if (unused.empty()) return;
    const base::Seconds traffic{number_of(answer, "traffic_seconds")};
    print(std::cerr, fmt::format("{}{} (no requests in the last {}): {}", none_left,
                                 used.empty() ? "" : " these either",
                                 circuit_breaker::span_text(traffic), fmt::join(unused, ", ")));
}

/// A dry run ends as the order itself would: where nothing would be written, that is no success.
void judge_mode(Json& answer, const Config& config, bool dry_run) {
    const auto outcome = text_of(answer, "outcome");
    auto mode = text_of(answer, "mode");
    if (mode.empty()) mode = circuit_breaker::mode_name(config.breaker.mode);
    const bool only_would = outcome == "would_trip" || outcome == "would_be";
    if (!only_would || (dry_run && mode == "live")) return;
    answer["ok"] = false;
    answer["text"] = fmt::format("{} ({}breaker.mode is {}: set it in quotafuse.yaml, and reload)",
                                 text_of(answer, "text"),
                                 dry_run ? "nor would it be without --dry-run: " : "", mode);
}

/// In the words of what would be.
void word_as_dry(Json& answer) {
    auto text = text_of(answer, "text");
    for (const auto* const what : {"switched off", "given back"}) {
        base::replace_all(text, fmt::format(" was not {}", what),
                          fmt::format(" would not be {}", what));
    }
    answer["text"] = text;
}

int order(const Arguments& arguments) {
    const auto config = load_to_ask(arguments);
    const bool dry_run = arguments.breaker.dry_run;
    const std::string id = give(config, order_of(arguments.breaker), dry_run).at("id");
    auto answer = await_result(config, id, dry_run);
    answer.erase("done");
    if (dry_run && !answer.at("ok").get<bool>()) word_as_dry(answer);
    const bool was_ok = answer.at("ok").get<bool>();
    judge_mode(answer, config, dry_run);
    const bool ok = answer.at("ok").get<bool>();
    if (arguments.json) {
        std::cout << dump(answer) << '\n';
    } else {
        print(ok ? std::cout : std::cerr, text_of(answer, "text"));
        if (was_ok) print_dark(answer, !ok || dry_run);
    }
    return static_cast<int>(ok ? base::ExitCode::ok : base::ExitCode::failed);
}

/// Nobody needs to be asked what they would do, but whether there is anybody, and how it stands.
std::string dry_run_text(const Config& config, const BreakerArguments& typed) {
    const auto found = Json::parse(ask_or_fail(config, breaker_list_request(1)));
    const auto paused = paused_text(found, config.timezone);
    const auto present = paused.empty() ? "not paused" : paused;
    const auto mode = text_of(found, "mode");
    const auto remark =
        mode == "live" ? ""
                       : fmt::format("; breaker.mode is {}, which writes nothing anyway", mode);
    if (typed.action == Action::resume) {
        const auto* const then = paused.empty()   ? "go on as it does"
                                 : remark.empty() ? "write again"
                                                  : "not be paused any more";
        return fmt::format("the breaker would {} (now: {}){}", then, present, remark);
    }
    return fmt::format("the breaker would write nothing at the gateway {} (now: {}){}",
                       typed.lasts.empty() ? "until it is resumed" : "for " + typed.lasts, present,
                       remark);
}

int pause_or_resume(const Arguments& arguments) {
    const auto& typed = arguments.breaker;
    if (!typed.lasts.empty()) pause_length(typed.lasts);  // wrong usage needs no daemon
    const auto config = load_to_ask(arguments);
    Json answer;
    if (typed.dry_run) {
        answer["text"] = dry_run_text(config, typed);
    } else if (typed.action == Action::pause) {
        answer = give(
            config, {{"command", "breaker_pause"}, {"for", typed.lasts}, {"reason", typed.reason}},
            false);
    } else {
        answer = give(config, {{"command", "breaker_resume"}}, false);
    }
    if (arguments.json)
        std::cout << dump(answer) << '\n';
    else
        print(std::cout, text_of(answer, "text"));
    return 0;
}

}  // namespace

int breaker_command(const Arguments& arguments) {
    switch (arguments.breaker.action) {
        case Action::list:
            return breaker_list(arguments);
        case Action::trip:
        case Action::restore:
        case Action::undo:
            return order(arguments);
        case Action::pause:
        case Action::resume:
            return pause_or_resume(arguments);
        case Action::report:
            return breaker_report(arguments);
    }
    std::abort();
}

}  // namespace quotafuse::daemon
