#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

#include "alerts/window.h"
#include "sync/row_reader.h"

namespace quotafuse::tests {

/// Rows in memory. Now and then, when asked to, a reading fails before or in the middle of it.
class StoredRows final : public sync::RowReader {
public:
    struct Failure : std::runtime_error {
        Failure() : std::runtime_error("a reading that fails") {}
    };

    const sync::Texts& texts() const override { return texts_; }
    std::int64_t kept_since() const override { return kept_since_; }
    sync::TextId text(std::string_view text) { return texts_.add(text); }
    sync::Row add(sync::Row row) {
        row.id = ++last_id_;
        rows_.emplace(row.created_at, row);
        return row;
    }
    /// Deletes what was created before, the oldest first and no more than `most`; returns it.
    std::vector<sync::Row> remove_before(std::int64_t created,
                                         std::size_t most = static_cast<std::size_t>(-1)) {
        std::vector<sync::Row> gone;
        auto end = rows_.begin();
        for (; end != rows_.end() && end->first < created && most > 0; --most) ++end;
        for (auto at = rows_.begin(); at != end; ++at) gone.push_back(at->second);
        rows_.erase(rows_.begin(), end);
        if (!gone.empty()) kept_since_ = std::max(kept_since_, gone.back().created_at + 1);
        return gone;
    }
    void remove(std::int64_t channel) {
        std::erase_if(rows_, [&](const auto& row) { return row.second.channel == channel; });
    }
    std::optional<std::int64_t> first_row() override {
        return rows_.empty() ? std::nullopt : std::optional{rows_.begin()->first};
    }
    void read(std::int64_t after, std::int64_t until,
              const std::function<void(const sync::Row&)>& visit) override {
        ++readings;
        const bool fails = failures > 0 && random_() % 8 == 0;
        failures -= fails ? 1 : 0;
        for (auto at = rows_.upper_bound(after); at != rows_.end() && at->first <= until; ++at) {
            if (fails && random_() % 3 == 0) throw Failure{};
            visit(at->second);
            ++rows_read;
        }
        if (fails) throw Failure{};
    }
    void read_late(std::int64_t after, std::int64_t until, std::int64_t seen,
                   const std::function<void(const sync::Row&)>& visit) override {
        for (auto at = rows_.upper_bound(after); at != rows_.end() && at->first <= until; ++at) {
            if (at->second.seen_at > seen) visit(at->second);
        }
    }
    const std::multimap<std::int64_t, sync::Row>& all() const { return rows_; }

    int failures = 0;  // so many readings are still to fail
    std::size_t rows_read = 0;
    std::size_t readings = 0;

private:
    sync::Texts texts_;
    std::multimap<std::int64_t, sync::Row> rows_;
    std::int64_t last_id_ = 0;
    std::int64_t kept_since_ = 0;
    std::mt19937 random_{7};
};

/// Calls what may fail until it does not.
inline void insist(const std::function<void()>& call) {
    for (;;) {
        try {
            call();
            return;
        } catch (const StoredRows::Failure&) {
        }
    }
}

/// The rows of one series, kept one by one: what a Measure has to say, computed the long way.
struct Reference {
    alerts::Sums sums;
    std::vector<std::int64_t> latencies;
    std::vector<std::int64_t> first_tokens;
    std::set<std::int64_t> ips;
    std::set<std::pair<std::int64_t, std::int64_t>> tokens;
    std::set<std::int64_t> users;
    std::map<std::uint64_t, std::pair<int, int>> requests;  // attempts, and failed ones
    int without_id = 0;
    int lost_without_id = 0;
    std::int64_t newest = 0;
    std::int64_t oldest = 0;

