#include "alerts/explain.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <utility>

#include "alerts/filter.h"
#include "alerts/measure.h"
#include "alerts/window.h"

namespace quotafuse::alerts {
namespace {

constexpr std::size_t kMostParts = 3;
constexpr double kLeastShare = 0.01;

/// What a row counts for; empty for a metric that does not add up.
std::optional<double> amount_of(Metric metric, const Sums& sums) {
    const auto number = [](std::int64_t count) { return static_cast<double>(count); };
    switch (metric) {
        case Metric::requests:
        case Metric::rpm:
            return number(sums.requests);
        case Metric::attempts:
            return number(sums.attempts);
        case Metric::errors:
        case Metric::error_rate:
        case Metric::final_error_rate:
            return number(sums.errors);
        case Metric::client_errors:
            return number(sums.client_errors);
        case Metric::tokens:
        case Metric::tpm:
            return number(sums.prompt_tokens) + number(sums.completion_tokens);
        case Metric::prompt_tokens:
            return number(sums.prompt_tokens);
        case Metric::completion_tokens:
            return number(sums.completion_tokens);
        case Metric::cache_tokens:
            return number(sums.cache_tokens);
        case Metric::quota:
        case Metric::cost:
            return number(sums.quota);
        case Metric::empty_replies:
            return number(sums.empty_replies);
        case Metric::latency_avg:
        case Metric::latency_p50:
        case Metric::latency_p95:
        case Metric::latency_p99:
        case Metric::ttft_avg:
        case Metric::ttft_p50:
        case Metric::ttft_p95:
        case Metric::ttft_p99:
        case Metric::distinct_ips:
        case Metric::distinct_tokens:
        case Metric::distinct_users:
        case Metric::since_last:
        case Metric::channel_down:
        case Metric::channel_balance:
        case Metric::channel_balance_age:
        case Metric::token_remaining:
        case Metric::token_used_percent:
        case Metric::token_expires_in:
        case Metric::user_remaining:
        case Metric::user_used_percent:
        case Metric::healthy_channels:
        case Metric::dead_keys:
            return std::nullopt;
    }
    std::abort();
}

bool of_failures(Metric metric) {
    return metric == Metric::errors || metric == Metric::client_errors || is_ratio(metric);
}

std::vector<Dimension> dimensions_to_explain(const Rule& rule) {
    std::vector<Dimension> dimensions{Dimension::channel, Dimension::model, Dimension::token,
                                      Dimension::user, Dimension::group};
    if (of_failures(rule.metric)) dimensions.push_back(Dimension::code);
    std::erase_if(dimensions, [&](Dimension dimension) {
        return std::find(rule.by.begin(), rule.by.end(), dimension) != rule.by.end();
    });
    return dimensions;
}

/// Amounts by the values of each dimension.
using Tables = std::vector<std::map<KeyPart, double>>;

/// Adds up one series' rows by each dimension.
class Adder {
public:
    Adder(const Rule& rule, const SeriesKey& key, const std::vector<Dimension>& dimensions,
          const Names& names)
        : rule_(rule),
          key_(key),
          dimensions_(dimensions),
          directory_(names.directory()),
          filter_(rule.where, rule.errors_when, counts_attempts(rule.metric), names.texts()) {
        filter_.use(directory_);
    }

    /// The newest rows of the span, about `most` of them; whether those were all.
    bool read(sync::RowReader& reader, const Span& span, std::size_t most, Tables& tables) {
        tables.resize(dimensions_.size());
        std::size_t rows = 0;
        auto until = base::unix_seconds(span.head);
        const auto tail = base::unix_seconds(span.tail);
        // Backwards, each slice about as many rows as all before it: at most twice as many as
        // wanted.
        for (std::int64_t length = 1; until > tail && rows < most; length *= 2) {
            const auto after = std::max(tail, until - length);
            reader.read(after, until, [&](const sync::Row& row) {
                ++rows;
                add(row, tables);
            });
            until = after;
        }
        return until <= tail;
    }

private:
    void add(const sync::Row& row, Tables& tables) {
        const auto sums = filter_.count(row);
        if (!sums) return;
        const auto amount = amount_of(rule_.metric, *sums);
        if (!amount || *amount == 0 || key_of(row, rule_.by, directory_) != key_) return;
        for (std::size_t i = 0; i < dimensions_.size(); ++i) {
            tables[i][part_of(row, dimensions_[i], directory_)] += *amount;
        }
    }

    const Rule& rule_;
    const SeriesKey& key_;
    const std::vector<Dimension>& dimensions_;
    const sync::Directory& directory_;
    Filter filter_;
};

/// One value of a dimension.
struct Portion {
    KeyPart part;
    double amount = 0;
    double rise = 0;
};

std::vector<Portion> portions_of(const std::map<KeyPart, double>& now,
                                 const std::map<KeyPart, double>& before) {
    std::vector<Portion> portions;
    for (const auto& [part, amount] : now) {
        const auto former = before.find(part);
        const auto rise = amount - (former == before.end() ? 0 : former->second);
        portions.push_back({part, amount, std::max(rise, 0.0)});
    }
    return portions;
}

/// `rises`: the parts of what was added since are told, else those of the value.
Contribution contribution_of(Dimension dimension, std::vector<Portion> portions, bool rises,
                             const Names& names) {
    double total = 0;
    double rise = 0;
    for (const auto& portion : portions) {
        total += std::max(portion.amount, 0.0);
        rise += portion.rise;
    }
    rises = rises && rise > 0;
    const auto size = [&](const Portion& portion) { return rises ? portion.rise : portion.amount; };
    std::stable_sort(portions.begin(), portions.end(),
                     [&](const Portion& a, const Portion& b) { return size(a) > size(b); });
    Contribution contribution;
    contribution.dimension = dimension;
    for (const auto& portion : portions) {
        if (contribution.parts.size() == kMostParts) break;
        if (!(size(portion) >= (rises ? rise : total) * kLeastShare) || size(portion) <= 0) break;
        Contribution::Part part{names.name(dimension, portion.part), 0, {}};
        if (total > 0) part.share = std::max(portion.amount, 0.0) / total * 100;
        if (rises) part.share_of_rise = portion.rise / rise * 100;
        contribution.parts.push_back(std::move(part));
    }
    return contribution;
}

}  // namespace

std::vector<Contribution> explain(const Rule& rule, const SeriesKey& key, base::Second t,
                                  sync::RowReader& reader, const Names& names) {
    std::vector<Contribution> contributions;
    if (!amount_of(rule.metric, {})) return contributions;
    const auto dimensions = dimensions_to_explain(rule);
    Adder adder{rule, key, dimensions, names};
    Tables now;
    Tables before;
    const bool whole = adder.read(reader, window_of(rule).at(t), kMostRowsExplained, now);
    bool rises = rule.compare_to != Comparison::none && !rule.below && whole;
    if (rises) {
        // What is usual is a median of weeks: the last of them stands for it.
        const auto span = base_window_of(rule, 1).at(t);
        rises = adder.read(reader, span, kMostRowsExplained, before);
    }
    before.resize(dimensions.size());
    for (std::size_t i = 0; i < dimensions.size(); ++i) {
        if (now[i].size() < 2) continue;
        auto portions = portions_of(now[i], rises ? before[i] : now[i]);
        auto one = contribution_of(dimensions[i], std::move(portions), rises, names);
        if (!one.parts.empty()) contributions.push_back(std::move(one));
    }
    return contributions;
}

}  // namespace quotafuse::alerts
