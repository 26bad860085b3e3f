#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

#include "daemon/api/read_pool.h"
#include "daemon/api/reply_cache.h"
#include "daemon_api_fixture.h"
#include "support/program.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using daemon::api::ReadPool;
using daemon::api::ReplyCache;

namespace {

constexpr base::Milliseconds kGood{3000};
constexpr auto kEndless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

HttpRequest request(const std::string& path, const Query& query = {}) {
    return {.method = "GET", .target = path, .path = path, .query = query};
}

HttpReply text(std::string body, int status = 200) {
    return {.status = status, .content_type = "text/plain", .body = std::move(body)};
}

/// A clock that goes on by a while whenever somebody looks.
class RunningClock final : public base::Clock {
public:
    base::WallTime wall() const override { return base::WallTime{base::Seconds{kStart}}; }
    base::MonoTime mono() const override { return base::MonoTime{base::Milliseconds{now_ += 50}}; }

private:
    mutable std::atomic<std::int64_t> now_{0};
};

}  // namespace

TEST_CASE("a reply is made once for all who ask the same, also for those who come meanwhile") {
    const FakeClock clock{kStart};
    ReplyCache cache{clock};
    std::atomic<int> made = 0;
    std::latch begun{1};
    std::latch go_on{1};
    const auto make = [&](const HttpRequest&) {
        ++made;
        begun.count_down();
        go_on.wait();
        return text("costly");
    };
    std::atomic<int> good = 0;
    const auto ask = [&] { good += cache.get(request("/a"), kGood, make).body == "costly"; };
    std::vector<std::jthread> threads;
    threads.emplace_back(ask);
    begun.wait();
    for (int i = 0; i < 8; ++i) threads.emplace_back(ask);
    go_on.count_down();
    threads.clear();
    CHECK(made == 1);
    CHECK(good == 9);
}

TEST_CASE("a reply is good for as long as was said, for the same question only") {
    FakeClock clock{kStart};
    ReplyCache cache{clock};
    int made = 0;
    const auto make = [&](const HttpRequest&) { return text(std::to_string(++made)); };
    CHECK(cache.get(request("/a", {{"x", "1"}, {"y", "2"}}), kGood, make).body == "1");
    CHECK(cache.get(request("/a", {{"y", "2"}, {"x", "1"}}), kGood, make).body == "1");
    CHECK(cache.get(request("/a", {{"x", "1&y=2"}}), kGood, make).body == "2");
    CHECK(cache.get(request("/b", {{"x", "1"}, {"y", "2"}}), kGood, make).body == "3");
    clock.advance(kGood - base::Milliseconds{1});
    CHECK(cache.get(request("/a", {{"x", "1"}, {"y", "2"}}), kGood, make).body == "1");
    clock.advance(base::Milliseconds{1});
    CHECK(cache.get(request("/a", {{"x", "1"}, {"y", "2"}}), kGood, make).body == "4");
}

TEST_CASE("a reply that took long to make is told for longer, but not for ever") {
    FakeClock clock{kStart};
    ReplyCache cache{clock};
    base::Milliseconds taken{0};
    std::atomic<int> made = 0;
    const auto ask = [&] {
        return cache
            .get(request("/a"), kGood,
                 [&](const HttpRequest&) {
                     clock.advance(taken);
                     return text(std::to_string(++made));
                 })
            .body;
    };
    const auto is_told_for = [&](base::Milliseconds time) {
        const auto first = ask();
        clock.advance(time - base::Milliseconds{1});
        const bool still = ask() == first;
        clock.advance(base::Milliseconds{1});
        ask();
        return still && eventually([&] { return ask() != first; });
    };
    taken = base::Milliseconds{70};
    CHECK(is_told_for(70 * base::Milliseconds{ReplyCache::kTimesOfMaking}));
    clock.advance(10 * ReplyCache::kLongest);
    taken = base::Milliseconds{900};
    CHECK(is_told_for(ReplyCache::kLongest));
    clock.advance(10 * ReplyCache::kLongest);
    taken = base::Milliseconds{1};
    CHECK(is_told_for(kGood));
}

