#include <algorithm>
#include <filesystem>
#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/failure.h"
#include "base/lock_file.h"
#include "daemon/bundle_text.h"
#include "daemon/commands/commands.h"
#include "daemon/messages.h"
#include "daemon/outbox_page.h"
#include "daemon/retry_request.h"
#include "daemon/schemas.h"
#include "notifiers/recipe.h"
#include "notifiers/rendering.h"
#include "sync/history.h"

namespace quotafuse::daemon {
namespace {

using Json = nlohmann::ordered_json;
using notifiers::Outcome;
using State = notifiers::Filed::State;
using Action = NotifyArguments::Action;

constexpr std::size_t kMostListed = 200;

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> names_of(const Config& config) {
    std::vector<std::string> names;
    for (const auto& settings : config.notifiers) names.push_back(settings.name);
    return names;
}

const notifiers::Settings& find_notifier(const Config& config, const std::string& name) {
    const auto at = std::ranges::find(config.notifiers, name, &notifiers::Settings::name);
    if (at != config.notifiers.end()) return *at;
    const auto known = names_of(config);
    throw base::Failure(
        base::ExitCode::usage,
        fmt::format("no notifier is called '{}'; configured are: {}", name,
                    known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))));
}

std::string_view verdict(Outcome::Kind kind) {
    switch (kind) {
        case Outcome::Kind::ok:
            return "done";
        case Outcome::Kind::transient:
            return "not done, but it may work later";
        case Outcome::Kind::permanent:
            return "refused";
        case Outcome::Kind::ambiguous:
            return "sent, but nobody answered; look whether it arrived";
    }
    std::abort();
}

/// "ops (telegram, by the proxy socks5h://host:1080): refused: what the service said", and what to
/// do about it.
void print(const notifiers::Settings& settings, const notifiers::Chats& done) {
    const auto& outcome = done.outcome;
    const bool ok = outcome.kind == Outcome::Kind::ok;
    auto& out = ok ? std::cout : std::cerr;
    out << fmt::format("{} ({}, {}): {}{}{}\n", settings.name, settings.type,
                       settings.recipe->route(), verdict(outcome.kind),
                       outcome.why.empty() ? "" : ": ", outcome.why);
    if (!outcome.advice.empty()) out << "  " << outcome.advice << '\n';
    for (const auto& chat : done.found) std::cout << chat << '\n';
}

void print_json(const notifiers::Settings& settings, const notifiers::Chats& done) {
    const auto& outcome = done.outcome;
    std::cout << dump(Json{{"notifier", settings.name},
                           {"route", settings.recipe->route()},
                           {"result", notifiers::outcome_name(outcome.kind)},
                           {"text", outcome.why},
                           {"advice", outcome.advice},
                           {"chats", done.found}})
              << '\n';
}

notifiers::Chats chats_of(notifiers::Provider& provider, const notifiers::Settings& settings) {
    auto chats = provider.chats();
    if (!chats) {
        throw base::Failure(
            base::ExitCode::usage,
            fmt::format("{}: only a Telegram bot can tell its chats; this notifier is of type {}",
                        settings.name, settings.type));
    }
    if (chats->outcome.kind == Outcome::Kind::ok && chats->found.empty()) {
        chats->outcome.advice =
            "the bot has seen no chat in the last 24 hours: write to it, or add it to the group "
            "and mention it there, then ask again";
    }
    return std::move(*chats);
}

/// Another id for each, for receivers that drop what they have seen.
notifiers::Mail test_mail(const Config& config, const NotifyArguments& typed,
                          const base::Clock& clock) {
    const auto now = clock.now();
    auto id = fmt::format("test-{}", clock.wall().time_since_epoch().count());
    auto message = Messages{config}.test(typed.text, now, id);
    // A critical test calls whom alerts call (see notifiers::Mentions).
    if (typed.mention) message.severity = base::Severity::critical;
    return {std::move(id), std::move(message), base::unix_seconds(now)};
}

