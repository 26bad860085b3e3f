#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "sync/usage_totals.h"

namespace quotafuse::sync {
namespace {

constexpr auto kSums =
    "answers, errors, client_errors, prompt_tokens, completion_tokens, cache_tokens, quota, "
    "refund, empty_replies";
constexpr int kSumColumns = 9;
constexpr auto kTimes = "latency_ms, first_token_ms, latency, first_token";

TrafficSums sums_at(const SQLite::Statement& query, int column) {
    TrafficSums sums;
    for (auto* const sum : {&sums.answers, &sums.errors, &sums.client_errors, &sums.prompt_tokens,
                            &sums.completion_tokens, &sums.cache_tokens, &sums.quota, &sums.refund,
                            &sums.empty_replies})
        *sum = query.getColumn(column++).getInt64();
    return sums;
}

/// What negative numbers took away; money goes to the other side.
void give_back(const SQLite::Statement& query, int column, TrafficSums& sums) {
    const auto minus = [&](int i) { return query.getColumn(column + i).getInt64(); };
    sums.prompt_tokens += minus(0);
    sums.completion_tokens += minus(1);
    sums.quota += minus(2) + minus(3);
    sums.refund += minus(2) + minus(3);
}

base::Histogram histogram_at(const SQLite::Statement& query, int column) {
    const auto blob = query.getColumn(column);
    if (blob.isNull()) return {};
    const auto found = base::Histogram::decode(
        {static_cast<const char*>(blob.getBlob()), static_cast<std::size_t>(blob.getBytes())});
    if (!found) throw std::runtime_error("a histogram of the totals is damaged: restore a backup");
    return *found;
}

/// What is not folded: days from `day` on and hours from `hour` on.
struct Rest {
    std::optional<std::int64_t> day{};
    std::int64_t hour = 0;
};

/// Where the folded hours end with a day of the rollups, the closed ones since are in its days.
Rest rest_of(SQLite::Database& database) {
    SQLite::Statement query{database,
                            "SELECT folded, day, usage_state.zone = rollup_state.zone AND day > "
                            "kept_day + 1, closed FROM usage_state, rollup_state"};
    query.executeStep();
    if (query.getColumn(2).getInt() == 0) return {.hour = query.getColumn(0).getInt64()};
    return {query.getColumn(1).getInt64(), query.getColumn(3).getInt64()};
}

class Reader {
public:
    explicit Reader(SQLite::Database& database) : database_(database) {}

    Usage read() {
        read_pairs();
        read_models();
        const auto rest = rest_of(database_);
        if (rest.day) {
            add_pairs("day", *rest.day);
            add_models("day_model WHERE day >= ?", *rest.day);
        }
        add_pairs("hour", rest.hour);
        // By model alone there are sums of closed hours only.
        add_models("hour_channel_model WHERE hour >= ?", rest.hour);
        return std::move(usage_);
    }

private:
    void read_pairs() {
        SQLite::Statement query{
            database_,
            fmt::format("SELECT place, channel, model, {}, minus_prompt_tokens, "
                        "minus_completion_tokens, minus_quota, minus_refund FROM usage_pair "
                        "ORDER BY place",
                        kSums)};
        constexpr int kFirst = 3;
        while (query.executeStep()) {
            usage_.pairs.push_back({query.getColumn(0).getInt64(), query.getColumn(1).getInt64(),
                                    query.getColumn(2).getInt(), sums_at(query, kFirst)});
            auto& pair = usage_.pairs.back();
            give_back(query, kFirst + kSumColumns, pair.sums);
            places_[{pair.channel, pair.model}] = usage_.pairs.size() - 1;
        }
    }
    void read_models() {
        SQLite::Statement query{database_,
                                fmt::format("SELECT model, {} FROM usage_model", kTimes)};
        while (query.executeStep()) add_times(query);
    }
    void add_pairs(std::string_view span, std::int64_t from) {
        SQLite::Statement query{database_,
                                fmt::format("SELECT channel, iif(channel = 0, 0, model), {} FROM "
                                            "{}_channel_model WHERE {} >= ?",
                                            kSums, span, span)};
        query.bind(1, from);
        while (query.executeStep()) {
            const auto found =
                places_.find({query.getColumn(0).getInt64(), query.getColumn(1).getInt()});
            if (found == places_.end()) throw std::logic_error("a pair of the sums has no place");
            usage_.pairs[found->second].sums.add(sums_at(query, 2));
        }
    }
    void add_models(const std::string& from_where, std::int64_t from) {
        SQLite::Statement query{database_,
                                fmt::format("SELECT model, {} FROM {}", kTimes, from_where)};
        query.bind(1, from);
        while (query.executeStep()) add_times(query);
    }
    void add_times(const SQLite::Statement& query) {
        auto& times = usage_.models[query.getColumn(0).getInt()];
        times.latency_total += query.getColumn(1).getInt64();
        times.first_token_total += query.getColumn(2).getInt64();
        times.latency.merge(histogram_at(query, 3));
        times.first_token.merge(histogram_at(query, 4));
    }

    SQLite::Database& database_;
    std::map<std::pair<std::int64_t, TextId>, std::size_t> places_;
    Usage usage_;
};

}  // namespace

Usage read_usage(SQLite::Database& database) {
    return Reader{database}.read();
}

}  // namespace quotafuse::sync
