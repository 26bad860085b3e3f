#include <csignal>
#include <ctime>
#include <random>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "daemon/demo/gateway.h"
#include "daemon/demo/generator.h"
#include "daemon/demo/rows.h"
#include "support/mariadb.h"
#include "support/program.h"
#include "support/rollup_check.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kRows = 200'000;

void fill_gateway(MariaDb& server, const std::string& database) {
    server.sql(fmt::format("DROP DATABASE IF EXISTS {0}; CREATE DATABASE {0}", database));
    sync::SessionOptions options;
    options.read_only = false;
    options.read_timeout = 60s;
    const auto session =
        sync::make_session(*sync::parse_dsn(server.dsn("root", "", database)).dsn, options);
    constexpr auto kFlavour = demo::Flavour::new_api_2026;
    demo::create_gateway(*session, kFlavour, demo::LogIndexes::none);
    demo::RowGenerator generator{5, kFlavour, demo::DemoGateway::of_story()};
    std::vector<demo::LogInsert> rows;
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    generator.history(now - 7 * 86400, now, kRows,
                      [&](demo::LogInsert&& row) { rows.push_back(std::move(row)); });
    demo::bulk_insert(*session, kFlavour, rows);
}

}  // namespace

TEST_CASE("a catch-up that is killed again and again ends with every row once and equal sums") {
    auto& server = shared_mariadb();
    fill_gateway(server, "catchup");
    const TempDir folder;
    write_file(folder.file("q.yaml"),
               fmt::format("source: {{dsn: \"{}\"}}\nstore: {{path: {}}}\n",
                           server.dsn("root", "", "catchup"), folder.file("s.db")));
    const std::vector<std::string> sync{"sync", "--json", "--config", folder.file("q.yaml")};
    std::mt19937_64 random{11};
    int kills = 0;
    for (int round = 0; round < 12; ++round) {
        Program program{sync};
        if (program.wait(std::chrono::milliseconds{40 + random() % 400})) continue;
        program.signal(SIGKILL);
        CHECK(program.wait() == 128 + SIGKILL);
        ++kills;
    }
    CHECK(kills > 0);
    const auto last = run_program(sync);
    REQUIRE_MESSAGE(last.code == 0, last.err);
    const auto said = nlohmann::json::parse(last.out);
    CHECK(said.at("last_id") == kRows);
    CHECK(said.at("gaps_open") == 0);

    SQLite::Database store{folder.file("s.db")};
    SQLite::Statement sums{store,
                           "SELECT count(*), sum(id), sum(quota), sum(prompt_tokens), "
                           "sum(completion_tokens), min(created_at) FROM log"};
    REQUIRE(sums.executeStep());
    const auto source = server
                            .sql(
                                "SELECT count(*), sum(id), sum(quota), sum(prompt_tokens), "
                                "sum(completion_tokens), min(created_at) FROM logs",
                                "catchup")
                            .at(0);
    for (int i = 0; i < 6; ++i)
        CHECK(sums.getColumn(i).getString() == source[static_cast<std::size_t>(i)]);
    CHECK(source[0] == std::to_string(kRows));
    CHECK(rollup_differences(store) == "");
    SQLite::Statement counted{store, "SELECT rows, cursor FROM position"};
    REQUIRE(counted.executeStep());
    CHECK(counted.getColumn(0).getInt64() == static_cast<std::int64_t>(kRows));
    SQLite::Statement check{store, "PRAGMA integrity_check"};
    REQUIRE(check.executeStep());
    CHECK(check.getColumn(0).getString() == "ok");
}
