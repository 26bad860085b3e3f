#include "daemon/arguments.h"

#include <iostream>

#include <CLI/CLI.hpp>

#include "base/failure.h"

namespace quotafuse::daemon {
namespace {

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
        with_json(add(Arguments::Command::status, "status", "ask the running daemon how it is"));
        auto* const notify = add(Arguments::Command::notify, "notify", "send a test message");
        notify->add_option("NAME", arguments_.name, "the notifier, as the configuration names it")
            ->required();
        notify->add_option("TEXT", arguments_.text, "what to say");
        add(Arguments::Command::grants, "grants",
            "print the SQL for the database accounts that this configuration needs");
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
        auto* const sub = app_.add_subcommand(name, what);
        sub->add_option_function<std::string>(
               "-c,--config",
               [this](const std::string& file) {
                   arguments_.config = {file, true};
               },
               "configuration file (default /etc/quotafuse/quotafuse.yaml)")
            ->type_name("FILE");
        sub->callback([this, command] { arguments_.command = command; });
        return sub;
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
