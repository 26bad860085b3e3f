#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <SQLiteCpp/Statement.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts/rule.h"
#include "alerts/window.h"
#include "base/database.h"

// Every value of every series at every second, by SQL over the tables of the store. What a row
// counts for is written out here once more, on purpose: this shares no code with the engine but the
// reckoning of local times.

namespace quotafuse::tests::property {

using alerts::Comparison;
using alerts::Condition;
using alerts::Dimension;
using alerts::Frame;
using alerts::Metric;
using alerts::Rule;
using alerts::Span;

/// 2026-01-05 00:00:00 UTC, a Monday.
inline constexpr std::int64_t kMonday = 1'767'571'200;
inline constexpr std::int64_t kDay = 86'400;
inline constexpr int kWeeks = 3;

/// The parts of a key as people would write them.
using Key = std::vector<std::string>;
struct Cell {
    std::optional<double> value;
    std::int64_t weight = 0;
};
/// Series that have rows, and what one without any has.
struct Values {
    std::map<Key, Cell> cells;
    std::optional<double> nothing;
    Cell of(const Key& key) const {
        const auto at = cells.find(key);
        return at == cells.end() ? Cell{nothing, 0} : at->second;
    }
};

inline std::string quoted(const std::string& text) {
    return "'" + text + "'";
}

/// The expressions that a term is compared with: its id, and its text.
inline std::pair<std::string, std::string> columns_of(Dimension dimension) {
    switch (dimension) {
        case Dimension::channel:
            return {"r.channel", "r.channel_name"};
        case Dimension::provider:
            return {"NULL", "r.provider"};
        case Dimension::tag:
            return {"NULL", "r.tag"};
        case Dimension::model:
            return {"NULL", "r.model_text"};
        case Dimension::token:
            return {"r.token", "r.token_text"};
        case Dimension::user:
            return {"r.user", "r.user_text"};
        case Dimension::group:
            return {"NULL", "r.group_text"};
        case Dimension::route:
            return {"NULL", "r.route_text"};
        case Dimension::status:
            return {"r.status", "CAST(r.status AS TEXT)"};
        case Dimension::code:
            return {"NULL", "r.code_text"};
        case Dimension::ip:
            return {"NULL", "r.ip_text"};
    }
    std::abort();
}

inline std::string key_expression(Dimension dimension) {
    const auto [id, text] = columns_of(dimension);
    return alerts::has_id(dimension) ? "CAST(" + id + " AS TEXT)" : text;
}

inline std::string sql_of(const Condition& condition) {
    const auto [id, text] = columns_of(condition.dimension);
    std::string any;
    std::string none = "1";
    for (const auto& term : condition.terms) {
        const auto matches = term.id ? fmt::format("({} = {})", id, *term.id)
                                     : fmt::format("({} GLOB {})", text, quoted(term.pattern));
        if (term.negated) {
            none += " AND NOT " + matches;
        } else {
            any += (any.empty() ? "" : " OR ") + matches;
        }
    }
    return fmt::format("(({}) AND {})", any.empty() ? "1" : any, none);
}

/// Rows with all their texts, and what kind of row each is. kind: 1 consume, 2 error, 3 refund, 4
/// test. flags: 1 stream, 2 channel test, 4 task, from 8 on how the stream ended (2 broken, 3
/// client gone).
inline constexpr auto kRows = R"sql(
SELECT l.*, coalesce(c.name, '') AS channel_name, coalesce(c.provider, '') AS provider,
  coalesce(c.tag, '') AS tag, coalesce(m.value, '') AS model_text, coalesce(k.value, '') AS token_text,
  coalesce(u.value, '') AS user_text, coalesce(g.value, '') AS group_text,
  coalesce(p.value, '') AS route_text, coalesce(e.value, '') AS code_text,
  CASE l.ip WHEN 0 THEN '' ELSE
    (l.ip >> 24) || '.' || (l.ip >> 16 & 255) || '.' || (l.ip >> 8 & 255) || '.' || (l.ip & 255) END AS ip_text,
  l.kind = 1 AND l.flags & 2 = 0 AS answer,
  l.kind = 2 AND l.flags & 2 = 0 AS failed,
  l.kind = 2 AND (l.status IN (400, 404, 413, 422) OR l.flags >> 3 = 3
    OR coalesce(e.value, '') = 'prompt_blocked') AS clients,
  l.kind = 1 AND l.flags & 6 = 0 AND l.attempts = 1 AND l.latency_ms >= 0 AS timed,
  l.kind = 1 AND l.flags & 6 = 0 AND l.attempts = 1 AND l.flags & 1 AND l.first_token_ms > 0 AS began
FROM log l LEFT JOIN test_channel c ON c.id = l.channel LEFT JOIN text m ON m.id = l.model
  LEFT JOIN text k ON k.id = l.token_name LEFT JOIN text u ON u.id = l.username
  LEFT JOIN text g ON g.id = l.grp LEFT JOIN text p ON p.id = l.route LEFT JOIN text e ON e.id = l.error_code
WHERE l.created_at > :tail AND l.created_at <= :head AND l.seen_at < :now
  AND (l.kind IN (1, 3) OR (l.kind = 2 AND l.flags & 2 = 0))
)sql";

