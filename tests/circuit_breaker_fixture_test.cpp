#include <doctest/doctest.h>

#include "support/mariadb.h"

using namespace quotafuse::tests;

TEST_CASE("the MariaDB of the tests loads every schema and survives a stop and a kill") {
    auto& server = shared_mariadb();
    for (const std::string gateway : {"newapi_2025", "newapi_2026", "oneapi"}) {
        server.load_ddl("fixture", gateway);
        server.sql("INSERT INTO channels(name, `key`) VALUES('" + gateway + "', 'k')", "fixture");
        const auto rows = server.sql("SELECT name, models FROM channels", "fixture");
        REQUIRE(rows.size() == 1);
        CHECK(rows[0][0] == gateway);
        CHECK(rows[0][1] == std::nullopt);
    }
    server.stop();
    CHECK_THROWS_WITH_AS(server.sql("SELECT 1"), doctest::Contains("socket"), std::runtime_error);
    server.start();
    CHECK(server.sql("SELECT count(*) FROM fixture.channels")[0][0] == "1");
    server.kill();
    server.start();
    CHECK_THROWS_WITH_AS(server.sql("SELECT nothing"), doctest::Contains("nothing"),
                         std::runtime_error);
}
