#include "daemon/demo/demo.h"

#include <csignal>
#include <filesystem>
#include <iostream>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "base/failure.h"
#include "daemon/commands/commands.h"
#include "daemon/daemon.h"
#include "daemon/demo/scenario.h"
#include "daemon/scratch_folder.h"
#include "daemon/setup_files.h"
#include "daemon/signals.h"

namespace quotafuse::daemon {
namespace {

/// Where the demo lives: a folder that was named and stays, or a new one that goes at the end.
class Stage {
public:
    explicit Stage(const std::string& named) : path_(named) {
        if (named.empty()) {
            path_ = scratch_.emplace("quotafuse-demo").path();
        } else {
            std::filesystem::create_directories(path_);
        }
    }
    const std::string& path() const { return path_; }

private:
    std::string path_;
    std::optional<ScratchFolder> scratch_;
};

Config prepare_config(const demo::DemoSetup& setup, const std::string& listen) {
    const auto file = setup.folder + "/quotafuse.yaml";
    write_file(file, demo::demo_config_yaml(setup, listen, "rules.yaml"), 0640);
    write_file(setup.folder + "/rules.yaml", demo::demo_rules_yaml(), 0640);
    base::yaml::Diagnostics diagnostics;
    auto config = load_config({file, true}, base::Environment{}, diagnostics);
    if (!diagnostics.ok())
        throw base::Failure(base::ExitCode::config,
                            fmt::format("{}", fmt::join(diagnostics.lines(), "\n")));
    return config;
}

void tell_the_story(const std::string& url, const std::string& folder) {
    std::cout
        << fmt::format(
               "\nquotafuse demo: a New API gateway on SQLite with a month of traffic behind "
               "it.\n"
               "  status page  {}\n"
               "  its files    {} (configuration, rules, the gateway's one-api.db, the mirror)\n"
               "Watch the alerts come and the breaker disable what it may. Ctrl-C ends it.\n\n",
               url, folder)
        << std::flush;
}

/// Tells each chapter of the story when it begins.
class Narrator {
public:
    explicit Narrator(const base::Clock& clock) : clock_(clock), start_(clock.mono()) {}

    void tell() {
        while (!left_.empty() && clock_.mono() - start_ >= left_.front().at) {
            std::cout << fmt::format("· {}\n\n", left_.front().text) << std::flush;
            left_ = left_.subspan(1);
        }
    }

private:
    const base::Clock& clock_;
    base::MonoTime start_;
    std::span<const demo::Chapter> left_ = demo::chapters();
};

}  // namespace

int demo_command(const Arguments& arguments) {
    const Signals signals;
    const base::Log log{arguments.debug ? base::Level::debug : base::Level::info};
    const base::SystemClock clock;
    const Stage stage{arguments.demo_folder};
    const auto setup = demo::prepare_demo(stage.path(), clock);
    const auto config = prepare_config(setup, arguments.demo_listen);
    Sessions sessions{clock};
    Daemon daemon{config, clock, log, 1, sessions};
    tell_the_story(daemon.url(), stage.path());
    const auto traffic = demo::start_traffic(setup, clock, log);
    const auto end = clock.mono() + base::Seconds{arguments.demo_seconds};
    Narrator narrator{clock};
    for (;;) {
        narrator.tell();
        if (signals.wait(base::Milliseconds{200}) != 0) break;
        if (arguments.demo_seconds > 0 && clock.mono() >= end) break;
    }
    std::cout << "\nThat was the demo. Beside a real gateway: see the README.\n";
    return 0;
}

}  // namespace quotafuse::daemon
