#include "bench/engine_site.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "alerts/state_store.h"

namespace quotafuse::bench {
namespace {

using namespace std::chrono_literals;
using alerts::Dimension;
using alerts::Metric;

alerts::Condition condition(Dimension dimension, bool negated, const std::string& pattern) {
    return {dimension, {{negated, std::nullopt, pattern}}};
}

/// What is measured on one window: by what, and which metric. Ten kinds on each of ten lengths.
struct Kind {
    Metric metric;
    std::vector<Dimension> by;
    alerts::Where where;
};
std::vector<Kind> kinds() {
    return {{Metric::tokens, {Dimension::token}, {}},
            {Metric::cost, {Dimension::token}, {condition(Dimension::model, false, "model-1*")}},
            {Metric::requests, {Dimension::channel}, {}},
            {Metric::error_rate, {Dimension::channel}, {}},
            {Metric::latency_p95, {Dimension::model}, {}},
            {Metric::tokens, {Dimension::model}, {condition(Dimension::group, false, "vip")}},
            {Metric::cost, {Dimension::user}, {}},
            {Metric::errors, {Dimension::channel, Dimension::model}, {}},
            {Metric::requests, {}, {}},
            {Metric::empty_replies,
             {Dimension::channel},
             {condition(Dimension::token, true, "key-99*")}}};
}

sync::Directory directory_of(sync::Store& store) {
    sync::Directory directory;
    directory.known = true;
    for (std::int64_t id = 1; id <= 40; ++id) {
        directory.channels[id] = {fmt::format("channel-{}", id), 1, store.intern("OpenAI"), 0};
    }
    return directory;
}

}  // namespace

double seconds_of_cpu() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

Site::Site(const std::string& file, std::size_t rows)
    : database_(file, {sync::Store::schema(), alerts::schema()}),
      store_(std::make_unique<sync::Store>(database_)) {
    database_.set_durable(false);
    fill(*store_, rows);
    database_.set_durable(true);
}

std::vector<sync::Row> Site::append(std::vector<sync::LogEntry> entries, base::Second now,
                                    std::optional<base::Second> seen) {
    sync::Batch batch;
    batch.position = store_->position();
    for (auto& entry : entries) entry.id = ++batch.position.cursor;
    batch.entries = std::move(entries);
    return store_->append(batch, now, seen);
}

std::vector<alerts::Rule> make_rules(int count, int windows, std::chrono::seconds longest) {
    const std::array<std::chrono::seconds, 10> lengths{1min, 5min, 10min, 30min, 1h,
                                                       3h,   6h,   24h,   168h,  720h};
    const auto what = kinds();
    std::vector<alerts::Rule> rules;
    for (int i = 0; i < count; ++i) {
        const auto window = static_cast<std::size_t>(i % windows);
        auto kind = what[window % what.size()];
        auto length = lengths[window / what.size()];
        if (length > longest) length = longest - std::chrono::seconds{window / what.size()};
        // Two windows of distinct values, which are at most a day long.
        if (window == 29 || window == 49) kind = {Metric::distinct_ips, {Dimension::token}, {}};
        alerts::Rule rule;
        rule.name = fmt::format("rule-{}", i);
        rule.metric = kind.metric;
        rule.by = kind.by;
        rule.where = kind.where;
        rule.window = alerts::Frame::rolling(length);
        // One in ten is near enough to its limit that it may fire for the busiest keys.
        const double busy = static_cast<double>(length.count()) * (i / windows == 0 ? 1.2e4 : 1e7);
        rule.limit = rule.clear = alerts::is_ratio(kind.metric) ? 50 : busy;
        rule.min_requests = alerts::is_ratio(kind.metric) ? 20 : 0;
        rules.push_back(std::move(rule));
    }
    return rules;
}

Runner::Runner(Site& site, std::vector<alerts::Rule> rules, base::Second start, int tokens)
    : site_(site), engine_(std::move(rules), site.store()), now_(start), traffic_(tokens) {
    engine_.use(directory_of(site.store()));
}

double Runner::warm_up() {
    double longest = 0;
    for (bool more = true; more;) {
        const auto began = seconds_of_cpu();
        more = engine_.warm_up(50ms);
        longest = std::max(longest, seconds_of_cpu() - began);
    }
    return longest;
}

TickCost Runner::tick(int rows) {
    std::vector<sync::LogEntry> entries;
    now_ += 1s;
    for (int i = 0; i < rows; ++i)
        entries.push_back(traffic_.entry(base::unix_seconds(now_) - traffic_.below(2)));
    TickCost cost;
    auto at = seconds_of_cpu();
    const auto lap = [&](double& part) {
        const auto now = seconds_of_cpu();
        part = now - std::exchange(at, now);
    };
    const auto appended = site_.append(std::move(entries), now_, engine_.time());
    lap(cost.append);
    engine_.feed(appended);
    lap(cost.feed);
    const auto step = engine_.advance(now_);
    lap(cost.advance);
    cost.notices = step.notices.size();
    if (!step.empty()) {
        base::WriteTransaction transaction{site_.database()};
        alerts::save_state(site_.database(), step);
        transaction.commit();
    }
    lap(cost.save);
    site_.database().keep_journal_short();  // as the daemon does when nobody waits
    lap(cost.journal);
    return cost;
}

}  // namespace quotafuse::bench
