#include <algorithm>
#include <cmath>
#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/duration.h"
#include "base/failure.h"
#include "daemon/breaker_json.h"
#include "daemon/commands/commands.h"
#include "daemon/commands/json_answer.h"
#include "daemon/control_client.h"
#include "daemon/number_format.h"
#include "notifiers/rendering.h"

namespace quotafuse::daemon {
namespace {

using Json = nlohmann::json;

void print_list(const Json& list, const std::string& head,
                const std::function<std::string(const Json&)>& line) {
    if (list.empty()) return;
    std::cout << head << '\n';
    for (const auto& one : list) std::cout << "  " << line(one) << '\n';
}

std::string text_or(const Json& value, const std::string& otherwise) {
    return value.is_string() ? value.get<std::string>() : otherwise;
}

/// Whether one of the reasons why it is not ready says this already.
bool is_said(const Json& status, const std::string& text) {
    const auto& reasons = status.at("readiness").at("reasons");
    return std::ranges::any_of(reasons, [&](const Json& reason) {
        return !text.empty() && text_or(reason, "").find(text) != std::string::npos;
    });
}

/// "12.3 % > 5 %"; "3 % (limit > 5 %)" while it is within its limit again.
std::string value_text(const Json& alert) {
    const auto unit = text_or(alert.at("unit"), "");
    const bool below = alert.value("below", false);
    const auto limit = alert.at("threshold").get<double>();
    const auto shown = [&](double value) {
        const bool named = unit == "tokens" || unit == "quota";
        return format_value(unit, value) + (named ? " " + unit : "");
    };
    const auto bound = fmt::format("{} {}", below ? "<" : ">", shown(limit));
    if (!alert.at("value").is_number()) return fmt::format("no value (limit {})", bound);
    const auto value = alert.at("value").get<double>();
    const bool beyond = below ? value < limit : value > limit;
    return beyond ? fmt::format("{} {}", shown(value), bound)
                  : fmt::format("{} (limit {})", shown(value), bound);
}

/// What is not as usual, one line each.
void print_source(const Json& status, const base::TimeZone& zone) {
    const auto& source = status.at("source");
    const auto& store = status.at("store");
    const auto time = [&](const Json& at) {
        return at.is_number() ? " since " + zone.format(base::from_unix(at.get<std::int64_t>()))
                              : "";
    };
    if (const auto epoch = source.at("epoch").get<std::int64_t>(); epoch > 0)
        std::cout << fmt::format("          epoch {}{}: the gateway's log began anew\n", epoch,
                                 time(source.at("epoch_since")));
    if (const auto broken = source.at("broken_others").get<std::int64_t>(); broken > 0)
        std::cout << fmt::format("          {} rows with an `other` that cannot be read\n",
                                 group_digits(broken));
    if (source.at("read_only").get<bool>()) std::cout << "          its server takes no writes\n";
    for (const auto& [kind, why] : source.at("troubles").items()) {
        if (is_said(status, text_or(why, ""))) continue;
        std::cout << fmt::format("          {} cannot be read: {}\n", kind, text_or(why, ""));
    }
    if (store.at("out_of_room").get<bool>()) {
        std::cout << fmt::format("store     store.max_size is reached: rows are kept only{}\n",
                                 time(store.at("kept_since")));
    }
    if (const auto check = text_or(store.at("check"), ""); check == "running" || check == "failed")
        std::cout << fmt::format("store     check of the file: {}\n", check);
}

std::string held(const Json& alert) {
    if (alert.value("silenced", false)) return " (silenced)";
    return alert.value("inhibited", false) ? " (inhibited)" : "";
}

void print_rules(const Json& rules) {
    print_list(rules.at("warming_rules"), "warming up:", [](const Json& rule) {
        return fmt::format("{}: {:.0f} %", text_or(rule.at("rule"), "?"),
                           rule.at("percent").get<double>());
    });
    print_list(rules.at("errors"), "in error, not evaluated:", [](const Json& rule) {
        return fmt::format("{}: {}", text_or(rule.at("rule"), "?"), text_or(rule.at("text"), ""));
    });
}

/// Without the built-in ones about rules that stand under "in error".
Json other_alerts(const Json& status) {
    auto others = Json::array();
    for (const auto& alert : status.at("alerts")) {
        const auto& errors = status.at("rules").at("errors");
        const bool told =
            alert.at("rule") == "rule-error" && std::ranges::any_of(errors, [&](const Json& error) {
                return error.at("rule") == alert.at("key");
            });
        if (!told) others.push_back(alert);
    }
    return others;
}

std::string time_text(const Json& at, const base::TimeZone& zone) {
    return zone.format(base::from_unix(at.get<std::int64_t>()));
}

void print_alerts(const Json& status, const base::TimeZone& zone) {
    print_list(other_alerts(status), "alerts:", [&](const Json& a) {
        const auto key = text_or(a.at("key"), "");
        const auto head = fmt::format("{}{} {}{}{} since {}: ", text_or(a.at("state"), "?"),
                                      held(a), text_or(a.at("rule"), "?"), key.empty() ? "" : " ",
                                      key, time_text(a.at("since"), zone));
        if (a.contains("text")) return head + text_or(a.at("text"), "");
        return head + value_text(a);
    });
    for (const auto& more : status.value("more_alerts", Json::array())) {
        std::cout << fmt::format("  {}: and {} more\n", text_or(more.at("rule"), "?"),
                                 group_digits(more.at("series").get<std::int64_t>()));
    }
    print_list(status.at("breaker").at("open"), "disabled by quotafuse:", [&](const Json& trip) {
        return notifiers::one_line(
            fmt::format("{}{} since {}", object_text(target_of(trip), text_of(trip, "name")),
                        text_of(trip, "state") == "trial" ? " (on trial)" : "",
                        time_text(trip.at("since"), zone)));
    });
}

std::string plural(std::int64_t count, const std::string& word) {
    return fmt::format("{} {}{}", group_digits(count), word,
                       count == 1 || word == "series" ? "" : "s");
}

/// What waits and what went wrong, with what the service says and what to do about it.
void print_notifiers(const Json& notifiers, const base::TimeZone& zone) {
    print_list(notifiers, "notifiers:", [&](const Json& n) {
        auto text = fmt::format("{}: {} waiting, {}", text_or(n.at("name"), "?"),
                                n.at("pending").get<std::int64_t>(),
                                plural(n.at("failed").get<std::int64_t>(), "dead letter"));
        if (n.at("last_ok").is_number()) text += ", last sent " + time_text(n.at("last_ok"), zone);
        if (!n.at("last_error").is_string()) return text;
        text += fmt::format("\n    last error {}: {}", time_text(n.at("last_failure"), zone),
                            text_or(n.at("last_error"), ""));
        const auto advice = text_or(n.at("advice"), "");
        return advice.empty() ? text : text + "\n    " + advice;
    });
}

/// The newest, each with its reason; a success since then hides none.
void print_dead(const Json& outbox, const base::TimeZone& zone) {
    const auto dead = outbox.value("dead", Json::array());
    print_list(dead, "dead letters:", [&](const Json& letter) {
        return fmt::format(
            "{}  {}  {}  {}\n    {}", letter.at("id").get<std::int64_t>(),
            time_text(letter.at("put_at"), zone), text_or(letter.at("notifier"), "?"),
            notifiers::one_line(text_or(letter.at("title"), "")), text_or(letter.at("error"), ""));
    });
    const auto failed = outbox.at("failed").get<std::int64_t>();
    if (const auto more = failed - static_cast<std::int64_t>(dead.size()); more > 0)
        std::cout << fmt::format("  and {} more: `quotafuse notify --list --failed`\n",
                                 group_digits(more));
    if (failed > 0) std::cout << "  again: `quotafuse notify --retry ID`, or `--retry all`\n";
}

void print_head(const Json& status) {
    const auto lag =
        status.at("lag_seconds").is_null()
            ? std::string{"unknown"}
            : base::format_duration(base::Seconds{status.at("lag_seconds").get<std::int64_t>()});
    std::cout << fmt::format(
        "quotafuse {} at {}, up {}\n", text_or(status.at("version"), "?"),
        text_or(status.at("site"), "?"),
        base::format_duration(base::Seconds{status.at("uptime_seconds").get<std::int64_t>()}));
    std::cout << fmt::format("gateway   {} ({}), {} rows, cursor {}, lag {}, {} gaps\n",
                             text_or(status.at("gateway"), "not read yet"),
                             text_or(status.at("source").at("state"), "?"),
                             group_digits(status.at("rows").get<std::int64_t>()),
                             status.at("cursor").get<std::int64_t>(), lag,
                             status.at("gaps").get<std::int64_t>());
}

void print(const Json& status, const base::TimeZone& zone) {
    const auto& rules = status.at("rules");
    const auto& outbox = status.at("outbox");
    print_head(status);
    print_source(status, zone);
    std::cout << fmt::format(
        "rules     {}: {} firing, {} pending, {} inactive, {} warming up, {} disabled, {} in "
        "error\n",
        rules.at("total").get<int>(), rules.at("firing").get<int>(), rules.at("pending").get<int>(),
        rules.at("inactive").get<int>(), rules.at("warming").get<int>(),
        rules.at("disabled").get<int>(), rules.at("error").get<int>());
    std::cout << fmt::format("outbox    {} waiting, {} failed for good\n",
                             outbox.at("pending").get<std::int64_t>(),
                             outbox.at("failed").get<std::int64_t>());
    const auto& breaker = status.at("breaker");
    std::cout << fmt::format("breaker   {}, {} disabled by quotafuse\n",
                             text_or(breaker.at("mode"), "?"), breaker.at("open").size());
    if (const auto paused = paused_text(breaker, zone); !paused.empty())
        std::cout << fmt::format("          {}: nothing is written at the gateway\n",
                                 notifiers::one_line(paused));
    print_list(status.at("readiness").at("reasons"),
               "not ready:", [](const Json& reason) { return reason.get<std::string>(); });
    print_list(status.at("readiness").value("notes", Json::array()),
               "note:", [](const Json& note) { return note.get<std::string>(); });
    print_rules(rules);
    print_list(status.at("silences"), "silences:", [&](const Json& silence) {
        return silence_text(silence.dump(), zone);
    });
    print_alerts(status, zone);
    print_notifiers(outbox.at("notifiers"), zone);
    print_dead(outbox, zone);
    const auto& error = status.at("last_error");
    if (!error.is_null() && !is_said(status, text_or(error.at("text"), ""))) {
        std::cout << fmt::format("last error {}: {}\n", time_text(error.at("at"), zone),
                                 text_or(error.at("text"), ""));
    }
}

/// "2026-01-05 23:00:04", "… to 23:07:31 (448 times)".
std::string period_text(const Json& evaluation, const base::TimeZone& zone) {
    const auto first = zone.format(base::from_unix(evaluation.at("first").get<std::int64_t>()));
    auto last = zone.format(base::from_unix(evaluation.at("last").get<std::int64_t>()));
    const auto times = evaluation.at("times").get<std::int64_t>();
    if (times <= 1) return first;
    const auto date = first.substr(0, first.find(' ') + 1);
    if (last.starts_with(date)) last.erase(0, date.size());
    return fmt::format("{} to {} ({})", first, last, plural(times, "time"));
}

std::string evaluation_text(const Json& evaluation, const base::TimeZone& zone) {
    const auto key = text_or(evaluation.at("key"), "");
    const auto shown = text_or(evaluation.at("shown"), "");
    const auto series = evaluation.at("series").get<std::int64_t>();
    return fmt::format("{}: {}{}{}{}: {}", period_text(evaluation, zone),
                       key.empty() ? "" : key + ", ", text_or(evaluation.at("state"), "?"),
                       shown.empty() ? "" : " " + shown,
                       series > 1 ? fmt::format(" (worst of {})", plural(series, "series")) : "",
                       text_or(evaluation.at("why"), ""));
}

/// Newest first: when, what was seen, and why nothing more came of it.
void print_report(const Json& report, const base::TimeZone& zone) {
    std::cout << fmt::format("{} ({}): {} remembered, {} firing, {} pending\n",
                             text_or(report.at("rule"), "?"), text_or(report.at("limit_shown"), ""),
                             plural(report.at("series").get<std::int64_t>(), "series"),
                             report.at("firing").get<std::int64_t>(),
                             report.at("pending").get<std::int64_t>());
    if (!report.at("enabled").get<bool>()) std::cout << "it is disabled (`enabled: false`)\n";
    if (report.at("error").is_string())
        std::cout << "in error, not evaluated: " << text_or(report.at("error"), "") << '\n';
    if (const auto percent = report.at("warmed_up_percent").get<double>(); percent < 100)
        std::cout << fmt::format("warming up: {:.0f} %; until then it neither fires nor resolves\n",
                                 percent);
    const auto& evaluations = report.at("evaluations");
    if (evaluations.empty()) std::cout << "not evaluated yet\n";
    for (const auto& one : evaluations) std::cout << "  " << evaluation_text(one, zone) << '\n';
}

}  // namespace

int status_command(const Arguments& arguments) {
    const auto config = load_to_ask(arguments);
    const bool of_rule = !arguments.rule.empty();
    const Json request =
        of_rule ? Json{{"command", "rule"}, {"rule", arguments.rule}} : Json{{"command", "status"}};
    const auto answer =
        ask_or_fail(config, request.dump(-1, ' ', false, Json::error_handler_t::replace));
    if (arguments.json) {
        std::cout << answer << '\n';
        return 0;
    }
    const auto status = Json::parse(answer, nullptr, false);
    if (!status.is_object() || (!of_rule && !status.contains("rules"))) {
        throw base::Failure(base::ExitCode::failed,
                            "the daemon is starting, ask again in a moment");
    }
    if (of_rule)
        print_report(status, config.timezone);
    else
        print(status, config.timezone);
    return 0;
}

}  // namespace quotafuse::daemon
