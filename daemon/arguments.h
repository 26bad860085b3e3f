#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/config.h"

namespace quotafuse::daemon {

/// `quotafuse silence …`, as typed.
struct SilenceArguments {
    enum class Action { add, list, end };
    Action action = Action::add;
    std::string match;
    std::string lasts;  // --for
    std::string until;
    std::string reason;
    bool no_action = false;
    std::int64_t id = 0;
};

/// `quotafuse notify …`, as typed.
struct NotifyArguments {
    enum class Action { send, chats, list, retry };
    Action action = Action::send;
    std::string name;                // send, chats: which notifier
    std::string text;                // send: what to say
    bool mention = false;            // send: call whom a critical alert would call
    bool failed = false;             // list: dead letters only
    std::optional<std::int64_t> id;  // retry: which dead letter; empty = all
};

/// `quotafuse replay …`, as typed; rules and their files are in Arguments.
struct ReplayArguments {
    std::string since = "30d";  // how long ago, or a local time
    std::string until;          // a local time; empty = now
    std::string suggest;        // the rule whose limit is wanted
    bool compare = false;       // with what the daemon wrote
};

/// `quotafuse breaker …`, as typed; --rule of the report is in Arguments.
struct BreakerArguments {
    enum class Action { list, trip, restore, undo, pause, resume, report };
    Action action = Action::list;
    std::int64_t limit = 20;   // list: so many entries
    std::int64_t channel = 0;  // trip, restore: what; 0 = not named
    std::string model;         // only this one of the channel
    std::int64_t token = 0;
    std::string trip;           // restore, undo: its id
    std::string reason;         // trip, pause
    bool even_if_last = false;  // trip, undo
    bool dry_run = false;       // trip, restore, undo, pause, resume
    std::string lasts;          // pause: --for; empty = until resumed
    std::string since = "7d";   // report: how long ago, or a local time
    std::string until;          // report: a local time; empty = now
};

/// `quotafuse init …`
struct InitArguments {
    std::string folder = "/etc/quotafuse";
    std::string store;  // empty = as the configuration says
    bool yes = false;   // without asking
};

/// The command line, understood.
struct Arguments {
    enum class Command {
        run,
        check,
        sync,
        status,
        notify,
        password,
        grants,
        backup,
        demo,
        silence,
        breaker,
        replay,
        test_rules,
        init,
        version
    };
    Command command = Command::run;
    ConfigLocation config;
    bool json = false;
    bool debug = false;   // run, demo: also debug lines
    bool online = false;  // check: connect, too
    bool tokens = false;  // grants: also what a person's trip of a key needs
    bool models = false;  // grants: also what a person's trip of one model needs
    std::string rule;     // status, silence add, replay, breaker report: which one
    SilenceArguments silence;
    BreakerArguments breaker;
    std::vector<std::string> rule_files;  // replay, test-rules: in place of the configured ones
    ReplayArguments replay;
    InitArguments init;
    std::string file;    // backup: where to
    bool force = false;  // backup: also over a file that is there
    NotifyArguments notify;
    std::string demo_folder;  // demo: where to live; empty = a new folder that goes at the end
    std::string demo_listen = "127.0.0.1:8787";
    int demo_seconds = 0;  // demo: stop after that long; 0 = when told
};

struct Parsed {
    std::optional<Arguments> arguments;
    int exit_code =
        0;  // when there are none: 0 after --help, 64 after wrong usage; the text was printed
};
Parsed parse_arguments(int argc, const char* const* argv);

}  // namespace quotafuse::daemon
