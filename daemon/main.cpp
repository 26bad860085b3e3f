#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>

#include <SQLiteCpp/Exception.h>
#include <sys/stat.h>

#include "base/failure.h"
#include "daemon/arguments.h"
#include "daemon/commands/commands.h"

namespace quotafuse::daemon {
namespace {

int dispatch(const Arguments& arguments) {
    switch (arguments.command) {
        case Arguments::Command::run:
            return run_command(arguments);
        case Arguments::Command::check:
            return check_command(arguments);
        case Arguments::Command::sync:
            return sync_command(arguments);
        case Arguments::Command::status:
            return status_command(arguments);
        case Arguments::Command::notify:
            return notify_command(arguments);
        case Arguments::Command::password:
            return password_command(arguments);
        case Arguments::Command::grants:
            return grants_command(arguments);
        case Arguments::Command::backup:
            return backup_command(arguments);
        case Arguments::Command::demo:
            return demo_command(arguments);
        case Arguments::Command::silence:
            return silence_command(arguments);
        case Arguments::Command::breaker:
            return breaker_command(arguments);
        case Arguments::Command::replay:
            return replay_command(arguments);
        case Arguments::Command::test_rules:
            return test_rules_command(arguments);
        case Arguments::Command::init:
            return init_command(arguments);
        case Arguments::Command::version:
            return version_command(arguments);
    }
    std::abort();
}

}  // namespace
}  // namespace quotafuse::daemon

int main(int argc, char** argv) {
    using quotafuse::base::ExitCode;
    std::signal(
        SIGPIPE,
        SIG_IGN);  // a peer that hangs up is an error of that connection, not of the process
    ::umask(027);  // a store has names and addresses in it, which are nobody else's business
    // Line by line into a pipe, too: what goes to stderr meanwhile keeps its place.
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    const auto parsed = quotafuse::daemon::parse_arguments(argc, argv);
    if (!parsed.arguments) return parsed.exit_code;
    try {
        return quotafuse::daemon::dispatch(*parsed.arguments);
    } catch (const quotafuse::base::Failure& e) {
        std::cerr << "quotafuse: " << e.what() << '\n';
        return static_cast<int>(e.code());
    } catch (const SQLite::Exception& e) {
        std::cerr << "quotafuse: store: " << e.what() << '\n';
        return static_cast<int>(ExitCode::io_error);
    } catch (const std::exception& e) {
        std::cerr << "quotafuse: unexpected: " << e.what() << '\n';
        return static_cast<int>(ExitCode::failed);
    }
}
