#include "bench/traffic.h"

#include <iostream>

#include <fmt/format.h>

namespace quotafuse::bench {
namespace {

constexpr std::size_t kBatch = 20'000;

}  // namespace

sync::LogEntry Traffic::entry(std::int64_t created_at) {
    sync::LogEntry entry;
    entry.created_at = created_at;
    entry.kind = below(25) == 0 ? sync::Kind::error : sync::Kind::consume;
    const auto place = static_cast<double>(below(1'000'000)) / 1e6;
    entry.token = 1 + static_cast<std::int64_t>(place * place * tokens_);
    entry.user = 1 + entry.token % 300;
    entry.channel = 1 + below(40);
    entry.username = fmt::format("user-{}", entry.user);
    entry.token_name = fmt::format("key-{}", entry.token);
    entry.model = fmt::format("model-{}", below(60));
    entry.group = below(4) == 0 ? "vip" : "default";
    entry.ip = fmt::format("10.{}.{}.{}", entry.token % 250, below(4), below(200));
    entry.request_id = random_();
    if (entry.kind == sync::Kind::error) {
        entry.status = below(3) == 0 ? 429 : 500;
        return entry;
    }
    entry.prompt_tokens = below(4000);
    entry.completion_tokens = below(1500);
    entry.quota = entry.prompt_tokens + 4 * entry.completion_tokens;
    entry.latency_ms = 200 + below(20'000);
    entry.stream = below(2) == 0;
    if (entry.stream) entry.first_token_ms = 100 + below(3000);
    return entry;
}

void fill(sync::Store& store, std::size_t rows) {
    auto done = static_cast<std::size_t>(store.rows());
    if (done >= rows) return;
    std::cout << fmt::format("filling a store with {} rows over 30 d …\n", rows) << std::flush;
    Traffic traffic{1000};
    auto position = store.position();
    while (done < rows) {
        sync::Batch batch;
        for (; done < rows && batch.entries.size() < kBatch; ++done) {
            const auto part = static_cast<double>(done) / static_cast<double>(rows);
            const auto passed = static_cast<std::int64_t>(part * kHistory);
            batch.entries.push_back(traffic.entry(kHistoryEnd - kHistory + passed));
            batch.entries.back().id = ++position.cursor;
        }
        batch.position = position;
        store.append(batch, base::from_unix(kHistoryEnd));
    }
}

}  // namespace quotafuse::bench
