#include "sync/rollup_cells.h"

#include <algorithm>

namespace quotafuse::sync {
namespace {

constexpr std::int64_t kEndOfTime = 253'402'300'799;
// The most that a row counts for: no sum of a table may overflow and become a floating one.
constexpr std::int64_t kMostOfRow = 1'000'000'000'000;

std::int64_t second_of(std::int64_t created_at) {
    return std::clamp<std::int64_t>(created_at, 0, kEndOfTime);
}

std::int64_t bounded(std::int64_t number) {
    return std::clamp(number, -kMostOfRow, kMostOfRow);
}

Minute minute_of(const Row& row, const Tally& tally) {
    return {static_cast<int>(second_of(row.created_at) / 60 % 60),
            tally.answers + tally.errors + tally.client_errors, tally.errors,
            bounded(tally.prompt_tokens) + bounded(tally.completion_tokens),
            bounded(tally.quota) - bounded(tally.refund)};
}

/// In the order of rollup_tables().
std::array<RollupKey, kRowRollups> keys_of(const Row& row) {
    const auto hour = hour_of(row.created_at);
    return {{{hour, row.channel, row.model},
             {hour, row.token, row.user, row.token_name},
             {hour, row.user, row.username},
             {hour, row.group},
             {hour, row.route},
             {hour, static_cast<std::int64_t>(row.ip)},
             {hour, row.channel, row.status, row.error_code}}};
}

}  // namespace

std::int64_t hour_of(std::int64_t created_at) {
    return second_of(created_at) / kSecondsOfHour;
}

std::size_t RollupKeyHash::operator()(const RollupKey& key) const {
    std::uint64_t hash = 0;
    for (const auto part : key) {
        hash = (hash ^ static_cast<std::uint64_t>(part)) * 0x9E3779B97F4A7C15ULL;
        hash ^= hash >> 32;
    }
    return hash;
}

void RollupCell::add(const Tally& tally) {
    const std::array<std::int64_t, kRollupSums.size()> parts{
        tally.answers,           tally.errors,       tally.client_errors, tally.prompt_tokens,
        tally.completion_tokens, tally.cache_tokens, tally.quota,         tally.refund};
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += bounded(parts[i]);
}

void RollupCell::add_times(const Tally& tally) {
    time_sums[0] += tally.empty_replies;
    if (tally.latency_ms >= 0) {
        time_sums[1] += bounded(tally.latency_ms);
        latency.add(tally.latency_ms);
    }
    if (tally.first_token_ms >= 0) {
        time_sums[2] += bounded(tally.first_token_ms);
        first_token.add(tally.first_token_ms);
    }
}

void RollupCell::merge(const RollupCell& other) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += other.sums[i];
    for (std::size_t i = 0; i < time_sums.size(); ++i) time_sums[i] += other.time_sums[i];
    if (!other.latency.empty()) latency.merge(other.latency);
    if (!other.first_token.empty()) first_token.merge(other.first_token);
}

void RollupHours::add(const Row& row, const Tally& tally, std::int64_t minutes_since) {
    const auto keys = keys_of(row);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        auto& cell = cells_[i][keys[i]];
        cell.add(tally);
        if (!rollup_tables()[i].times) continue;
        cell.add_times(tally);
        if (rollup_tables()[i].minutes && row.created_at >= minutes_since)
            cell.minutes.add(minute_of(row, tally));
    }
}

std::array<RollupCells, kRollupTables - kRowRollups> sum_up_hours(const RollupCells& channel_model,
                                                                  std::int64_t closed) {
    std::array<RollupCells, kRollupTables - kRowRollups> sums;
    for (const auto& [key, cell] : channel_model) {
        if (key[0] >= closed) continue;
        for (std::size_t i = 0; i < sums.size(); ++i) sums[i][{key[0], key[i + 1]}].merge(cell);
    }
    return sums;
}

RollupCells add_up_days(const RollupCells& hours, std::int64_t closed,
                        const std::function<std::int64_t(std::int64_t hour)>& day_of) {
    RollupCells days;
    std::unordered_map<std::int64_t, std::int64_t> known;  // a zone is slow to answer
    for (const auto& [key, cell] : hours) {
        if (key[0] >= closed) continue;
        const auto [day, is_new] = known.try_emplace(key[0]);
        if (is_new) day->second = day_of(key[0]);
        auto of_day = key;
        of_day[0] = day->second;
        days[of_day].merge(cell);
    }
    return days;
}

}  // namespace quotafuse::sync