/// What the reference says of one rule.
class Reference {
public:
    Reference(base::Database& database, const Rule& rule) : database_(database), rule_(rule) {}

    /// `more`: a further condition on rows.
    Values values(const Span& span, std::int64_t now, std::string more = "1") {
        more_ = std::move(more);
        if (alerts::is_percentile(rule_.metric)) return percentiles(span, now);
        if (rule_.metric == Metric::final_error_rate) return joined(span, now);
        Values values;
        SQLite::Statement query{database_.handle(), select(value_expression(span), "key")};
        bind(query, span, now);
        while (query.executeStep()) add(values, query);
        if (!alerts::needs_rows(rule_.metric) && rule_.metric != Metric::since_last) {
            values.nothing = 0;
        }
        return values;
    }

private:
    /// Rows of the rule, with `err`: a failed attempt that counts as an error, and `attempt`.
    std::string rows() const {
        std::string where = more_;
        std::string chosen = "1";
        for (const auto& condition : rule_.where) {
            const bool of_errors = alerts::counts_attempts(rule_.metric) &&
                                   (condition.dimension == Dimension::status ||
                                    condition.dimension == Dimension::code);
            (of_errors ? chosen : where) += " AND " + sql_of(condition);
        }
        std::string error = "(r.failed AND NOT r.clients)";
        if (const auto& when = rule_.errors_when) {
            std::string any = "0";
            if (when->status) any += " OR " + sql_of(*when->status);
            if (when->code) any += " OR " + sql_of(*when->code);
            error = fmt::format("(r.failed AND ({}))", any);
        }
        std::string key = "''";
        for (const auto dimension : rule_.by) key += " || char(1) || " + key_expression(dimension);
        return fmt::format(
            "SELECT r.*, {} AS key, r.answer OR r.failed AS request, r.answer OR {} AS attempt, {} "
            "AND "
            "{} AS err, r.failed AND NOT {} AND {} AS client_err FROM ({}) r WHERE {}",
            key, error, error, chosen, error, chosen, kRows, where);
    }

    std::string select(const std::string& columns, const std::string& group) const {
        return fmt::format("SELECT key, {} FROM ({}) GROUP BY {}", columns, rows(), group);
    }

