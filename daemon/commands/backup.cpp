#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/failure.h"
#include "daemon/commands/commands.h"
#include "daemon/progress_line.h"
#include "daemon/signal_watch.h"
#include "daemon/store_copy.h"

namespace quotafuse::daemon {

int backup_command(const Arguments& arguments) {
    const auto config = load_or_fail(arguments);
    SignalWatch signals;
    const base::SystemClock clock;
    ProgressLine progress{clock};
    const auto show = [&](double share) {
        progress.show([&] {
            return fmt::format("{}  {} left", progress_bar(share),
                               time_left(share, progress.seconds()));
        });
    };
    const auto copied =
        copy_store(config.store, arguments.file, arguments.force, show, signals.token());
    progress.clear();
    if (!copied) {
        std::cerr << "stopped; no backup was made\n";
        signals.die_if_stopped();
        return static_cast<int>(base::ExitCode::failed);
    }
    if (arguments.json) {
        std::cout << nlohmann::ordered_json{{"file", arguments.file},
                                            {"bytes", copied->bytes},
                                            {"seconds", progress.seconds()}}
                  << '\n';
    } else {
        std::cout << fmt::format("{}: {:.1f} MB in {:.1f} s\n", arguments.file,
                                 static_cast<double>(copied->bytes) / 1e6, progress.seconds());
    }
    return 0;
}

}  // namespace quotafuse::daemon
