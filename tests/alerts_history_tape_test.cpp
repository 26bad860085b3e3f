#include <random>
#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts_replay_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;

TEST_CASE("a tape shows a row from when it was created and seen, and reads what was shown") {
    Live live{"rules: []\n"};
    std::mt19937_64 random{7};
    live.start(0);
    std::vector<std::pair<std::int64_t, sync::LogEntry>> entries;  // seen at, row
    for (int i = 0; i < 3000; ++i) {
        const auto created = static_cast<std::int64_t>(random() % 4000);
        // Most in time, some early by a clock that runs ahead, some late, a few very late.
        const std::int64_t kinds[] = {0, 0, 0, 1, -1, -40, 3, 90, 700};
        entries.emplace_back(created + kinds[random() % std::size(kinds)], request(created));
        auto& entry = entries.back().second;
        entry.quota = static_cast<std::int64_t>(random() % 1000);
        if (i % 100 == 0) entry.prompt_tokens = std::int64_t{1} << 40U;
    }
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    sync::Position position;
    std::map<std::int64_t, sync::Row> rows;
    for (auto& [seen, entry] : entries) {
        entry.id = ++position.cursor;
        for (const auto& row : live.store().append({{entry}, position}, at(seen), at(seen))) {
            rows[row.id] = row;
        }
    }
    const auto shown_at = [](const sync::Row& row) {
        return std::max(row.created_at, row.seen_at + 1);
    };

    sync::History history{live.path()};
    alerts::HistoryTape::Options options;
    options.until = at(4200);
    options.reach = std::chrono::seconds{500};
    options.farthest = std::chrono::seconds{2000};
    SUBCASE("with room for what is read again") {}
    SUBCASE("with hardly any memory") {
        options.bytes = 1;
    }
    alerts::RowSource source{live.path(), at(1000), at(4200), 1};
    alerts::HistoryTape tape{history, source, 0, options};
    for (std::int64_t t = 1001; t <= 4200; ++t) {
        std::vector<sync::Row> added;
        tape.advance(at(t), added);
        std::vector<std::int64_t> got;
        for (const auto& row : added) got.push_back(row.id);
        std::vector<std::int64_t> wanted;
        for (const auto& [id, row] : rows) {
            if (shown_at(row) == kMonday + t && row.seen_at < kMonday + 4200) wanted.push_back(id);
        }
        REQUIRE(got == wanted);
        if (t % 13 != 0) continue;
        for (const std::int64_t length : {1, 60, 480, 900}) {
            const auto after = kMonday + t - length - static_cast<std::int64_t>(random() % 400);
            std::map<std::int64_t, std::int64_t> read;
            tape.read(after, after + length, [&](const sync::Row& row) {
                CHECK(row.prompt_tokens == rows.at(row.id).prompt_tokens);
                CHECK(row.seen_at == rows.at(row.id).seen_at);
                CHECK(row.created_at == rows.at(row.id).created_at);
                read[row.id] = row.quota;
            });
            std::map<std::int64_t, std::int64_t> there;
            for (const auto& [id, row] : rows) {
                const bool in = row.created_at > after &&
                                row.created_at <= std::min(after + length, kMonday + t);
                if (in && row.seen_at < kMonday + t) there[id] = row.quota;
            }
            REQUIRE(read == there);
        }
    }
}

TEST_CASE("a packed row is the row, whatever its numbers") {
    alerts::RowSlice slice{kMonday};
    sync::Row row;
    row.id = sync::row_id(3, 77);
    row.created_at = kMonday + 60;
    row.seen_at = kMonday + 55;
    row.user = 1;
    row.token = 2;
    row.channel = 3;
    row.quota = -4;
    row.prompt_tokens = 5;
    row.completion_tokens = 6;
    row.cache_tokens = 7;
    row.latency_ms = 8;
    row.first_token_ms = 9;
    row.request_id = 0xFEDCBA9876543210U;
    row.username = 10;
    row.token_name = 11;
    row.model = 12;
    row.group = 13;
    row.route = 14;
    row.error_code = 15;
    row.ip = std::int64_t{1} << 62U;
    row.status = 503;
    row.attempts = 4;
    row.kind = sync::Kind::refund;
    row.stream_end = sync::StreamEnd::broken;
    row.stream = row.task = true;
    auto wide = row;
    wide.quota = std::int64_t{1} << 50U;
    wide.channel_test = true;
    wide.stream = false;
    auto old = row;
    old.seen_at = 0;
    slice.add(row);
    slice.add(wide);
    slice.add(old);
    slice.finish();
    const auto text = [](const sync::Row& one) {
        return fmt::format(
            "{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", one.id,
            one.created_at, one.seen_at, one.user, one.token, one.channel, one.quota,
            one.prompt_tokens, one.completion_tokens, one.cache_tokens, one.latency_ms,
            one.first_token_ms, one.request_id, one.username, one.token_name, one.model, one.group,
            one.route, one.error_code, one.ip, one.status, one.attempts, static_cast<int>(one.kind),
            static_cast<int>(one.stream_end), int{one.stream} + 2 * int{one.channel_test},
            one.task);
    };
    CHECK(text(slice.row(0)) == text(row));
    CHECK(text(slice.row(1)) == text(wide));
    CHECK(text(slice.row(2)) == text(old));
    CHECK(sizeof(sync::Row) == 152);  // another member must be packed, too
}
