#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "alerts/state_store.h"
#include "base/failure.h"
#include "daemon/commands/commands.h"
#include "daemon/silence_book.h"
#include "sync/history.h"

namespace quotafuse::daemon {
namespace {

using Json = nlohmann::json;
using Action = SilenceArguments::Action;

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string request_of(const Arguments& arguments) {
    const auto& typed = arguments.silence;
    switch (typed.action) {
        case Action::add:
            return dump({{"command", "silence_add"},
                         {"rule", arguments.rule},
                         {"match", typed.match},
                         {"for", typed.lasts},
                         {"until", typed.until},
                         {"reason", typed.reason},
                         {"no_action", typed.no_action}});
        case Action::list:
            return dump({{"command", "silence_list"}});
        case Action::end:
            return dump({{"command", "silence_end"}, {"id", typed.id}});
    }
    std::abort();
}

/// Looking needs no daemon: what is on record is what the next one takes up.
std::string list_of_store(const Config& config) {
    sync::History history{config.store};
    const base::SystemClock clock;
    return fmt::format(R"({{"silences":{}}})",
                       silences_json(alerts::load_silences(history.handle(), clock.now())));
}

std::string ask(const Config& config, const Arguments& arguments) {
    const auto request = request_of(arguments);
    if (arguments.silence.action != Action::list) return ask_or_fail(config, request);
    auto answer = ask_if_running(config, request);
    return answer ? std::move(*answer) : list_of_store(config);
}

void print(const Json& answer, Action action, const base::TimeZone& zone) {
    switch (action) {
        case Action::add:
            std::cout << "silenced: " << silence_text(answer.at("silence").dump(), zone) << '\n';
            for (const auto& warning : answer.at("warnings"))
                std::cerr << "warning: " << warning.get<std::string>() << '\n';
            return;
        case Action::list:
            for (const auto& silence : answer.at("silences"))
                std::cout << silence_text(silence.dump(), zone) << '\n';
            if (answer.at("silences").empty()) std::cout << "no silences\n";
            return;
        case Action::end:
            std::cout << "ended: " << silence_text(answer.at("silence").dump(), zone) << '\n';
            return;
    }
    std::abort();
}

}  // namespace

std::string silence_text(const std::string& json, const base::TimeZone& zone) {
    const auto silence = Json::parse(json);
    const auto match = silence.at("match").get<std::string>();
    return fmt::format("{}  {}{} until {}{}: {}", silence.at("id").get<std::int64_t>(),
                       silence.at("rule").get<std::string>(), match.empty() ? "" : " " + match,
                       zone.format(base::from_unix(silence.at("until").get<std::int64_t>())),
                       silence.at("holds_actions").get<bool>() ? ", the breaker holds still"
                                                               : ", the breaker still acts",
                       silence.at("reason").get<std::string>());
}

int silence_command(const Arguments& arguments) {
    const auto config = load_to_ask(arguments);
    const auto answer = ask(config, arguments);
    if (arguments.json)
        std::cout << answer << '\n';
    else
        print(Json::parse(answer), arguments.silence.action, config.timezone);
    return 0;
}

}  // namespace quotafuse::daemon
