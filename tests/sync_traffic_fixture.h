#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "sync/traffic_reader.h"
#include "sync_store_fixture.h"

namespace quotafuse::tests {

using namespace sync;

inline constexpr std::int64_t kStart = 1'767'571'200;  // 2026-01-05 00:00 UTC
inline constexpr std::int64_t kHour = 3600;
inline constexpr std::int64_t kDay = 24 * kHour;

/// A store with rows at random times, and the same rows for plain SQL.
class TrafficSite {
public:
    explicit TrafficSite(std::uint64_t seed, std::string zone = "Asia/Shanghai")
        : random_(seed),
          zone_(*base::TimeZone::find(zone)),
          database_(folder_.file("store.db"), {Store::schema()}),
          store_(database_, {}, zone_) {
        database_.set_durable(false);
    }

    void fill(std::int64_t from, std::int64_t until, int count) {
        Batch batch;
        for (int i = 0; i < count; ++i)
            batch.entries.push_back(random_entry(from + (until - from) * i / count));
        last_ = batch.entries.back().id;
        batch.position = at_cursor(last_);
        store_.append(batch, base::from_unix(until));
    }

    TrafficAnswer ask(const TrafficQuestion& question, std::int64_t now) {
        SQLite::Database reader{folder_.file("store.db"), SQLite::OPEN_READONLY};
        return TrafficReader{reader, zone_}.answer(question, base::from_unix(now));
    }

    std::int64_t below(std::int64_t n) {
        return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
    }
    TextId text(const std::string& value) { return store_.texts().find(value); }
    SQLite::Database& handle() { return database_.handle(); }
    const base::TimeZone& zone() const { return zone_; }
    Store& store() { return store_; }
    base::Database& store_database() { return database_; }

private:
    LogEntry random_entry(std::int64_t now) {
        auto e = entry(++last_, below(10) == 0 ? std::max(kStart, now - below(2 * kDay)) : now,
                       fmt::format("model-{}", below(4)));
        const auto kind = below(12);
        e.kind = kind < 8    ? Kind::consume
                 : kind < 10 ? Kind::error
                 : kind < 11 ? Kind::refund
                             : Kind::other;
        e.channel = 1 + below(4);
        e.token = below(3) * (1 + below(3));
        e.user = 1 + below(3);
        e.username = fmt::format("user-{}", e.user);
        e.token_name = fmt::format("key-{}", e.token == 0 ? below(2) : e.token);
        e.group = below(2) == 0 ? "default" : "vip";
        e.route = below(2) == 0 ? "/v1/chat/completions" : "/v1/embeddings";
        e.ip = fmt::format("10.0.0.{}", 1 + below(3));
        e.quota = below(100'000);
        e.prompt_tokens = below(20'000);
        e.completion_tokens = below(3) * below(1000);
        e.cache_tokens = below(500);
        e.latency_ms = below(6) == 0 ? LogEntry::kUnknown : 100 + below(60'000);
        e.first_token_ms = below(3) == 0 ? LogEntry::kUnknown : 1 + below(5000);
        e.stream_end = static_cast<StreamEnd>(below(4));
        e.attempts = static_cast<int>(1 + below(2));
        e.channel_test = below(12) == 0;
        e.task = below(12) == 0;
        e.status = 0;
        e.error_code.clear();
        if (e.kind == Kind::error) {
            const int statuses[] = {0, 400, 429, 500, 503};
            e.status = statuses[below(5)];
            e.error_code = below(4) == 0 ? "prompt_blocked" : "bad_response";
        }
        return e;
    }

    std::mt19937_64 random_;
    base::TimeZone zone_;
    TempDir folder_;
    base::Database database_;
    Store store_;
    std::int64_t last_ = 0;
};

inline void check_equal(std::vector<std::string> one, std::vector<std::string> other) {
    std::sort(one.begin(), one.end());
    std::sort(other.begin(), other.end());
    for (std::size_t i = 0; i < std::max(one.size(), other.size()); ++i) {
        CAPTURE(i);
        REQUIRE((i < one.size() ? one[i] : "none") == (i < other.size() ? other[i] : "none"));
    }
}

}  // namespace quotafuse::tests
