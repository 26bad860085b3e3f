#include <filesystem>
#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/failure.h"
#include "base/lock_file.h"
#include "daemon/commands/commands.h"
#include "daemon/schemas.h"
#include "sync/follower.h"

namespace quotafuse::daemon {
namespace {

/// A line on a terminal that is written over, a few times a second.
class Progress {
public:
    explicit Progress(const base::Clock& clock)
        : clock_(clock), start_(clock.mono()), shown_(start_) {}

    double seconds() const { return std::chrono::duration<double>(clock_.mono() - start_).count(); }

    void show(std::int64_t rows, std::int64_t cursor, std::int64_t last) {
        if (!terminal_ || clock_.mono() - shown_ < base::Milliseconds{200}) return;
        shown_ = clock_.mono();
        const auto speed = static_cast<double>(rows) / std::max(seconds(), 0.001);
        const auto left =
            static_cast<double>(std::max<std::int64_t>(last - cursor, 0)) / std::max(speed, 1.0);
        std::cerr << fmt::format("\r\033[K{} rows, {:.0f} rows/s, about {:.0f} s left", rows, speed,
                                 left)
                  << std::flush;
    }
    void clear() const {
        if (terminal_) std::cerr << "\r\033[K" << std::flush;
    }

private:
    const base::Clock& clock_;
    base::MonoTime start_;
    base::MonoTime shown_;
    bool terminal_ = ::isatty(STDERR_FILENO) == 1;
};

base::Failure explain(const sync::GatewayError& e, const sync::Dsn& dsn) {
    const auto code = e.kind() == sync::GatewayError::Kind::schema ? base::ExitCode::config
                                                                   : base::ExitCode::unavailable;
    return {code, fmt::format("{}: {}", dsn.describe(), e.what())};
}

}  // namespace

int sync_command(const Arguments& arguments) {
    const auto config = load_or_fail(arguments);
    require_source(config);
    const auto& dsn = *config.source.log_source();
    const base::SystemClock clock;
    const base::LockFile lock{config.store + ".lock"};
    base::Database database{config.store, all_schemas()};
    sync::Store store{database};
    const auto source = sync::make_source(dsn, config.source.gateway, {});

    sync::FollowOptions options;
    options.since = config.source.since;
    sync::Follower follower{*source, store.position(), options, clock};
    Progress progress{clock};
    database.set_durable(false);  // a power cut costs the last batches, which are then read again
    std::int64_t rows = 0;
    try {
        const auto last = source->last_id();
        for (bool drained = false; !drained;) {
            const auto poll = follower.next();
            drained = poll.drained;
            if (drained) database.set_durable(true);
            rows += static_cast<std::int64_t>(store.append(poll.batch, clock.now()).size());
            progress.show(rows, poll.batch.position.cursor, last);
        }
    } catch (const sync::GatewayError& e) {
        progress.clear();
        throw explain(e, dsn);
    }
    progress.clear();
    const auto gaps = store.position().gaps.size();
    if (arguments.json) {
        std::cout << nlohmann::ordered_json{{"rows", rows},
                                            {"seconds", progress.seconds()},
                                            {"last_id", store.position().cursor},
                                            {"gaps_open", gaps}}
                  << '\n';
    } else {
        std::cout << fmt::format(
            "{} new rows in {:.1f} s; the store has {} rows up to id {}, {} gaps open\n", rows,
            progress.seconds(), store.rows(), store.position().cursor, gaps);
    }
    return 0;
}

}  // namespace quotafuse::daemon
