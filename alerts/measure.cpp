#include "alerts/measure.h"

#include <algorithm>

#include "alerts/series_key.h"

namespace quotafuse::alerts {
namespace {

void bump(Measure::Counts& counts, std::uint64_t value, int sign, std::int64_t& values) {
    const auto [at, fresh] = counts.try_emplace(value, 0);
    values += fresh ? 1 : 0;
    at->second += sign;
    if (at->second != 0) return;
    counts.erase(at);
    --values;
}

/// A number for each API key: its id, or its owner and name where the gateway has no ids (the
/// highest bit tells them apart). 0 for none.
std::uint64_t token_value(const sync::Row& row) {
    if (row.token != 0) return static_cast<std::uint64_t>(row.token);
    if (row.token_name == 0) return 0;
    return (std::uint64_t{1} << 63U) | (static_cast<std::uint64_t>(row.user) << 32U) |
           static_cast<std::uint32_t>(row.token_name);
}

bool is_lost(const Measure::Attempts& attempts) {
    return attempts.failed > 0 && attempts.answered <= 0;
}

/// Rows that are the client's doing are no attempts and in no request here.
void join(Measure::Extras& extras, const sync::Row& row, const Sums& counts, int sign,
          std::int64_t& values) {
    if (counts.attempts == 0) return;
    const bool failed = counts.errors > 0;
    if (row.request_id == 0) {
        extras.lost += failed ? sign : 0;
        return;
    }
    if (!failed && row.kind == sync::Kind::consume && row.attempts <= 1) return;
    const auto [at, fresh] = extras.retried.try_emplace(row.request_id);
    values += fresh ? 1 : 0;
    auto& attempts = at->second;
    extras.lost -= is_lost(attempts) ? 1 : 0;
    const bool answered = row.kind == sync::Kind::consume;
    auto& count = failed ? attempts.failed : answered ? attempts.answered : attempts.passed_over;
    count += sign;
    extras.lost += is_lost(attempts) ? 1 : 0;
    extras.joined += sign;
    if (attempts == Measure::Attempts{}) {
        extras.retried.erase(at);
        --values;
    }
}

const Measure::Extras& extras_of(const Measure* measure) {
    static const Measure::Extras kNone;
    return measure != nullptr && measure->extras ? *measure->extras : kNone;
}

std::optional<double> percentile(Metric metric, const Measure::Extras& extras) {
    constexpr std::array kQuantiles{0.5, 0.95, 0.99};
    const bool first_token = metric >= Metric::ttft_p50;
    const auto which =
        static_cast<std::size_t>(metric) -
        static_cast<std::size_t>(first_token ? Metric::ttft_p50 : Metric::latency_p50);
    const auto& histogram = first_token ? extras.first_token : extras.latency;
    if (histogram.empty()) return std::nullopt;
    auto& asked = extras.asked[which + (first_token ? kQuantiles.size() : 0)];
    if (!asked) asked = histogram.quantile(kQuantiles[which]);
    return asked;
}

std::int64_t joined_requests(const Measure* measure) {
    if (measure == nullptr) return 0;
    const auto& extras = extras_of(measure);
    return measure->sums.attempts - extras.joined +
           static_cast<std::int64_t>(extras.retried.size());
}

std::optional<double> final_error_rate(const Measure* measure) {
    const auto requests = joined_requests(measure);
    if (requests <= 0) return std::nullopt;
    return static_cast<double>(extras_of(measure).lost) / static_cast<double>(requests) * 100;
}

std::optional<double> since_last(const Measure* measure, Span span) {
    if (measure == nullptr || measure->sums.requests <= 0) return std::nullopt;
    return static_cast<double>(base::unix_seconds(span.head) - measure->newest);
}

}  // namespace

Parts& Parts::operator|=(const Parts& other) {
    latency = latency || other.latency;
    first_token = first_token || other.first_token;
    requests = requests || other.requests;
    ips = ips || other.ips;
    tokens = tokens || other.tokens;
    users = users || other.users;
    return *this;
}

Parts parts_of(Metric metric) {
    Parts parts;
    if (is_percentile(metric)) {
        const bool first_token =
            metric == Metric::ttft_p50 || metric == Metric::ttft_p95 || metric == Metric::ttft_p99;
        (first_token ? parts.first_token : parts.latency) = true;
    }
    parts.requests = metric == Metric::final_error_rate;
    parts.ips = metric == Metric::distinct_ips;
    parts.tokens = metric == Metric::distinct_tokens;
    parts.users = metric == Metric::distinct_users;
    return parts;
}

void Measure::take(const sync::Row& row, const Sums& counts, const Parts& parts, int sign,
                   std::int64_t& values) {
    if (sign > 0) {
        oldest = sums.rows == 0 ? row.created_at : std::min(oldest, row.created_at);
        if (sums.rows == 0) newest = 0;
        if (counts.requests > 0) newest = std::max(newest, row.created_at);
        sums += counts;
    } else {
        sums -= counts;
        if (sums.requests == 0) newest = 0;
    }
    if (!parts.any()) return;
    if (!extras) extras = std::make_unique<Extras>();
    extras->asked.fill(std::nullopt);
    if (parts.latency && counts.latency_rows > 0) extras->latency.add(counts.latency_ms, sign);
    if (parts.first_token && counts.first_token_rows > 0) {
        extras->first_token.add(counts.first_token_ms, sign);
    }
    if (parts.requests) join(*extras, row, counts, sign, values);
    if (counts.requests == 0) return;
    if (parts.ips && row.ip != 0) {
        bump(extras->ips, static_cast<std::uint64_t>(row.ip), sign, values);
    }
    if (const auto token = parts.tokens ? token_value(row) : 0; token != 0) {
        bump(extras->tokens, token, sign, values);
    }
    if (parts.users && row.user != 0) {
        bump(extras->users, static_cast<std::uint64_t>(row.user), sign, values);
    }
}

std::int64_t Measure::values() const {
    if (!extras) return 0;
    return static_cast<std::int64_t>(extras->ips.size() + extras->tokens.size() +
                                     extras->users.size() + extras->retried.size());
}

std::optional<double> value_of(Metric metric, const Measure* measure, Span span,
                               double quota_per_unit) {
    if (is_percentile(metric)) return percentile(metric, extras_of(measure));
    const auto count = [](const auto& values) { return static_cast<double>(values.size()); };
    if (metric == Metric::final_error_rate) return final_error_rate(measure);
    if (metric == Metric::distinct_ips) return count(extras_of(measure).ips);
    if (metric == Metric::distinct_tokens) return count(extras_of(measure).tokens);
    if (metric == Metric::distinct_users) return count(extras_of(measure).users);
    if (metric == Metric::since_last) return since_last(measure, span);
    static const Sums kNone;
    return value_of(metric, measure == nullptr ? kNone : measure->sums, span.head - span.tail,
                    quota_per_unit);
}

std::int64_t weight_of(Metric metric, const Measure* measure) {
    if (measure == nullptr) return 0;
    if (metric == Metric::final_error_rate) return joined_requests(measure);
    if (is_percentile(metric)) {
        const bool latency = parts_of(metric).latency;
        return latency ? measure->sums.latency_rows : measure->sums.first_token_rows;
    }
    return weight_of(metric, measure->sums);
}

}  // namespace quotafuse::alerts
