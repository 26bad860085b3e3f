#include <random>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "sync/log_pages.h"
#include "sync/store_tables.h"
#include "sync_store_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using namespace quotafuse::tests;

namespace {

constexpr std::int64_t kStart = 1'767'571'200;
constexpr std::int64_t kHour = 3600;

class Site {
public:
    explicit Site(std::uint64_t seed) : random_(seed), file_(folder_.file("store.db")) {}

    void add(std::vector<LogEntry> entries) {
        Batch batch;
        batch.position = at_cursor(entries.back().id);
        const auto newest = entries.back().created_at;
        batch.entries = std::move(entries);
        file_.store.append(batch, base::from_unix(newest));
    }

    /// Some of channel 9 in a few hours only.
    void fill(int count, std::int64_t span) {
        std::vector<LogEntry> entries;
        for (int i = 0; i < count; ++i) {
            const auto at = kStart + span * i / count;
            const bool rare = at / kHour % 7 == 3 && below(10) == 0;
            auto e = below(5) == 0 ? failed(++last_, at) : entry(++last_, at);
            e.channel = rare ? 9 : 1 + below(4);
            e.model = fmt::format("model-{}", below(3));
            e.token = below(4);
            e.user = below(3);
            e.latency_ms = below(60'000);
            e.status = e.kind == Kind::error ? 429 : 0;
            if (!e.content.empty()) e.content = fmt::format("Upstream {} is Overloaded", below(9));
            entries.push_back(std::move(e));
        }
        add(std::move(entries));
    }

    LogPage page(const LogQuestion& question) {
        SQLite::Database reader{folder_.file("store.db"), SQLite::OPEN_READONLY};
        return LogPages{reader}.page(question);
    }

    /// All ids, page by page.
    std::vector<std::int64_t> walk(LogQuestion question) {
        std::vector<std::int64_t> ids;
        for (int pages = 0;; ++pages) {
            REQUIRE(pages < 1000);
            const auto page = this->page(question);
            REQUIRE(page.rows.size() <= question.most);
            for (const auto& row : page.rows) ids.push_back(row.id);
            if (!page.next) return ids;
            question.after = page.next;
        }
    }

    std::vector<std::int64_t> ids(const std::string& where) {
        std::vector<std::int64_t> ids;
        SQLite::Statement query{file_.database.handle(),
                                "SELECT log.id FROM log LEFT JOIN row_text USING(id) WHERE " +
                                    where + " ORDER BY log.created_at DESC, log.id DESC"};
        while (query.executeStep()) ids.push_back(query.getColumn(0).getInt64());
        return ids;
    }

    std::int64_t below(std::int64_t n) {
        return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
    }
    TextId text(const std::string& value) { return file_.store.texts().find(value); }
    SQLite::Database& handle() { return file_.database.handle(); }

private:
    std::mt19937_64 random_;
    TempDir folder_;
    StoreFile file_;
    std::int64_t last_ = 0;
};

LogQuestion everything() {
    LogQuestion question;
    question.from = base::from_unix(0);
    question.until = base::from_unix(kStart + 400 * 86'400);
    return question;
}

}  // namespace

TEST_CASE("pages one after the other are all rows of the filter, each once, newest first") {
    Site site{1};
    site.fill(5000, 30 * kHour);
    auto question = everything();
    question.most = 37;
    SUBCASE("all") {
        CHECK(site.walk(question) == site.ids("true"));
    }
    SUBCASE("a span to the second") {
        question.from = base::from_unix(kStart + 4567);
        question.until = base::from_unix(kStart + 77'777);
        CHECK(site.walk(question) ==
              site.ids(fmt::format("log.created_at >= {} AND log.created_at < {}", kStart + 4567,
                                   kStart + 77'777)));
    }
    SUBCASE("a channel that is rare") {
        question.of.channel = 9;
        const auto rare = site.ids("channel = 9");
        CHECK(rare.size() > 10);
        CHECK(site.walk(question) == rare);
    }
    SUBCASE("several channels") {
        question.of.channels = {{9, 3}};
        CHECK(site.walk(question) == site.ids("channel IN (9, 3)"));
    }
    SUBCASE("no channel at all") {
        question.of.channels.emplace();
        CHECK(site.walk(question).empty());
    }
    SUBCASE("several at once") {
        question.of.channel = 2;
        question.of.model = site.text("model-1");
        question.of.user = 1;
        question.of.status = 429;
        question.of.kind = Kind::error;
        CHECK(site.walk(question) ==
              site.ids(fmt::format("channel = 2 AND model = {} AND user = 1 AND kind = 2",
                                   site.text("model-1"))));
    }
    SUBCASE("a key") {
        question.of.token = 3;
        CHECK(site.walk(question) == site.ids("token = 3"));
    }
    SUBCASE("slow") {
        question.of.least_latency_ms = 50'000;
        CHECK(site.walk(question) == site.ids("latency_ms >= 50000"));
    }
    SUBCASE("words of an error") {
        question.search = "UPSTREAM 7";
        const auto found = site.ids("content LIKE '%upstream 7%'");
        CHECK(found.size() > 20);
        CHECK(site.walk(question) == found);
    }
    SUBCASE("an object that never was") {
        question.of.channel = 77;
        const auto page = site.page(question);
        CHECK(page.rows.empty());
        CHECK_FALSE(page.next);
    }
}

TEST_CASE("rows that count in nothing are found where their object had nothing else") {
    Site site{6};
    site.fill(3000, 30 * kHour);
    std::vector<LogEntry> entries;
    for (int i = 0; i < 40; ++i) {
        auto test = failed(100'000 + 2 * i, kStart + i * 45 * 60);
        test.channel = 55;
        test.channel_test = true;
        entries.push_back(test);
        auto top_up = entry(100'001 + 2 * i, kStart + i * 40 * 60);
        top_up.kind = i % 3 == 0 ? Kind::test : Kind::other;
        top_up.user = i % 2 == 0 ? 66 : 67;
        entries.push_back(top_up);
    }
    site.add(entries);
    auto question = everything();
    question.most = 7;
    SUBCASE("tests of a channel") {
        question.of.channel = 55;
        CHECK(site.walk(question).size() == 40);
        CHECK(site.walk(question) == site.ids("channel = 55"));
    }
    SUBCASE("top-ups of a user") {
        question.of.user = 67;
        CHECK(site.walk(question).size() == 20);
        CHECK(site.walk(question) == site.ids("user = 67"));
    }
    SUBCASE("words of a test") {
        question.of.channel = 55;
        question.search = "upstream";
        CHECK(site.walk(question) == site.ids("channel = 55 AND content LIKE '%upstream%'"));
    }
    SUBCASE("beside others") {
        question.of.channel = 2;
        CHECK(site.walk(question) == site.ids("channel = 2"));
    }
}

TEST_CASE("of very many rows that count in nothing a page looks at some") {
    Site site{7};
    std::vector<LogEntry> entries;
    for (int i = 0; i < 2500; ++i) {
        auto other = entry(i + 1, kStart + i * 60);
        other.kind = Kind::other;
        other.user = i == 3 || i == 2400 ? 2 : 1;
        entries.push_back(other);
    }
    site.add(entries);
    auto question = everything();
    question.of.user = 2;
    CHECK(site.walk(question) == std::vector<std::int64_t>{2401, 4});
    CHECK(plan(site.handle(), std::string{"SELECT id FROM log INDEXED BY log_uncounted WHERE "} +
                                  kUncountedRows +
                                  " AND created_at >= 1 AND created_at <= 5 ORDER BY created_at "
                                  "DESC LIMIT 9")
              .find("SEARCH") != std::string::npos);
}

TEST_CASE("many rows of one second are told apart") {
    Site site{2};
    site.fill(700, 2);
    auto question = everything();
    question.most = 10;
    CHECK(site.walk(question) == site.ids("true"));
}

TEST_CASE("one page looks at a bounded number of rows and says how far it came") {
    Site site{3};
    site.fill(45'000, 10 * kHour);
    auto question = everything();
    question.of.least_latency_ms = 1'000'000;  // nothing is that slow
    const auto page = site.page(question);
    CHECK(page.rows.empty());
    REQUIRE(page.next);
    CHECK(page.searched_to == page.next->created_at);
    CHECK(site.ids(fmt::format("log.created_at > {}", page.searched_to)).size() <=
          static_cast<std::size_t>(LogPages::kMostRows));
    CHECK(site.walk(question).empty());
}

TEST_CASE("statements of pages use an index") {
    Site site{4};
    const auto rows = plan(site.handle(),
                           "SELECT id FROM log INDEXED BY log_by_time WHERE created_at >= 1 AND "
                           "(created_at, id) < (5, 7) ORDER BY created_at DESC, id DESC LIMIT 9");
    CHECK(rows.find("SEARCH") != std::string::npos);
    CHECK(rows.find("TEMP B-TREE") == std::string::npos);
    const auto hours =
        plan(site.handle(),
             "SELECT max(hour) FROM hour_token WHERE hour >= 1 AND hour <= 9 AND token = 3");
    CHECK(hours.find("SEARCH") != std::string::npos);
}

TEST_CASE("the slowest answers of a span") {
    Site site{5};
    site.fill(3000, 6 * kHour);
    SQLite::Database& db = site.handle();
    const auto rows = LogPages{db}.slowest(base::from_unix(kStart + kHour),
                                           base::from_unix(kStart + 4 * kHour), 20);
    std::vector<std::string> found;
    for (const auto& row : rows) found.push_back(fmt::format("{}|", row.id));
    CHECK(found == dump(db, fmt::format("SELECT id FROM log WHERE kind = 1 AND flags & 6 = 0 AND "
                                        "created_at >= {} AND created_at < {} ORDER BY "
                                        "latency_ms DESC, id DESC LIMIT 20",
                                        kStart + kHour, kStart + 4 * kHour)));
}
