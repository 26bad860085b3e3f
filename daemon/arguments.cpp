#include "daemon/arguments.h"

#include <algorithm>
#include <charconv>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/failure.h"
#include "daemon/help_texts.h"
#include "daemon/wrong_command.h"

namespace quotafuse::daemon {
namespace {

/// Empty for the number of an object at the gateway, else what is wrong.
std::string is_id(const std::string& text) {
    std::int64_t id = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, fault] = std::from_chars(text.data(), end, id);
    return fault == std::errc{} && stop == end && id > 0 ? "" : "write its number";
}

/// For options that mean nothing without a value: what to write in its place.
auto is_given(const std::string& what) {
    return [what](const std::string& text) {
        return text.find_first_not_of(" \t\r\n") != std::string::npos ? std::string{}
                                                                      : what + ": it is empty";
    };
}

class Parser {
public:
    Parser() {
        app_.require_subcommand(1);
        app_.set_help_flag("-h,--help", "show this help");
        app_.footer(
            "Configuration: /etc/quotafuse/quotafuse.yaml, or --config FILE. `quotafuse COMMAND "
            "--help` tells more.");
        add(Arguments::Command::run, "run",
            "mirror the gateway, watch the rules, tell people (what the service runs)")
            ->add_flag("--debug", arguments_.debug, "also log what is of interest to developers");
        auto* const check =
            add(Arguments::Command::check, "check",
                "read configuration and rules, and tell every fault with its place");
        check->add_flag("--online", arguments_.online,
                        "also connect to the gateway and see what the accounts may do");
        with_json(add(Arguments::Command::sync, "sync",
                      "copy what the gateway has logged into the store, then end"));
        auto* const status =
            add(Arguments::Command::status, "status", "ask the running daemon how it is");
        status->add_option("--rule", arguments_.rule,
                           "why this rule fires or does not: its last evaluations");
        with_json(status);
        add_silence();
        add_breaker();
        add_replay();
        add_test_rules();
        add_init();
        add_notify();
        add(Arguments::Command::password, "password",
            "ask for a password of the status page and print its hash for the configuration");
        add_grants();
        auto* const backup = add(Arguments::Command::backup, "backup",
                                 "copy the store to a file, also while the daemon runs");
        backup->add_option("FILE", arguments_.file, "the copy")->required();
        backup->add_flag("--force", arguments_.force, "also over a file that exists");
        with_json(backup);
        auto* const demo =
            add(Arguments::Command::demo, "demo",
                "show everything with a gateway of its own: traffic, an incident, a blown fuse");
        demo->add_option("--dir", arguments_.demo_folder,
                         "where to live (default: a new folder, deleted at the end)");
        demo->add_option("--listen", arguments_.demo_listen, "address of the status page")
            ->capture_default_str();
        demo->add_option("--seconds", arguments_.demo_seconds,
                         "end by itself after so many seconds")
            ->check(CLI::NonNegativeNumber);
        with_json(add(Arguments::Command::version, "version",
                      "say which quotafuse this is, and with which libraries"));
    }

