#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alerts/gauge_board.h"
#include "alerts/meter.h"
#include "alerts/names.h"
#include "alerts/window.h"
#include "sync/row_reader.h"

namespace quotafuse::tests {

/// 2026-01-05 00:00:00 UTC, a Monday.
inline constexpr std::int64_t kMeterMonday = 1'767'571'200;

inline base::Second meter_time(std::int64_t seconds_after_monday) {
    return base::from_unix(kMeterMonday + seconds_after_monday);
}

/// Rows in memory, in order of time.
class MemoryRows final : public sync::RowReader {
public:
    const sync::Texts& texts() const override { return texts_; }
    sync::TextId text(std::string_view text) { return texts_.add(text); }
    sync::Row add(sync::Row row) {
        row.id = static_cast<std::int64_t>(rows_.size()) + 1;
        if (row.seen_at == 0) row.seen_at = row.created_at;
        rows_.emplace(row.created_at, row);
        return row;
    }
    std::optional<std::int64_t> first_row() override {
        return rows_.empty() ? std::nullopt : std::optional{rows_.begin()->first};
    }
    void read(std::int64_t after, std::int64_t until,
              const std::function<void(const sync::Row&)>& visit) override {
        for (auto at = rows_.upper_bound(after); at != rows_.end() && at->first <= until; ++at) {
            visit(at->second);
            ++rows_read;
        }
    }
    void read_late(std::int64_t after, std::int64_t until, std::int64_t seen,
                   const std::function<void(const sync::Row&)>& visit) override {
        read(after, until, [&](const sync::Row& row) {
            if (row.seen_at > seen) visit(row);
        });
    }
    std::size_t rows_read = 0;

private:
    sync::Texts texts_;
    std::multimap<std::int64_t, sync::Row> rows_;
};

/// An answered request of 100 tokens and 500 quota on channel 3, seconds after Monday.
inline sync::Row answer(std::int64_t second, std::int64_t channel = 3) {
    sync::Row row;
    row.created_at = kMeterMonday + second;
    row.kind = sync::Kind::consume;
    row.user = 7;
    row.token = 12;
    row.channel = channel;
    row.quota = 500;
    row.prompt_tokens = 60;
    row.completion_tokens = 40;
    row.latency_ms = 1000;
    return row;
}

/// One rule's meter over rows and gauges that a test gives, moved second by second.
class MeterRig {
public:
    enum class Mirror { old, young };
    /// An old mirror begins years before anything that a rule compares with.
    explicit MeterRig(alerts::Rule rule, std::int64_t start = 0, int weeks = alerts::kLeastWeeks,
                      Mirror mirror = Mirror::old)
        : names(rows.texts()), rule_(std::move(rule)), windows_(rows), weeks_(weeks) {
        directory.known = true;
        start_ = now = start;
        const bool compares = rule_.compare_to != alerts::Comparison::none;
        if (compares && mirror == Mirror::old) rows.add(answer(-1000 * 86'400, 99));
    }

    /// Before the first second: what the store has from earlier. Later: what comes in now.
    void add(sync::Row row) {
        row.seen_at = kMeterMonday + (meter_ ? now : std::min(now, row.created_at - kMeterMonday));
        const auto stored = rows.add(row);
        if (meter_) windows_.feed(stored);
    }
    void set(sync::Gauge gauge, std::int64_t object, std::optional<double> value) {
        board.set({{gauge, object, 0, 0}, kMeterMonday + now, value});
    }
    /// Evaluates the next second.
    std::vector<alerts::Meter::Sighting> step(const alerts::Meter::Known& known = nobody,
                                              bool all = false) {
        begin();
        windows_.advance(meter_time(++now), [](const sync::Row&) {});
        std::vector<alerts::Meter::Sighting> sightings;
        meter_->look(meter_time(now), known, all, sightings);
        windows_.settle();
        board.settle();
        return sightings;
    }
    /// The first second, up to `until`, in which something is sighted; −1 for none.
    std::int64_t first_sighting(std::int64_t until) {
        while (now < until) {
            if (!step().empty()) return now;
        }
        return -1;
    }
    std::vector<alerts::Meter::Sighting> run_to(std::int64_t second) {
        std::vector<alerts::Meter::Sighting> last;
        while (now < second) last = step();
        return last;
    }
    alerts::Reading read(const alerts::SeriesKey& key) {
        begin();
        return meter_->read(key, meter_time(now));
    }
    alerts::Meter& meter() {
        begin();
        return *meter_;
    }
    alerts::WindowSet& windows() { return windows_; }
    static bool nobody(const alerts::SeriesKey&) { return false; }
    static bool everybody(const alerts::SeriesKey&) { return true; }

    MemoryRows rows;
    sync::Directory directory;
    alerts::Names names;
    alerts::GaugeBoard board;
    std::int64_t now = 0;  // seconds after Monday

private:
    void begin() {
        if (meter_) return;
        names.use(directory);
        meter_ = alerts::make_meter(rule_, windows_, board, names, weeks_);
        windows_.use(directory);
        windows_.start(meter_time(start_), {});
        while (windows_.warm_up(std::chrono::milliseconds{50}, [](const sync::Row&) {})) {
        }
    }

    const alerts::Rule rule_;
    alerts::WindowSet windows_;
    const int weeks_;
    std::int64_t start_ = 0;
    std::unique_ptr<alerts::Meter> meter_;
};

inline alerts::SeriesKey number_key(std::int64_t number) {
    alerts::SeriesKey key;
    key.parts[0].number = number;
    return key;
}

inline alerts::Rule meter_rule(alerts::Metric metric, double limit, bool below = false) {
    alerts::Rule rule;
    rule.name = "r";
    rule.metric = metric;
    rule.by = alerts::is_gauge(metric) ? alerts::object_of(metric)
                                       : std::vector{alerts::Dimension::channel};
    rule.window = alerts::Frame::rolling(std::chrono::seconds{60});
    rule.limit = rule.clear = limit;
    rule.below = below;
    rule.eval_delay = std::chrono::seconds{0};
    return rule;
}

}  // namespace quotafuse::tests