TEST_CASE("while a reply is made anew the others get the former one, if it is not too old") {
    FakeClock clock{kStart};
    ReplyCache cache{clock};
    std::latch begun{1};
    std::latch go_on{1};
    const auto old = [](const HttpRequest&) { return text("old"); };
    const auto never = [](const HttpRequest&) { return text("made twice"); };
    const auto anew = [&](const HttpRequest&) {
        begun.count_down();
        go_on.wait();
        return text("new");
    };
    cache.get(request("/a"), kGood, old);
    clock.advance(kGood);
    std::string renewed;
    {
        const std::jthread first{[&] { renewed = cache.get(request("/a"), kGood, anew).body; }};
        begun.wait();
        CHECK(cache.get(request("/a"), kGood, never).body == "old");
        go_on.count_down();
    }
    CHECK(renewed == "new");
    CHECK(cache.get(request("/a"), kGood, never).body == "new");
    // Far too old: whoever comes makes it.
    clock.advance(2 * kGood);
    CHECK(cache.get(request("/a"), kGood, old).body == "old");
    // One that fails to be made anew is not told again.
    clock.advance(kGood);
    const auto refuse = [](const HttpRequest&) { return text("busy", 503); };
    CHECK(cache.get(request("/a"), kGood, refuse).status == 503);
    CHECK(cache.get(request("/a"), kGood, never).body == "made twice");
}

TEST_CASE("nobody waits for a reply that takes long to make anew") {
    FakeClock clock{kStart};
    std::latch begun{1};
    std::latch go_on{1};
    std::atomic<bool> is_first = true;
    std::atomic<std::thread::id> maker{};
    const auto make = [&](const HttpRequest&) {
        maker = std::this_thread::get_id();
        if (is_first.exchange(false)) {
            clock.advance(ReplyCache::kLongWait);
            return text("old");
        }
        begun.count_down();
        go_on.wait();
        return text("new");
    };
    ReplyCache cache{clock};
    CHECK(cache.get(request("/a"), kGood, make).body == "old");
    clock.advance(kGood);
    CHECK(cache.get(request("/a"), kGood, make).body == "old");
    begun.wait();
    CHECK(maker.load() != std::this_thread::get_id());
    CHECK(cache.get(request("/a"), kGood, make).body == "old");
    go_on.count_down();
    CHECK(eventually([&] { return cache.get(request("/a"), kGood, make).body == "new"; }));
}

TEST_CASE("a failure is everybody's who waits, and is not kept") {
    const FakeClock clock{kStart};
    ReplyCache cache{clock};
    std::latch begun{1};
    std::latch go_on{1};
    std::atomic<int> failed = 0;
    std::atomic<int> made = 0;
    const auto make = [&](const HttpRequest&) -> HttpReply {
        ++made;
        begun.count_down();
        go_on.wait();
        throw std::runtime_error("no");
    };
    const auto ask = [&] {
        try {
            cache.get(request("/a"), kGood, make);
        } catch (const std::runtime_error&) {
            ++failed;
        }
    };
    std::vector<std::jthread> threads;
    threads.emplace_back(ask);
    begun.wait();
    for (int i = 0; i < 4; ++i) threads.emplace_back(ask);
    go_on.count_down();
    threads.clear();
    CHECK(failed == 5);
    CHECK(made <= 5);
    const auto well = [](const HttpRequest&) { return text("well"); };
    CHECK(cache.get(request("/a"), kGood, well).body == "well");
    int refused = 0;
    const auto refuse = [&](const HttpRequest&) { return ++refused, text("busy", 503); };
    CHECK(cache.get(request("/b"), kGood, refuse).status == 503);
    CHECK(cache.get(request("/b"), kGood, refuse).status == 503);
    CHECK(refused == 2);
}

TEST_CASE("the cache has room for so many replies, and the oldest go first") {
    FakeClock clock{kStart};
    ReplyCache cache{clock};
    int made = 0;
    const auto make = [&](const HttpRequest&) { return ++made, text("x"); };
    const auto ask = [&](std::size_t i) {
        clock.advance(base::Milliseconds{1});
        cache.get(request("/" + std::to_string(i)), base::Milliseconds{1'000'000}, make);
    };
    for (std::size_t i = 0; i < ReplyCache::kMostReplies + 10; ++i) ask(i);
    made = 0;
    ask(ReplyCache::kMostReplies + 9);
    ask(10);
    CHECK(made == 0);
    ask(9);
    CHECK(made == 1);
    // Large ones take the room of many.
    const auto large = [&](const HttpRequest&) {
        return text(std::string(ReplyCache::kMostBytes / 2, 'x'));
    };
    clock.advance(base::Milliseconds{1});
    cache.get(request("/large"), base::Milliseconds{1'000'000}, large);
    clock.advance(base::Milliseconds{1});
    cache.get(request("/larger"), base::Milliseconds{1'000'000}, large);
    made = 0;
    ask(10);
    CHECK(made == 1);
}