int try_notifier(const Arguments& arguments) {
    const auto& typed = arguments.notify;
    const bool chats = typed.action == Action::chats;
    const auto config =
        load_or_fail(arguments, chats ? NotifierUse::find_chats : NotifierUse::tell);
    const auto& settings = find_notifier(config, typed.name);
    const base::SystemClock clock;
    auto& screen = arguments.json ? std::cerr : std::cout;
    const auto provider = settings.recipe->make({clock, {screen, ::isatty(STDOUT_FILENO) == 1}});
    const auto done = chats ? chats_of(*provider, settings)
                            : notifiers::Chats{provider->send(test_mail(config, typed, clock)), {}};
    arguments.json ? print_json(settings, done) : print(settings, done);
    const bool ok = done.outcome.kind == Outcome::Kind::ok;
    return static_cast<int>(ok ? base::ExitCode::ok : base::ExitCode::failed);
}

std::string line_of(const notifiers::Filed& letter, const base::TimeZone& zone) {
    auto text = fmt::format("{}  {}  {}  {}", letter.id, zone.format(letter.put_at),
                            letter.notifier, state_name(letter.state));
    if (letter.sent_with && *letter.sent_with != letter.id)
        text += fmt::format(" with {}", *letter.sent_with);
    text += "  " + notifiers::one_line(letter.title);
    if (letter.error.empty()) return text;
    return fmt::format("{}\n    {} {}: {}", text, letter.attempts,
                       letter.attempts == 1 ? "attempt" : "attempts", letter.error);
}

/// Looking needs no daemon, and is in nobody's way.
int list_letters(const Arguments& arguments) {
    const auto config = load_to_ask(arguments);
    sync::History history{config.store};
    base::require_version(history.handle(), config.store, notifiers::Outbox::schema());
    const auto state = arguments.notify.failed ? std::optional{State::dead} : std::nullopt;
    const auto letters = notifiers::filed(history.handle(), {state, kMostListed});
    if (arguments.json) {
        auto list = Json::array();
        for (const auto& letter : letters) list.push_back(to_json(letter));
        std::cout << dump(Json{{"letters", list}}) << '\n';
        return 0;
    }
    for (const auto& letter : letters) std::cout << line_of(letter, config.timezone) << '\n';
    if (letters.empty())
        std::cout << (arguments.notify.failed ? "no dead letters\n" : "nothing was to be told\n");
    if (letters.size() == kMostListed)
        std::cerr << fmt::format("only the newest {} are shown\n", kMostListed);
    return 0;
}

std::string retry_in_store(const Config& config, const std::string& request) {
    if (!std::filesystem::exists(config.store)) {
        throw base::Failure(
            base::ExitCode::no_input,
            fmt::format("store {}: no such file; the daemon makes it", config.store));
    }
    const base::LockFile lock{config.store + ".lock"};
    base::Database database{config.store, all_schemas()};
    notifiers::Outbox outbox{database, BundleText{config}};
    return retry_letters(outbox, names_of(config), request);
}

int retry(const Arguments& arguments) {
    const auto config = load_to_ask(arguments);
    Json request{{"command", "notify_retry"}};
    if (arguments.notify.id) request["id"] = *arguments.notify.id;
    const auto asked = ask_if_running(config, dump(request));
    const auto answer = asked ? *asked : retry_in_store(config, dump(request));
    if (arguments.json) {
        std::cout << answer << '\n';
        return 0;
    }
    const auto said = Json::parse(answer);
    const auto retried = said.at("retried").get<std::int64_t>();
    const auto others = said.value("not_configured", std::int64_t{0});
    if (retried > 0) {
        std::cout << fmt::format("{} {} again{}\n", retried,
                                 retried == 1 ? "dead letter waits" : "dead letters wait",
                                 asked ? "" : ", for when the daemon runs");
    } else if (others == 0) {
        std::cout << "no dead letters\n";
    }
    if (others > 0 && !arguments.notify.id) {
        std::cout << fmt::format("{} {} of notifiers that are not configured any more\n", others,
                                 others == 1 ? "dead letter is" : "dead letters are");
    }
    return 0;
}

}  // namespace

int notify_command(const Arguments& arguments) {
    switch (arguments.notify.action) {
        case Action::send:
        case Action::chats:
            return try_notifier(arguments);
        case Action::list:
            return list_letters(arguments);
        case Action::retry:
            return retry(arguments);
    }
    std::abort();
}

}  // namespace quotafuse::daemon
