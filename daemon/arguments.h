#pragma once

#include <optional>
#include <string>

#include "daemon/config.h"

namespace quotafuse::daemon {

/// The command line, understood.
struct Arguments {
    enum class Command { run, check, sync, status, notify, grants, backup, demo, version };
    Command command = Command::run;
    ConfigLocation config;
    bool json = false;
    bool debug = false;       // run, demo: also debug lines
    bool online = false;      // check: connect, too
    std::string file;         // backup: where to
    bool force = false;       // backup: also over a file that is there
    std::string name;         // notify: which notifier
    std::string text;         // notify: what to say
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