TEST_CASE("who has the same answer already gets 304 without a body") {
    const auto first = daemon::api::with_etag(request("/a"), text("same"));
    REQUIRE(first.headers.size() == 1);
    const auto tag = first.headers.front().second;
    CHECK(first.headers.front().first == "ETag");
    CHECK(first.cache_control == "private, no-cache");
    const auto again = [&](const std::string& had, const std::string& body = "same") {
        auto asked = request("/a");
        asked.headers.emplace_back("if-none-match", had);
        return daemon::api::with_etag(asked, text(body));
    };
    for (const auto& had : {tag, "W/" + tag, "\"other\", " + tag, std::string{"*"}}) {
        CAPTURE(had);
        CHECK(again(had).status == 304);
        CHECK(again(had).body.empty());
    }
    CHECK(again("\"other\"").status == 200);
    CHECK(again(tag, "another").status == 200);
    CHECK(daemon::api::with_etag(request("/a"), text("no", 503)).headers.empty());
}

TEST_CASE("a connection reads one snapshot, and writes nothing") {
    ApiSite site{201};
    site.fill(kStart, kStart + kHour, 100);
    ReadPool pool{site.path(), site.clock};
    {
        const auto lease = pool.take();
        CHECK(number(lease.database(), "SELECT count(*) FROM log") == 100);
        site.fill(kStart + kHour, kStart + 2 * kHour, 50);
        CHECK(number(lease.database(), "SELECT count(*) FROM log") == 100);
        for (const auto* const sql :
             {"DELETE FROM log", "CREATE TABLE t(x)", "CREATE TEMP TABLE t(x)",
              "UPDATE position SET cursor = 1", "PRAGMA user_version = 7"}) {
            CAPTURE(sql);
            CHECK_THROWS_AS(lease.database().exec(sql), SQLite::Exception);
        }
    }
    const auto lease = pool.take();
    CHECK(number(lease.database(), "SELECT count(*) FROM log") == 150);
    CHECK(number(lease.database(), "PRAGMA user_version") != 7);
}

TEST_CASE("what takes too long ends, is answered with 503, and the connection goes on") {
    ApiSite site{202};
    site.fill(kStart, kStart + kHour, 100);
    const RunningClock clock;
    ReadPool pool{site.path(), clock};
    const daemon::api::Sources sources{pool, clock, site.zone(), [] { return daemon::Currency{}; }};
    const auto asked = request("/api/v1/summary");
    const auto reply = daemon::api::answer(sources, asked, [](const auto& inquiry) {
        return daemon::api::Json(number(inquiry.database(), kEndless));
    });
    CHECK(reply.status == 503);
    CHECK(json::parse(reply.body)
              .at("error")
              .at("message")
              .get<std::string>()
              .starts_with("this takes too long"));
    REQUIRE(!reply.headers.empty());
    CHECK(reply.headers.front() == std::pair<std::string, std::string>{"Retry-After", "2"});
    const auto lease = pool.take();
    CHECK(number(lease.database(), "SELECT count(*) FROM log") == 100);
}

TEST_CASE("many threads read at once") {
    ApiSite site{203};
    site.fill(kStart, kStart + 3 * kDay, 1000);
    std::atomic<int> good = 0;
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread)
        threads.emplace_back([&, thread] {
            for (int i = 0; i < 10; ++i)
                good +=
                    site.reply("/api/v1/breakdown",
                               {{"by", "token"}, {"most", std::to_string(1 + (i * thread) % 20)}})
                        .status == 200;
        });
    threads.clear();
    CHECK(good == 80);
}

TEST_CASE("a store that is not there is told") {
    FakeClock clock{kStart};
    const TempDir folder;
    daemon::api::Api api{folder.file("none.db"), clock, {}, {}};
    const auto reply = api.pages().at("/api/v1/summary")(request("/api/v1/summary"));
    CHECK(reply.status == 503);
    CHECK(reply.body.find("the store cannot be read") != std::string::npos);
}