    void add(const sync::Row& row, const alerts::Sums& one) {
        sums += one;
        oldest = oldest == 0 ? row.created_at : std::min(oldest, row.created_at);
        if (one.latency_rows > 0) latencies.push_back(one.latency_ms);
        if (one.first_token_rows > 0) first_tokens.push_back(one.first_token_ms);
        if (one.requests == 0) return;
        newest = std::max(newest, row.created_at);
        if (row.ip != 0) ips.insert(row.ip);
        if (row.user != 0) users.insert(row.user);
        if (row.token != 0) tokens.insert({row.token, 0});
        if (row.token == 0 && row.token_name != 0) tokens.insert({-row.user, row.token_name});
        if (one.attempts == 0) return;
        if (row.request_id == 0) {
            ++without_id;
            lost_without_id += one.errors > 0 ? 1 : 0;
        } else {
            auto& [attempts, failed] = requests[row.request_id];
            ++attempts;
            failed += one.errors > 0 ? 1 : 0;
        }
    }
    std::int64_t joined() const { return static_cast<std::int64_t>(requests.size()) + without_id; }
    std::optional<double> final_error_rate() const {
        if (joined() == 0) return std::nullopt;
        const auto lost = std::count_if(requests.begin(), requests.end(), [](const auto& one) {
            return one.second.first == one.second.second;
        });
        return 100.0 * static_cast<double>(lost + lost_without_id) / static_cast<double>(joined());
    }
};

inline std::optional<std::int64_t> nearest_rank(std::vector<std::int64_t> values, double q) {
    if (values.empty()) return std::nullopt;
    std::sort(values.begin(), values.end());
    const auto rank = std::ceil(q * static_cast<double>(values.size()) - 1e-9);
    return values[static_cast<std::size_t>(rank) - 1];
}

/// What a row counts for, said once more: the definitions of the metrics, and of errors_when and
/// where.status for statuses (an error of 5xx, 429 …).
inline std::optional<alerts::Sums> counted(const sync::Row& row, bool own_errors, bool only_5xx) {
    alerts::Sums sums;
    sums.rows = 1;
    if (row.kind == sync::Kind::refund) {
        sums.quota = -row.quota;
    } else if (row.kind == sync::Kind::error && !row.channel_test) {
        const bool clients =
            own_errors ? row.status != 429
                       : row.status == 400 || row.stream_end == sync::StreamEnd::client_gone;
        const bool told = !only_5xx || row.status / 100 == 5;
        sums.requests = 1;
        sums.attempts = clients ? 0 : 1;
        sums.errors = !clients && told ? 1 : 0;
        sums.client_errors = clients && told ? 1 : 0;
    } else if (row.kind == sync::Kind::consume) {
        const bool request = !row.channel_test;
        sums.requests = sums.attempts = request ? 1 : 0;
        sums.prompt_tokens = row.prompt_tokens;
        sums.completion_tokens = row.completion_tokens;
        sums.cache_tokens = row.cache_tokens;
        sums.quota = row.quota;
        const bool answer = request && !row.task;
        sums.empty_replies = answer && ((row.completion_tokens == 0 && row.quota == 0) ||
                                        row.stream_end == sync::StreamEnd::broken)
                                 ? 1
                                 : 0;
        if (answer && row.attempts == 1 && row.latency_ms >= 0) {
            sums.latency_ms = row.latency_ms;
            sums.latency_rows = 1;
        }
        if (answer && row.attempts == 1 && row.stream && row.first_token_ms > 0) {
            sums.first_token_ms = row.first_token_ms;
            sums.first_token_rows = 1;
        }
    } else {
        return std::nullopt;
    }
    return sums;
}

/// A window that a test shares, and which rows of a span belong to it, said without it.
struct Sample {
    std::string name;
    alerts::WindowSpec spec;
    alerts::Parts parts;
    bool own_errors = false;  // errors_when: {status: 429}
    bool only_5xx = false;    // where.status of a metric of attempts
    std::function<bool(const sync::Row&, const sync::Directory&)> chosen =
        [](const sync::Row&, const sync::Directory&) { return true; };
};

inline std::map<alerts::SeriesKey, Reference> brute_force(const Sample& sample,
                                                          const StoredRows& rows,
                                                          const sync::Directory& directory,
                                                          base::Second t) {
    std::map<alerts::SeriesKey, Reference> all;
    const auto span = sample.spec.at(t);
    const auto& stored = rows.all();
    const auto end = stored.upper_bound(base::unix_seconds(span.head));
    for (auto at = stored.upper_bound(base::unix_seconds(span.tail)); at != end; ++at) {
        const auto one = counted(at->second, sample.own_errors, sample.only_5xx);
        if (!one || !sample.chosen(at->second, directory)) continue;
        all[alerts::key_of(at->second, sample.spec.by, directory)].add(at->second, *one);
    }
    return all;
}

inline void check_percentiles(alerts::Metric first, const std::vector<std::int64_t>& values,
                              const alerts::Measure& measure, alerts::Span span) {
    const double quantiles[] = {0.5, 0.95, 0.99};
    for (int i = 0; i < 3; ++i) {
        const auto metric = static_cast<alerts::Metric>(static_cast<int>(first) + i);
        const auto is = value_of(metric, &measure, span, 1);
        const auto expected = nearest_rank(values, quantiles[i]);
        REQUIRE(is.has_value() == expected.has_value());
        if (!is) continue;
        const auto exact = static_cast<double>(*expected);
        REQUIRE(std::abs(*is - exact) <= 0.0201 * exact);
        REQUIRE(weight_of(metric, &measure) == static_cast<std::int64_t>(values.size()));
    }
}

inline void check_measure(const Sample& sample, const alerts::Measure& is,
                          const Reference& expected, alerts::Span span) {
    using alerts::Metric;
    REQUIRE(is.sums == expected.sums);
    REQUIRE(is.newest == expected.newest);
    REQUIRE(is.oldest <= expected.oldest);
    const auto since = value_of(Metric::since_last, &is, span, 1);
    REQUIRE(since.has_value() == (expected.newest != 0));
    if (since) {
        REQUIRE(*since == static_cast<double>(base::unix_seconds(span.head) - expected.newest));
    }
    const auto count = [&](Metric metric) { return value_of(metric, &is, span, 1); };
    if (sample.parts.latency) {
        check_percentiles(Metric::latency_p50, expected.latencies, is, span);
    }
    if (sample.parts.first_token) {
        check_percentiles(Metric::ttft_p50, expected.first_tokens, is, span);
    }
    if (sample.parts.ips) {
        REQUIRE(count(Metric::distinct_ips) == static_cast<double>(expected.ips.size()));
    }
    if (sample.parts.tokens) {
        REQUIRE(count(Metric::distinct_tokens) == static_cast<double>(expected.tokens.size()));
    }
    if (sample.parts.users) {
        REQUIRE(count(Metric::distinct_users) == static_cast<double>(expected.users.size()));
    }
    if (sample.parts.requests) {
        const auto rate = count(Metric::final_error_rate);
        REQUIRE(rate.has_value() == expected.final_error_rate().has_value());
        if (rate) REQUIRE(*rate == doctest::Approx(*expected.final_error_rate()));
        REQUIRE(weight_of(Metric::final_error_rate, &is) == expected.joined());
    }
}

/// That a full window says what its rows say.
inline void check_window(const Sample& sample, const alerts::Window& window, const StoredRows& rows,
                         const sync::Directory& directory, base::Second t) {
    INFO(sample.name << " at " << base::unix_seconds(t));
    const auto span = sample.spec.at(t);
    REQUIRE(window.span() == span);
    const auto expected = brute_force(sample, rows, directory, t);
    REQUIRE(window.size() == expected.size());
    for (const auto& [key, reference] : expected) {
        const auto* const measure = window.find(key);
        REQUIRE(measure != nullptr);
        check_measure(sample, *measure, reference, span);
    }
    std::size_t visited = 0;
    window.each([&](const alerts::SeriesKey& key, const alerts::Measure&) {
        ++visited;
        REQUIRE(expected.contains(key));
    });
    REQUIRE(visited == expected.size());
}

}  // namespace quotafuse::tests
