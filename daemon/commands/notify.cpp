#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "base/failure.h"
#include "daemon/commands/commands.h"
#include "daemon/messages.h"
#include "notifiers/providers.h"

namespace quotafuse::daemon {
namespace {

const notifiers::Settings& find_notifier(const Config& config, const std::string& name) {
    const auto at = std::find_if(config.notifiers.begin(), config.notifiers.end(),
                                 [&](const auto& settings) { return settings.name == name; });
    if (at != config.notifiers.end()) return *at;
    std::vector<std::string> known;
    for (const auto& settings : config.notifiers) known.push_back(settings.name);
    throw base::Failure(
        base::ExitCode::usage,
        fmt::format("no notifier is called '{}'; configured are: {}", name,
                    known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))));
}

}  // namespace

int notify_command(const Arguments& arguments) {
    const auto config = load_or_fail(arguments);
    const auto& settings = find_notifier(config, arguments.name);
    const base::SystemClock clock;
    const auto provider =
        notifiers::make_provider(settings, clock, {std::cout, ::isatty(STDOUT_FILENO) == 1});
    const Messages messages{config};
    const auto outcome = provider->send(messages.test(arguments.text, clock.now()));
    switch (outcome.kind) {
        case notifiers::Outcome::Kind::ok:
            std::cout << fmt::format("{}: sent{}\n", settings.name,
                                     outcome.why.empty() ? "" : " (" + outcome.why + ")");
            return 0;
        case notifiers::Outcome::Kind::transient:
            std::cerr << fmt::format("{}: not sent, but it may work later: {}\n", settings.name,
                                     outcome.why);
            break;
        case notifiers::Outcome::Kind::permanent:
            std::cerr << fmt::format("{}: refused: {}\n", settings.name, outcome.why);
            break;
        case notifiers::Outcome::Kind::ambiguous:
            std::cerr << fmt::format("{}: sent, but nobody answered; look whether it arrived: {}\n",
                                     settings.name, outcome.why);
            break;
    }
    return static_cast<int>(base::ExitCode::failed);
}

}  // namespace quotafuse::daemon
