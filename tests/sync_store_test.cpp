#include <doctest/doctest.h>

#include "support/temp_dir.h"
#include "sync/store.h"

using namespace quotafuse;
using namespace quotafuse::sync;

namespace {

LogEntry entry(std::int64_t id, std::int64_t created_at, const std::string& model = "gpt-4o") {
    LogEntry e;
    e.id = id;
    e.created_at = created_at;
    e.kind = Kind::consume;
    e.user = 5;
    e.token = 6;
    e.channel = 7;
    e.username = "alice";
    e.token_name = "key";
    e.model = model;
    e.group = "default";
    e.route = "/v1/chat/completions";
    e.quota = 123456789012;
    e.prompt_tokens = 10;
    e.completion_tokens = 20;
    e.cache_tokens = 3;
    e.latency_ms = 1500;
    e.first_token_ms = 300;
    e.stream = true;
    e.stream_end = StreamEnd::broken;
    e.status = 502;
    e.error_code = "bad_response";
    e.request_id = 0xFFFFFFFFFFFFFFF1ULL;
    e.ip = "10.1.1.1";
    e.attempts = 4;
    e.task = true;
    return e;
}

struct Opened {
    explicit Opened(const std::string& path) : database(path, {Store::schema()}), store(database) {}
    base::Database database;
    Store store;
};

std::vector<Row> read_all(Store& store) {
    std::vector<Row> rows;
    store.read(-1, 1'000'000'000'000, [&](const Row& row) { rows.push_back(row); });
    return rows;
}

}  // namespace

TEST_CASE("every field of an entry survives the store and a restart") {
    const tests::TempDir folder;
    {
        Opened opened{folder.file("s.db")};
        CHECK(opened.store.append({{entry(9, 1000)}, {9, {{3, 4, 77}}}}, base::from_unix(1003))
                  .size() == 1);
    }
    Opened opened{folder.file("s.db")};
    CHECK(opened.store.rows() == 1);
    CHECK(opened.store.newest() == 1000);
    CHECK(opened.store.position() == Position{9, {{3, 4, 77}}});
    const auto rows = read_all(opened.store);
    REQUIRE(rows.size() == 1);
    const auto& row = rows[0];
    auto& texts = opened.store.texts();
    CHECK(row.id == 9);
    CHECK(row.created_at == 1000);
    CHECK(row.seen_at == 1003);
    CHECK(row.kind == Kind::consume);
    CHECK(row.user == 5);
    CHECK(row.token == 6);
    CHECK(row.channel == 7);
    CHECK(texts.text(row.username) == "alice");
    CHECK(texts.text(row.token_name) == "key");
    CHECK(texts.text(row.model) == "gpt-4o");
    CHECK(texts.text(row.group) == "default");
    CHECK(texts.text(row.route) == "/v1/chat/completions");
    CHECK(row.quota == 123456789012);
    CHECK(row.prompt_tokens == 10);
    CHECK(row.completion_tokens == 20);
    CHECK(row.cache_tokens == 3);
    CHECK(row.latency_ms == 1500);
    CHECK(row.first_token_ms == 300);
    CHECK(row.stream);
    CHECK(row.stream_end == StreamEnd::broken);
    CHECK(row.status == 502);
    CHECK(texts.text(row.error_code) == "bad_response");
    CHECK(row.request_id == 0xFFFFFFFFFFFFFFF1ULL);
    CHECK(texts.text(row.ip) == "10.1.1.1");
    CHECK(row.attempts == 4);
    CHECK(row.task);
    CHECK_FALSE(row.channel_test);
}

TEST_CASE("a repeated batch stores nothing twice") {
    const tests::TempDir folder;
    Opened opened{folder.file("s.db")};
    const Batch batch{{entry(1, 10), entry(2, 11)}, {2, {}}};
    CHECK(opened.store.append(batch, base::from_unix(12)).size() == 2);
    CHECK(opened.store.append(batch, base::from_unix(13)).empty());
    CHECK(opened.store.append({{entry(2, 11), entry(3, 9)}, {3, {}}}, base::from_unix(14)).size() ==
          1);
    CHECK(opened.store.rows() == 3);
    CHECK(read_all(opened.store).size() == 3);
}

TEST_CASE("an append that fails half-way leaves the file as it was and can be repeated") {
    const tests::TempDir folder;
    Opened opened{folder.file("s.db")};
    opened.store.append({{entry(1, 10)}, {1, {}}}, base::from_unix(12));
    opened.database.handle().exec("PRAGMA max_page_count = 20");  // a disk that is full
    Batch big;
    for (std::int64_t id = 2; id < 5000; ++id)
        big.entries.push_back(entry(id, id, "model-" + std::to_string(id)));
    big.position = {4999, {}};
    CHECK_THROWS_AS(opened.store.append(big, base::from_unix(13)), SQLite::Exception);
    CHECK(opened.store.position() == Position{1, {}});
    CHECK(opened.store.rows() == 1);
    CHECK(read_all(opened.store).size() == 1);
    opened.database.handle().exec("PRAGMA max_page_count = 1000000");
    CHECK(opened.store.append(big, base::from_unix(14)).size() == 4998);
    Opened again{folder.file("s.db")};
    CHECK(again.store.texts().text(read_all(again.store).back().model) == "model-4999");
}

TEST_CASE("rows are read by time, without their lower bound and with their upper") {
    const tests::TempDir folder;
    Opened opened{folder.file("s.db")};
    opened.store.append({{entry(1, 30), entry(2, 10), entry(3, 20)}, {3, {}}}, base::from_unix(50));
    std::vector<std::int64_t> times;
    opened.store.read(10, 30, [&](const Row& row) { times.push_back(row.created_at); });
    CHECK(times == std::vector<std::int64_t>{20, 30});
}

TEST_CASE("reading by time searches its index and never the table") {
    const tests::TempDir folder;
    Opened opened{folder.file("s.db")};
    SQLite::Statement plan{opened.database.handle(),
                           "EXPLAIN QUERY PLAN SELECT id FROM log WHERE created_at > 1 AND "
                           "created_at <= 2 ORDER BY created_at"};
    std::string text;
    while (plan.executeStep()) text += plan.getColumn(3).getString();
    CHECK(text == "SEARCH log USING COVERING INDEX log_by_time (created_at>? AND created_at<?)");
}

TEST_CASE("what was asked for is counted by group and model over all channels, without tests") {
    const tests::TempDir folder;
    Opened opened{folder.file("s.db")};
    auto test = entry(4, 100);
    test.channel_test = true;
    auto peer = entry(5, 100);
    peer.channel = 8;
    opened.store.append(
        {{entry(1, 100), entry(2, 101), entry(3, 102, "o1"), test, peer, entry(6, 50)}, {6, {}}},
        base::from_unix(200));
    const auto served = opened.store.served(60);
    REQUIRE(served.size() == 2);
    CHECK(served[0].model == "gpt-4o");
    CHECK(served[0].group == "default");
    CHECK(served[0].requests == 3);
    CHECK(served[1].model == "o1");
}