    /// The value and the requests that stand behind it.
    std::string value_expression(const Span& span) const {
        const auto minutes = fmt::format("{}.0", (span.head - span.tail).count());
        const auto head = base::unix_seconds(span.head);
        const std::string quota = "sum(CASE kind WHEN 1 THEN quota WHEN 3 THEN -quota ELSE 0 END)";
        const auto spent = [](const char* column) {
            return fmt::format("sum(CASE kind WHEN 1 THEN {} ELSE 0 END)", column);
        };
        const std::map<Metric, std::string> expressions{
            {Metric::requests, "sum(request), sum(request)"},
            {Metric::attempts, "sum(attempt), sum(request)"},
            {Metric::errors, "sum(err), sum(request)"},
            {Metric::client_errors, "sum(client_err), sum(request)"},
            {Metric::error_rate, "100.0 * sum(err) / nullif(sum(attempt), 0), sum(attempt)"},
            {Metric::tokens, spent("prompt_tokens + completion_tokens") + ", sum(request)"},
            {Metric::prompt_tokens, spent("prompt_tokens") + ", sum(request)"},
            {Metric::completion_tokens, spent("completion_tokens") + ", sum(request)"},
            {Metric::cache_tokens, spent("cache_tokens") + ", sum(request)"},
            {Metric::quota, quota + ", sum(request)"},
            {Metric::cost, quota + " / 1000.0, sum(request)"},
            {Metric::rpm, fmt::format("sum(request) * 60 / {}, sum(request)", minutes)},
            {Metric::tpm, fmt::format("{} * 60 / {}, sum(request)",
                                      spent("prompt_tokens + completion_tokens"), minutes)},
            {Metric::latency_avg,
             "1.0 * sum(latency_ms * timed) / nullif(sum(timed), 0), sum(timed)"},
            {Metric::ttft_avg,
             "1.0 * sum(first_token_ms * began) / nullif(sum(began), 0), sum(began)"},
            {Metric::empty_replies,
             "sum(answer AND flags & 4 = 0 AND ((completion_tokens = 0 AND quota = 0) OR "
             "flags >> 3 = 2)), sum(request)"},
            {Metric::distinct_ips,
             "count(DISTINCT CASE WHEN request THEN nullif(ip, 0) END), sum(request)"},
            {Metric::distinct_tokens,
             "count(DISTINCT CASE WHEN request THEN nullif(token, 0) END), sum(request)"},
            {Metric::distinct_users,
             "count(DISTINCT CASE WHEN request THEN nullif(user, 0) END), sum(request)"},
            {Metric::since_last,
             fmt::format("{} - max(CASE WHEN request THEN created_at END), sum(request)", head)},
        };
        return expressions.at(rule_.metric);
    }

