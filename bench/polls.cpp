#include "bench/polls.h"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>

#include "base/clock.h"
#include "bench/load.h"
#include "sync/follower.h"
#include "sync/info_reader.h"
#include "tests/support/temp_dir.h"

namespace quotafuse::bench {
namespace {

constexpr int kIdlePolls = 100;
constexpr int kLostIds = 20;
constexpr std::size_t kNewRows = 200;

/// A mirror that has caught up.
class Mirrored {
public:
    explicit Mirrored(const sync::Dsn& dsn)
        : database_(folder_.file("mirror.db"), {sync::Store::schema()}),
          store_(database_),
          source_(sync::make_source(dsn, {}, {})),
          mirror_(sync::make_mirror(folder_.file("mirror.db"))),
          follower_(*source_, *mirror_, store_.position(), {}, clock_) {
        database_.set_durable(false);
        while (!poll().drained) {
        }
        poll();  // prepares the statement of an idle poll
    }

    sync::Poll poll() {
        auto result = follower_.next();
        store_.append(result.batch, clock_.now());
        return result;
    }
    std::size_t gaps() const { return store_.position().gaps.size(); }

private:
    tests::TempDir folder_;
    base::SystemClock clock_;
    base::Database database_;
    sync::Store store_;
    std::unique_ptr<sync::LogSource> source_;
    std::unique_ptr<sync::Mirror> mirror_;
    sync::Follower follower_;
};

std::string rows_text(const ServerWork& work, double times) {
    if (work.rows_read.empty()) return "table reads unknown (performance_schema is off)";
    return fmt::format("{:.1f} table reads", static_cast<double>(work.rows()) / times);
}

void report(const std::string& what, const ServerWork& work, double times,
            const std::string& budget) {
    std::cout << fmt::format("P8  {}: {:.2f} statements, {}, {:.1f} handler reads ({})\n", what,
                             static_cast<double>(work.statements) / times, rows_text(work, times),
                             static_cast<double>(work.handlers()) / times, budget)
              << std::flush;
}

void add(const ServerWork& work, ServerWork& sum) {
    sum.statements += work.statements;
    for (const auto& [name, count] : work.handler) sum.handler[name] += count;
    for (const auto& [table, count] : work.rows_read) sum.rows_read[table] += count;
}

/// Looks at the gateway's objects as rules with every gauge need them, and as others do: on
/// average, and the most that one look costs while the kinds take turns.
void measure_objects(Gateway& gateway, ServerMeter& meter, Budgets& budgets) {
    constexpr int kLooks = 40;
    const auto session = sync::make_session(gateway.dsn(), {});
    const auto look = [&](const std::string& what, const sync::InfoNeeds& needs) {
        sync::InfoReader reader{*session, gateway.dsn().database, needs};
        for (int i = 0; i < 2; ++i) reader.read();  // connects, and looks columns up
        ServerWork sum;
        std::int64_t most = 0;
        for (int i = 0; i < kLooks; ++i) {
            meter.begin();
            reader.read();
            const auto work = meter.end();
            add(work, sum);
            most = std::max(most, work.statements);
        }
        budgets.judge("P8", most <= 5);
        report(
            what, sum, kLooks,
            fmt::format("budget: at most 5 statements, the most was {}, of 1,000 rows each", most));
    };
    look("the gateway's channels, every 30 s", {});
    look("the gateway's objects with every gauge, every 30 s",
         {.balances = true, .keys = true, .abilities = true, .tokens = true, .users = true});
}

}  // namespace

void measure_polls(Gateway& gateway, Budgets& budgets) {
    ServerMeter meter{gateway.session()};
    Mirrored mirrored{gateway.dsn()};

    meter.begin();
    for (int i = 0; i < kIdlePolls; ++i) mirrored.poll();
    const auto idle = meter.end();
    report("an idle poll", idle, kIdlePolls, "budget: 1 statement, O(1) rows");
    budgets.judge("P8", idle.statements <= kIdlePolls);

    std::size_t rows = 0;
    for (int lost = 0; rows < kNewRows; ++lost) {
        rows += gateway.request();
        if (lost < kLostIds) gateway.lose_id();
    }
    meter.begin();
    const auto poll = mirrored.poll();
    const auto gaps = mirrored.gaps();
    report(fmt::format("{} new rows", poll.batch.entries.size()), meter.end(), 1,
           fmt::format("budget: at most {} rows and the one at the cursor", rows));

    meter.begin();
    for (int i = 0; i < kIdlePolls; ++i) mirrored.poll();
    report(fmt::format("an idle poll beside {} open gaps", gaps), meter.end(), kIdlePolls,
           fmt::format("budget: O(1) + {} rows", gaps));

    rows = 0;
    while (rows < kNewRows) rows += gateway.request();
    meter.begin();
    mirrored.poll();
    report(fmt::format("{} new rows beside {} open gaps", rows, gaps), meter.end(), 1,
           fmt::format("budget: at most {} rows and the one at the cursor", rows + gaps));

    measure_objects(gateway, meter, budgets);
}

}  // namespace quotafuse::bench
