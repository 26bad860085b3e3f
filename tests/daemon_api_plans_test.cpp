#include <sqlite3.h>

#include "daemon/api/read_pool.h"
#include "daemon_api_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

/// Every statement that runs on the connections of a test, as SQLite compiled it.
class Statements {
public:
    explicit Statements(SQLite::Database& database) : database_(database) {
        sqlite3_trace_v2(
            database.getHandle(), SQLITE_TRACE_STMT,
            [](unsigned, void* self, void* statement, void*) {
                static_cast<Statements*>(self)->all_.insert(
                    sqlite3_sql(static_cast<sqlite3_stmt*>(statement)));
                return 0;
            },
            this);
    }
    ~Statements() { sqlite3_trace_v2(database_.getHandle(), 0, nullptr, nullptr); }
    Statements(const Statements&) = delete;
    Statements& operator=(const Statements&) = delete;

    const std::set<std::string>& all() const { return all_; }

private:
    SQLite::Database& database_;
    std::set<std::string> all_;
};

/// What would take longer with every row, or every hour that is kept.
std::vector<std::string> scans_in(const std::string& plan) {
    // Small, or wanted whole.
    static const std::vector<std::string> kSmall{
        "gateway_channel", "gateway_state", "gap",
        "position",        "upkeep",        "rollup_state",
        "schema",          "CONSTANT ROW",  "pragma_function_list"};
    std::vector<std::string> scans;
    std::string line;
    for (const char c : plan) {
        if (c != '\n') {
            line += c;
            continue;
        }
        const bool small = std::any_of(kSmall.begin(), kSmall.end(), [&](const std::string& name) {
            return line.starts_with("SCAN " + name);
        });
        if (line.find("SCAN ") != std::string::npos && !small) scans.push_back(line);
        line.clear();
    }
    return scans;
}

}  // namespace

TEST_CASE("no statement of a page reads a table from end to end") {
    ApiSite site{601};
    site.fill(kStart, kStart + 40 * kDay, 3000);
    const std::vector<Query> filters{{},
                                     {{"channel", "2"}},
                                     {{"model", "model-1"}},
                                     {{"token", "2"}},
                                     {{"user", "2"}},
                                     {{"group", "vip"}},
                                     {{"route", "/v1/embeddings"}},
                                     {{"ip", "10.0.0.2"}},
                                     {{"status", "429"}},
                                     {{"code", "bad_response"}},
                                     {{"tag", "prod"}},
                                     {{"provider", "OpenAI"}, {"model", "model-1"}}};
    const std::vector<std::string> kinds{"all",      "channel", "model",  "token",
                                         "user",     "group",   "route",  "ip",
                                         "provider", "tag",     "status", "error"};
    std::set<std::string> statements;
    {
        // The pool has one idle connection, which every request takes.
        const Statements seen{site.connection()};
        for (const std::string window : {"1h", "24h", "7d", "30d"}) {
            for (const auto& filter : filters) {
                auto query = filter;
                query.emplace("window", window);
                site.ask("errors", query);
                site.ask("logs", query);
                for (const auto& by : kinds) {
                    auto one = query;
                    one.emplace("by", by);
                    site.ask("breakdown", one);
                    site.ask("trend", one);
                }
            }
            for (const auto* const name : {"summary", "slow", "channels", "channels/1/balance"})
                site.ask(name, {{"window", window}});
            site.ask("performance", {{"window", window}, {"by", "model"}, {"tag", "prod"}});
        }
        for (const std::string window : {"1h", "7d"})
            site.ask("availability", {{"window", window}});
        site.ask("logs", {{"window", "30d"}, {"search", "upstream"}});
        site.ask("logs", {{"window", "30d"}, {"cursor", "1767571200-5"}});
        site.ask("logs/0-5");
        site.ask("alerts/history", {{"rule", "a"}});
        site.ask("health");
        statements = seen.all();
    }
    CHECK(statements.size() > 100);
    for (const auto& sql : statements) {
        if (!sql.starts_with("SELECT")) continue;
        CAPTURE(sql);
        const auto how = plan(site.handle(), sql);
        for (const auto& scan : scans_in(how)) FAIL_CHECK(scan);
        // Rows come in the order of the index.
        if (sql.find("FROM log ") != std::string::npos)
            CHECK(how.find("TEMP B-TREE") == std::string::npos);
    }
}
