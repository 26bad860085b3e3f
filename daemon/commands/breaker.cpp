#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "base/failure.h"
#include "base/text.h"
#include "daemon/breaker_json.h"
#include "daemon/commands/commands.h"
#include "daemon/control_client.h"
#include "sync/history.h"

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

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_of(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::int64_t number_of(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

/// Of an open circuit or an entry.
circuit_breaker::Target target_of(const Json& object) {
    using Kind = circuit_breaker::Target::Kind;
    circuit_breaker::Target target;
    const auto kind = text_of(object, "kind");
    if (kind == "model") target.kind = Kind::model;
    if (kind == "token") target.kind = Kind::token;
    target.channel = number_of(object, "channel");
    target.model = text_of(object, "model");
    target.token = number_of(object, "token");
    target.user = number_of(object, "user");
    target.token_name = text_of(object, "token_name");
    return target;
}

std::string time_of(const Json& object, const char* key, const base::TimeZone& zone) {
    return zone.format(base::from_unix(number_of(object, key)));
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

Json list_request(std::int64_t limit) {
    return {{"command", "breaker_list"}, {"limit", limit}};
}

circuit_breaker::Pause pause_of(const Json& paused) {
    return {base::from_unix(number_of(paused, "since")),
            base::from_unix(number_of(paused, "until")), text_of(paused, "reason")};
}

/// "by hand", "after 30m, not before …": how it comes back.
std::string return_text(const Json& circuit, const base::TimeZone& zone) {
    const auto pending = text_of(circuit, "pending");
    if (!pending.empty()) return "a return is on its way (" + pending + ")";
    if (text_of(circuit, "state") == "trial")
        return "on trial since " + time_of(circuit, "trial_at", zone);
    const auto recover = text_of(circuit, "recover");
    if (recover == "manual" || number_of(circuit, "back_at") == 0) return "comes back by hand";
    return fmt::format("comes back {} ({})", recover == "half_open" ? "by trials" : recover,
                       "not before " + time_of(circuit, "back_at", zone));
}

std::string circuit_text(const Json& circuit, const base::TimeZone& zone) {
    return fmt::format("{}  {}{} since {}, {}; reason: {}", text_of(circuit, "trip_id"),
                       object_text(target_of(circuit), text_of(circuit, "name")),
                       text_of(circuit, "state") == "unsure" ? ", perhaps off" : "",
                       time_of(circuit, "since", zone), return_text(circuit, zone),
                       text_of(circuit, "reason"));
}

/// "paused", "resumed": of no trip and no target.
std::string pause_entry_text(const Json& entry, const base::TimeZone& zone) {
    const auto reason = text_of(entry, "reason");
    return fmt::format("{}  {} by {}{}", time_of(entry, "at", zone), text_of(entry, "result"),
                       text_of(entry, "why"),
                       reason.empty() ? "" : fmt::format(" (reason: {})", reason));
}

std::string entry_text(const Json& entry, const base::TimeZone& zone) {
    if (text_of(entry, "kind").empty()) return pause_entry_text(entry, zone);
    const auto why = circuit_breaker::with_it(text_of(entry, "why"), target_of(entry));
    return fmt::format("{}  {}  {}{}  {}: {}{}", time_of(entry, "at", zone),
                       text_of(entry, "trip_id"), text_of(entry, "result"),
                       text_of(entry, "mode") == "shadow" ? " (shadow)" : "",
                       object_text(target_of(entry), text_of(entry, "name")),
                       text_of(entry, "reason"), why.empty() ? "" : fmt::format(" ({})", why));
}

int list(const Arguments& arguments) {
    const auto config = load_to_ask(arguments);
    const auto limit = arguments.breaker.limit;
    const auto answer = ask_if_running(config, dump(list_request(limit)));
    const auto found = answer ? Json::parse(*answer) : list_of_store(config, limit);
    if (arguments.json) {
        std::cout << dump(found) << '\n';
        return 0;
    }
    const auto& zone = config.timezone;
    std::cout << fmt::format("breaker {}\n", text_of(found, "mode"));
    if (found.contains("paused") && found.at("paused").is_object())
        std::cout << pause_text(pause_of(found.at("paused")), zone) << '\n';
    if (found.at("open").empty()) std::cout << "nothing is off by quotafuse\n";
    for (const auto& circuit : found.at("open")) std::cout << circuit_text(circuit, zone) << '\n';
    if (!found.at("recent").empty()) std::cout << "newest steps:\n";
    for (const auto& entry : found.at("recent")) std::cout << entry_text(entry, zone) << '\n';
    return 0;
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
    if (!used.empty()) std::cerr << fmt::format("{}: {}\n", none_left, fmt::join(used, ", "));
    if (unused.empty()) return;
    const base::Seconds traffic{number_of(answer, "traffic_seconds")};
    std::cerr << fmt::format("{}{} (no requests in the last {}): {}\n", none_left,
                             used.empty() ? "" : " these either",
                             circuit_breaker::span_text(traffic), fmt::join(unused, ", "));
}

int order(const Arguments& arguments) {
    const auto config = load_to_ask(arguments);
    const std::string id =
        give(config, order_of(arguments.breaker), arguments.breaker.dry_run).at("id");
    auto answer = await_result(config, id, arguments.breaker.dry_run);
    answer.erase("done");
    const auto outcome = text_of(answer, "outcome");
    if (!arguments.breaker.dry_run && (outcome == "would_trip" || outcome == "would_be")) {
        answer["ok"] = false;
        answer["text"] = text_of(answer, "text") +
                         " (breaker.mode is not live: set it in quotafuse.yaml, and reload)";
    }
    const bool ok = answer.at("ok").get<bool>();
    if (!ok && arguments.breaker.dry_run) {
        auto text = text_of(answer, "text");
        for (const auto* const what : {"switched off", "given back"}) {
            base::replace_all(text, fmt::format(" was not {}", what),
                              fmt::format(" would not be {}", what));
        }
        answer["text"] = text;
    }
    if (ok && arguments.breaker.dry_run && config.breaker.mode != circuit_breaker::Mode::live) {
        answer["text"] =
            fmt::format("{} (nor would it be without --dry-run: breaker.mode is {})",
                        text_of(answer, "text"), circuit_breaker::mode_name(config.breaker.mode));
    }
    if (arguments.json) {
        std::cout << dump(answer) << '\n';
    } else {
        (ok ? std::cout : std::cerr) << text_of(answer, "text") << '\n';
        if (ok) print_dark(answer, arguments.breaker.dry_run);
    }
    return static_cast<int>(ok ? base::ExitCode::ok : base::ExitCode::failed);
}

/// Empty: until resumed.
std::optional<base::Seconds> pause_length(const std::string& typed) {
    if (typed.empty()) return {};
    const auto length = base::parse_duration(typed);
    if (length && *length > 0s) return length;
    throw base::Failure(
        base::ExitCode::usage,
        fmt::format("--for: '{}' is no duration; write it as 30m, 2h or 1d", typed));
}

/// Nobody needs to be asked what they would do, but whether there is anybody, and how it stands.
std::string dry_run_text(const Config& config, const BreakerArguments& typed) {
    const auto found = Json::parse(ask_or_fail(config, dump(list_request(1))));
    const bool is_paused = found.contains("paused") && found.at("paused").is_object();
    const auto present =
        is_paused ? pause_text(pause_of(found.at("paused")), config.timezone) : "not paused";
    if (typed.action == Action::resume)
        return fmt::format("the breaker would {} (now: {})",
                           is_paused ? "write again" : "go on as it does", present);
    return fmt::format("the breaker would write nothing at the gateway {} (now: {})",
                       typed.lasts.empty() ? "until it is resumed" : "for " + typed.lasts, present);
}

int pause_or_resume(const Arguments& arguments) {
    const auto& typed = arguments.breaker;
    pause_length(typed.lasts);  // wrong usage needs no daemon
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
    std::cout << (arguments.json ? dump(answer) : text_of(answer, "text")) << '\n';
    return 0;
}

}  // namespace

int breaker_command(const Arguments& arguments) {
    switch (arguments.breaker.action) {
        case Action::list:
            return list(arguments);
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