    /// The nearest rank of the sorted values.
    Values percentiles(const Span& span, std::int64_t now) const {
        const bool latency =
            rule_.metric >= Metric::latency_p50 && rule_.metric <= Metric::latency_p99;
        const double q =
            rule_.metric == Metric::latency_p50 || rule_.metric == Metric::ttft_p50   ? 0.5
            : rule_.metric == Metric::latency_p95 || rule_.metric == Metric::ttft_p95 ? 0.95
                                                                                      : 0.99;
        SQLite::Statement query{database_.handle(),
                                fmt::format("SELECT key, {}, {} FROM ({}) ORDER BY 1, 2",
                                            latency ? "latency_ms" : "first_token_ms",
                                            latency ? "timed" : "began", rows())};
        bind(query, span, now);
        std::map<Key, std::vector<double>> sorted;
        while (query.executeStep()) {
            auto& values = sorted[key_of(query)];
            if (query.getColumn(2).getInt() != 0) values.push_back(query.getColumn(1).getDouble());
        }
        Values values;
        for (const auto& [key, list] : sorted) {
            Cell cell{std::nullopt, static_cast<std::int64_t>(list.size())};
            if (!list.empty()) {
                const auto rank = std::ceil(q * static_cast<double>(list.size()) - 1e-9);
                cell.value = list[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
            }
            values.cells[key] = cell;
        }
        return values;
    }

    /// Attempts of one request are one; without a request id each is a request of its own.
    Values joined(const Span& span, std::int64_t now) const {
        const auto requests = fmt::format(
            "SELECT key, sum(err) > 0 AND sum(answer) = 0 AS lost FROM ({}) WHERE "
            "attempt "
            "GROUP BY key, CASE request_id WHEN 0 THEN -id ELSE request_id END, request_id = 0",
            rows());
        SQLite::Statement query{
            database_.handle(),
            fmt::format("SELECT key, 100.0 * sum(lost) / count(*), count(*) FROM ({}) GROUP BY key",
                        requests)};
        bind(query, span, now);
        Values values;
        while (query.executeStep()) add(values, query);
        return values;
    }

    static Key key_of(const SQLite::Statement& query) {
        Key key;
        const auto text = query.getColumn(0).getString();
        for (const char letter : text) {
            if (letter == '\1') {
                key.emplace_back();
            } else {
                key.back() += letter;
            }
        }
        return key;
    }

    static void add(Values& values, const SQLite::Statement& query) {
        Cell cell{std::nullopt, query.getColumn(2).getInt64()};
        if (!query.getColumn(1).isNull()) cell.value = query.getColumn(1).getDouble();
        values.cells[key_of(query)] = cell;
    }

    static void bind(SQLite::Statement& query, const Span& span, std::int64_t now) {
        query.bind(":tail", base::unix_seconds(span.tail));
        query.bind(":head", base::unix_seconds(span.head));
        query.bind(":now", now);
    }

    base::Database& database_;
    const Rule& rule_;
    std::string more_;
};

/// A value of a rule with what it was made of.
struct Expected {
    std::optional<double> value;
    std::int64_t weight = 0;
    bool unusual = true;
};

inline double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const auto n = values.size();
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/// Holds for rows that were in the rolling window at some second.
inline std::string entered(const Rule& rule) {
    const auto reach = (alerts::delay_of(rule) + rule.window.length).count();
    return fmt::format("r.created_at > r.seen_at + 1 - {}", reach);
}

/// Of every series that has rows in the rule's window or in one that it is compared with.
inline std::map<Key, Expected> expected_of(base::Database& database, const Rule& rule,
                                           base::Second t) {
    Reference reference{database, rule};
    const auto now = base::unix_seconds(t);
    auto span = alerts::window_of(rule).at(t);
    if (rule.window.kind == Frame::Kind::rolling) {
        const auto head = t - alerts::delay_of(rule);
        span = {head - rule.window.length, head};
    }
    auto own = reference.values(span, now);
    if (rule.metric == Metric::since_last) {
        // Its last row may have left the window; but one that came when it had left was never seen.
        own = reference.values({base::Second{}, span.head}, now, entered(rule));
    }
    std::vector<Values> bases;
    const bool usual = rule.compare_to == Comparison::usual;
    const int weeks = rule.compare_to == Comparison::none ? 0 : usual ? kWeeks : 1;
    const auto first = database.handle().execAndGet("SELECT min(created_at) FROM log").getInt64();
    for (int week = 1; week <= weeks; ++week) {
        const auto base = alerts::base_window_of(rule, usual ? week : 0).at(t);
        auto values = reference.values(base, now);
        if (usual && values.cells.empty()) continue;
        // Of a time that is mirrored in part nobody knows the value.
        if (base::unix_seconds(base.tail) + 1 < first) values = {};
        bases.push_back(std::move(values));
    }
    std::set<Key> keys;
    for (const auto& [key, cell] : own.cells) keys.insert(key);
    for (const auto& base : bases) {
        for (const auto& [key, cell] : base.cells) keys.insert(key);
    }
    if (rule.by.empty()) keys.insert(Key{});
    std::map<Key, Expected> all;
    for (const auto& key : keys) {
        const auto cell = own.of(key);
        auto& expected = all[key];
        expected = {cell.value, cell.weight, true};
        if (rule.compare_to == Comparison::none) continue;
        std::vector<double> past;
        for (const auto& base : bases) {
            const auto former = base.of(key);
            if (!former.value || former.weight < rule.min_requests) continue;
            past.push_back(*former.value);
            if (rule.below) expected.weight = std::max(expected.weight, former.weight);
        }
        expected.value.reset();
        if (!cell.value || past.size() < (usual ? std::size_t{3} : std::size_t{1})) continue;
        const auto base = median(past);
        if (base > 0) expected.value = (*cell.value - base) / base * 100;
        const auto farthest = *std::max_element(past.begin(), past.end());
        for (auto& value : past) value = std::abs(value - base);
        // Percentiles are not known better than that.
        const auto most = std::max(base, *cell.value) + 2 * 3 * 1.4826 * farthest;
        const auto doubt = alerts::is_percentile(rule.metric) ? 2 * 0.02 * most : 0;
        expected.unusual =
            !usual || std::abs(*cell.value - base) > 3 * 1.4826 * median(past) + doubt;
    }
    return all;
}

}  // namespace quotafuse::tests::property
