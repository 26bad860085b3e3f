#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "alerts/state_store.h"
#include "base/failure.h"
#include "base/lock_file.h"
#include "daemon/commands/commands.h"
#include "daemon/progress_line.h"
#include "daemon/schemas.h"
#include "daemon/signal_watch.h"
#include "daemon/store_check.h"
#include "sync/mirror.h"
#include "sync/read_ahead.h"

namespace quotafuse::daemon {
namespace {

base::Failure explain(const sync::GatewayError& e) {
    const auto code = e.kind() == sync::GatewayError::Kind::schema ? base::ExitCode::config
                                                                   : base::ExitCode::unavailable;
    return {code, e.what()};
}

/// How much of the way from the first id to the last one is done.
class Way {
public:
    Way(const sync::Position& from, std::int64_t last)
        : epoch_(from.epoch), first_(from.cursor), last_(last) {}

    double share(const sync::Poll& poll) {
        const auto& position = poll.batch.position;
        // A first sync finds its beginning by itself; another epoch begins anew.
        if (first_ == 0 && !poll.batch.entries.empty()) first_ = poll.batch.entries.front().id;
        if (std::exchange(epoch_, position.epoch) != position.epoch) first_ = position.first;
        return static_cast<double>(position.cursor - first_) /
               static_cast<double>(std::max<std::int64_t>(last_ - first_, 1));
    }

private:
    std::int64_t epoch_;
    std::int64_t first_;
    std::int64_t last_;
};

/// Copies what the gateway has logged into the store: one thread reads, this one stores.
class Copy {
public:
    Copy(const Config& config, const base::Clock& clock, std::stop_token stop)
        : config_(config),
          clock_(clock),
          stop_(std::move(stop)),
          lock_(config.store + ".lock"),
          database_(config.store, all_schemas()),
          store_(database_, config.keep, config.timezone),
          progress_(clock) {}

    void run() {
        read_all();
        while (!stop_.stop_requested() && keep_up().more) {
            progress_.show([] { return "summing up, and deleting what is too old"; });
        }
        if (!database_.ended_cleanly()) check();
        progress_.clear();
    }

    void print(bool json) const;

private:
    void read_all();
    void store(const sync::Poll& poll);
    void drop_windows();
    sync::Store::Upkeep keep_up();
    void check();

    const Config& config_;
    const base::Clock& clock_;
    std::stop_token stop_;
    base::LockFile lock_;
    base::Database database_;
    sync::Store store_;
    ProgressLine progress_;
    std::int64_t rows_ = 0;
    bool windows_dropped_ = false;
    std::int64_t broken_others_ = 0;
    bool behind_ = false;
    bool out_of_room_ = false;
};

void Copy::read_all() {
    const auto& dsn = *config_.source.log_source();
    const auto source = sync::make_source(dsn, config_.source.gateway, {});
    const auto mirror = sync::make_mirror(config_.store);
    sync::FollowOptions options;
    options.since = config_.source.since;
    options.gap_timeout = config_.source.gap_timeout;
    try {
        const std::stop_callback interrupt{stop_, [&] { source->interrupt(); }};
        Way way{store_.position(), source->last_id()};
        sync::ReadAhead ahead{*source, *mirror, store_.position(), options, clock_};
        const std::stop_callback end{stop_, [&] { ahead.stop(); }};
        while (const auto poll = ahead.next()) {
            store(*poll);
            progress_.show(
                [&] { return copy_progress(rows_, way.share(*poll), progress_.seconds()); });
        }
    } catch (const sync::GatewayError& e) {
        if (stop_.stop_requested()) return;
        progress_.clear();
        throw explain(e);
    }
}

void Copy::store(const sync::Poll& poll) {
    // A power cut costs the last batches, which are then read again.
    database_.set_durable(poll.drained);
    if (!poll.batch.entries.empty() && !std::exchange(windows_dropped_, true)) drop_windows();
    rows_ += static_cast<std::int64_t>(store_.append(poll.batch, clock_.now()).size());
    broken_others_ += poll.broken_others;
    behind_ = poll.behind;
    // What comes in must not outrun what has to go for it.
    for (auto step = keep_up(); step.for_room && step.more;) step = keep_up();
}

/// They lack the rows of their time that this brings. Before these: a kill between the two costs
/// only the time to fill them anew.
void Copy::drop_windows() {
    base::WriteTransaction transaction{database_};
    alerts::save_windows(database_, {});
    transaction.commit();
}

sync::Store::Upkeep Copy::keep_up() {
    auto step = store_.keep_up(clock_.now());
    out_of_room_ = out_of_room_ || step.for_room;
    return step;
}

/// The daemon does it while it works; here it is the last thing to do.
void Copy::check() {
    progress_.show([] { return "checking the file: the last run did not end cleanly"; });
    const auto damage = base::check_file(config_.store, stop_);
    if (!damage) {
        if (!stop_.stop_requested()) database_.note_sound();
        return;
    }
    progress_.clear();
    throw base::Failure(base::ExitCode::io_error, fmt::format("store {}: damaged: {}; {}",
                                                              config_.store, *damage, kHowToMend));
}

void Copy::print(bool json) const {
    const auto& position = store_.position();
    const auto gaps = std::count_if(position.gaps.begin(), position.gaps.end(),
                                    [](const sync::Gap& gap) { return gap.open(); });
    if (behind_) {
        std::cerr << fmt::format(
            "the gateway's log ends before id {}, which is stored: is this a replica that is "
            "behind, or a dump that was restored?\n",
            position.cursor);
    }
    if (out_of_room_) {
        std::cerr << fmt::format(
            "store.max_size is reached: rows before {} were deleted, sooner than store.keep.rows "
            "asks for\n",
            config_.timezone.format(base::from_unix(store_.kept_since())));
    }
    if (broken_others_ > 0)
        std::cerr << fmt::format("{} rows have an `other` that cannot be read\n", broken_others_);
    if (json) {
        std::cout << nlohmann::ordered_json{{"rows", rows_},
                                            {"seconds", progress_.seconds()},
                                            {"last_id", position.cursor},
                                            {"gaps_open", gaps}}
                  << '\n';
        return;
    }
    std::cout << fmt::format(
        "{} new rows in {:.1f} s; the store has {} rows up to id {}, {} gaps open\n", rows_,
        progress_.seconds(), store_.rows(), position.cursor, gaps);
}

}  // namespace

int sync_command(const Arguments& arguments) {
    return copy_rows(load_or_fail(arguments), arguments.json);
}

int copy_rows(const Config& config, bool json) {
    require_source(config);
    SignalWatch signals;
    const base::SystemClock clock;
    {
        Copy copy{config, clock, signals.token()};
        copy.run();
        if (!signals.stopped()) {
            copy.print(json);
            return 0;
        }
    }
    std::cerr << "stopped; the next sync goes on from here\n";
    signals.die_if_stopped();
    return static_cast<int>(base::ExitCode::failed);
}

}  // namespace quotafuse::daemon