    Parsed parse(int argc, const char* const* argv) {
        const auto wrong = wrong_command(app_, "", {argv + 1, argv + std::max(argc, 1)});
        if (!wrong.empty()) {
            std::cerr << wrong << '\n';
            return {std::nullopt, static_cast<int>(base::ExitCode::usage)};
        }
        try {
            app_.parse(argc, argv);
            return {arguments_, 0};
        } catch (const CLI::ParseError& e) {
            // CLI11 has exit codes of its own; ours are sysexits'.
            const bool is_error = app_.exit(e) != 0;
            return {std::nullopt, is_error ? static_cast<int>(base::ExitCode::usage) : 0};
        }
    }

private:
    CLI::App* add(Arguments::Command command, const std::string& name, const std::string& what) {
        return add(app_, command, name, what);
    }
    CLI::App* add(CLI::App& parent, Arguments::Command command, const std::string& name,
                  const std::string& what) {
        auto* const sub = parent.add_subcommand(name, what);
        sub->add_option_function<std::string>(
               "-c,--config",
               [this](const std::string& file) {
                   arguments_.config = {file, true};
               },
               "configuration file (default /etc/quotafuse/quotafuse.yaml)")
            ->check(is_given("name the file"))
            ->type_name("FILE");
        sub->callback([this, command] { arguments_.command = command; });
        return sub;
    }
    CLI::App* add_silence_action(CLI::App& parent, SilenceArguments::Action action,
                                 const std::string& name, const std::string& what) {
        auto* const sub = add(parent, Arguments::Command::silence, name, what);
        sub->callback([this, action] {
            arguments_.command = Arguments::Command::silence;
            arguments_.silence.action = action;
        });
        with_json(sub);
        return sub;
    }
    void add_silence() {
        using Action = SilenceArguments::Action;
        auto& silence = *app_.add_subcommand("silence", "mute what rules say, for a time");
        silence.require_subcommand(1);
        auto& typed = arguments_.silence;
        auto* const begin = add_silence_action(silence, Action::add, "add",
                                               "begin a silence; rules go on, and so do actions");
        begin->add_option("--rule", arguments_.rule, "rule or built-in alert, * and ? allowed")
            ->required();
        begin->add_option("--match", typed.match, "only series with these: channel=3,model=gpt-4*");
        begin->add_option("--for", typed.lasts, "how long: 30m, 2h, 1d");
        begin->add_option(
            "--until", typed.until,
            "or until when: 2026-11-22 (as it begins), \"2026-11-22 08:00\"; local time");
        begin->add_option("--reason", typed.reason, "for those who find it")->required();
        begin->add_flag("--no-action", typed.no_action, "the breaker holds still, too");
        add_silence_action(silence, Action::list, "list", "which silences there are");
        add_silence_action(silence, Action::end, "end", "end one before its time")
            ->add_option("ID", typed.id, "its number, as `silence list` shows it")
            ->required();
    }
    CLI::App* add_breaker_action(CLI::App& parent, BreakerArguments::Action action,
                                 const std::string& name, const std::string& what) {
        auto* const sub = add(parent, Arguments::Command::breaker, name, what);
        sub->callback([this, action] {
            arguments_.command = Arguments::Command::breaker;
            arguments_.breaker.action = action;
        });
        with_json(sub);
        return sub;
    }
    void with_dry_run(CLI::App* sub) {
        sub->add_flag("--dry-run", arguments_.breaker.dry_run,
                      "only say what would be done, by the rows as they are; nothing is written");
    }
    /// The options that name a target: one of them is needed, or `other`.
    void with_target(CLI::App* sub, CLI::Option* other) {
        auto& typed = arguments_.breaker;
        auto* const channel =
            sub->add_option("--channel", typed.channel, "a channel, by its number at the gateway")
                ->check(is_id)
                ->type_name("ID");
        sub->add_option("--model", typed.model,
                        "only this model of the channel, named as the channel lists it")
            ->needs(channel)
            ->check(is_given("name the model"))
            ->type_name("NAME");
        auto* const token =
            sub->add_option("--token", typed.token,
                            "an API key, by its number at the gateway (never the key itself)")
                ->check(is_id)
                ->type_name("ID")
                ->excludes(channel);
        if (other != nullptr) other->excludes(channel)->excludes(token);
        sub->parse_complete_callback([this, channel, token, other] {
            if (arguments_.breaker.even_if_last && token->count() > 0) {
                throw CLI::ValidationError(
                    "--even-if-last",
                    "a key takes no channel from anybody, so it means nothing with --token: leave "
                    "it out");
            }
            const bool named = channel->count() + token->count() > 0;
            if (!named && (other == nullptr || other->count() == 0))
                throw CLI::RequiredError(other == nullptr ? "--channel or --token"
                                                          : "TRIP, --channel or --token");
        });
    }
    CLI::Option* add_trip(CLI::App* sub) {
        return sub->add_option("TRIP", arguments_.breaker.trip, "its id, from `breaker list`")
            ->check(is_given("write the id of a trip, as `quotafuse breaker list` shows it"));
    }
    void add_breaker() {
        using Action = BreakerArguments::Action;
        auto& breaker = *app_.add_subcommand(
            "breaker",
            "the circuit breaker: see what is off at the gateway, switch off, give back, "
            "pause, report");
        breaker.footer(kBreakerHelp);
        breaker.require_subcommand(1);
        auto& typed = arguments_.breaker;
        auto* const list = add_breaker_action(breaker, Action::list, "list",
                                              "what quotafuse has off or on trial and how it "
                                              "comes back, and the newest steps; needs no daemon");
        list->add_option("--limit", typed.limit, "show so many steps")
            ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000}))
            ->capture_default_str();
        list->footer(kBreakerListJson);
        auto* const trip = add_breaker_action(breaker, Action::trip, "trip",
                                              "switch a channel, one model of it or an API key "
                                              "off; the guards and breaker.mode hold as for rules");
        with_target(trip, nullptr);
        trip->add_option("--reason", typed.reason,
                         "why, for people: stands in messages, the audit and on New API's page")
            ->required()
            ->check(is_given("say why in a few words"))
            ->type_name("TEXT");
        trip->add_flag("--even-if-last", typed.even_if_last,
                       "also where models have no other channel then; not with --token");
        auto* const restore = add_breaker_action(breaker, Action::restore, "restore",
                                                 "give back what quotafuse switched off, as it was "
                                                 "before");
        with_target(restore, add_trip(restore));
        auto* const undo =
            add_breaker_action(breaker, Action::undo, "undo",
                               "undo the last step of a trip: what is off is given back, what "
                               "was given back is switched off again");
        add_trip(undo)->required();
        undo->add_flag("--even-if-last", typed.even_if_last,
                       "what was given back goes off even where models have no other channel then");
        for (auto* const sub : {trip, restore, undo}) {
            with_dry_run(sub);
            sub->footer(kBreakerOrderJson);
        }
        auto* const pause =
            add_breaker_action(breaker, Action::pause, "pause",
                               "write nothing at the gateway until resumed: neither trips nor "
                               "returns; what is off stays off");
        pause->add_option("--for", typed.lasts, "how long: 30m, 2h, 1d (default: until resumed)")
            ->check(is_given("write how long, as 30m, 2h or 1d"))
            ->type_name("TIME");
        pause
            ->add_option("--reason", typed.reason,
                         "why, for those who find it (default: as before, if it is paused)")
            ->check(is_given("say why in a few words"))
            ->type_name("TEXT");
        auto* const resume = add_breaker_action(breaker, Action::resume, "resume", "end the pause");
        for (auto* const sub : {pause, resume}) {
            with_dry_run(sub);
            sub->footer("--json gives one object: text.");
        }
        add_breaker_report(breaker);
    }
    void add_breaker_report(CLI::App& breaker) {
        auto& typed = arguments_.breaker;
        auto* const report = add_breaker_action(
            breaker, BreakerArguments::Action::report, "report",
            "what the breaker did and would have done, what that is worth, and which rules are "
            "ready for live mode");
        report
            ->add_option("--since", typed.since,
                         "how long ago (7d, 12h), or a local time: 2026-10-01, \"2026-10-01 "
                         "08:00\"")
            ->capture_default_str();
        report->add_option("--until", typed.until, "a local time (default: now)")
            ->check(is_given("write a local time, as 2026-10-31"));
        report->add_option("--rule", arguments_.rule, "only this one")
            ->check(is_given("name the rule"));
        report->footer(kBreakerReportJson);
    }
    void add_notify() {
        using Action = NotifyArguments::Action;
        auto& typed = arguments_.notify;
        auto* const notify =
            add(Arguments::Command::notify, "notify",
                "send a test message; list what was to be told, and have it told again");
        auto* const name =
            notify->add_option("NAME", typed.name, "the notifier, as the configuration names it");
        auto* const text = notify->add_option("TEXT", typed.text, "what to say");
        auto* const mention = notify->add_flag("--mention", typed.mention,
                                               "also call whom a critical alert would call");
        auto* const chats = notify->add_flag_callback(
            "--chats", [&typed] { typed.action = Action::chats; },
            "the chats that this Telegram bot sees, with their numbers");
        auto* const list = notify->add_flag_callback(
            "--list", [&typed] { typed.action = Action::list; },
            "the newest messages of the outbox");
        notify->add_flag("--failed", typed.failed, "of these only dead letters")->needs(list);
        auto* const retry = notify->add_option_function<std::string>(
            "--retry", [this](const std::string& which) { read_retry(which); },
            "send a dead letter again: its number, as --list shows it, or all");
        retry->type_name("ID|all");
        chats->excludes(text)->excludes(list)->excludes(retry);
        mention->excludes(chats)->excludes(list)->excludes(retry);
        list->excludes(name)->excludes(retry);
        retry->excludes(name);
        with_json(notify);
        notify->callback([this, &typed] {
            arguments_.command = Arguments::Command::notify;
            const bool named = typed.action == Action::send || typed.action == Action::chats;
            if (named && typed.name.empty()) throw CLI::RequiredError("NAME");
        });
        notify->footer(kNotifyJson);
    }
    void read_retry(const std::string& which) {
        arguments_.notify.action = NotifyArguments::Action::retry;
        std::int64_t id = 0;
        const auto* const end = which.data() + which.size();
        const auto [stop, fault] = std::from_chars(which.data(), end, id);
        if (fault == std::errc{} && stop == end && id > 0) {
            arguments_.notify.id = id;
        } else if (which != "all") {
            throw CLI::ValidationError("--retry", "write a number, or all");
        }
    }
    void with_files(CLI::App* sub) {
        sub->add_option("FILE", arguments_.rule_files,
                        "rule files, instead of those of the configuration");
    }
    void add_grants() {
        auto* const grants =
            add(Arguments::Command::grants, "grants",
                "print the SQL for the database accounts that this configuration needs");
        grants->add_flag("--tokens", arguments_.tokens,
                         "also let the breaker disable API keys (`breaker trip --token`)");
        grants->add_flag("--models", arguments_.models,
                         "also let it disable single models (`breaker trip --model`)");
    }
    void add_test_rules() {
        auto* const test_rules = add(Arguments::Command::test_rules, "test-rules",
                                     "run the tests that stand in the rule files");
        with_files(test_rules);
        with_json(test_rules);
        test_rules->footer(kTestRulesJson);
    }
    void add_replay() {
        auto* const replay =
            add(Arguments::Command::replay, "replay",
                "when each rule would have fired, by the rows that are stored; changes nothing");
        auto& typed = arguments_.replay;
        replay->add_option("--rules", arguments_.rule_files,
                           "rule files, instead of those of the configuration");
        replay
            ->add_option(
                "--since", typed.since,
                "how long ago (30d, 12h), or a local time: 2026-10-01, \"2026-10-01 08:00\"")
            ->capture_default_str();
        replay->add_option("--until", typed.until, "a local time (default: now)");
        auto* const rule = replay->add_option("--rule", arguments_.rule, "only this one");
        replay
            ->add_option("--suggest", typed.suggest,
                         "limits at which this rule would fire about 1, 5 and 20 times a month")
            ->excludes(rule);
        replay
            ->add_flag("--compare", typed.compare,
                       "whether the rules decide now as the daemon did then; ends with 1 where not")
            ->excludes("--suggest");
        with_json(replay);
        replay->footer(kReplayJson);
    }
    void add_init() {
        auto* const init = add(Arguments::Command::init, "init",
                               "write a configuration and rules with limits from this gateway's "
                               "own history");
        auto& typed = arguments_.init;
        init->add_option("--dir", typed.folder, "where to")->capture_default_str();
        init->add_option("--store", typed.store,
                         "the mirror (default: /var/lib/quotafuse/quotafuse.db)");
        init->add_flag("--yes", typed.yes, "without asking");
    }
    void with_json(CLI::App* sub) { sub->add_flag("--json", arguments_.json, "answer in JSON"); }

    Arguments arguments_;
    CLI::App app_{"quotafuse: the fuse box of an LLM gateway", "quotafuse"};
};

}  // namespace

Parsed parse_arguments(int argc, const char* const* argv) {
    return Parser{}.parse(argc, argv);
}

}  // namespace quotafuse::daemon
