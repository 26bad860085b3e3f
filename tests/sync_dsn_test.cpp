#include <doctest/doctest.h>

#include "sync/dsn.h"

using namespace quotafuse::sync;

namespace {
Dsn good(const std::string& text) {
    auto result = parse_dsn(text);
    INFO(text);
    REQUIRE_MESSAGE(result.dsn.has_value(), result.error);
    return *result.dsn;
}
std::string bad(const std::string& text) {
    const auto result = parse_dsn(text);
    CHECK_FALSE(result.dsn.has_value());
    return result.error;
}
}  // namespace

TEST_CASE("a DSN is read as the gateway itself writes it") {
    const auto dsn =
        good("root:123456@tcp(db:3307)/new-api?charset=utf8mb4&parseTime=True&loc=Local");
    CHECK(dsn.kind == Dsn::Kind::mysql);
    CHECK(dsn.host == "db");
    CHECK(dsn.port == 3307);
    CHECK(dsn.user == "root");
    CHECK(dsn.password.reveal() == "123456");
    CHECK(dsn.database == "new-api");
    CHECK(dsn.tls == Tls::off);
    CHECK(dsn.describe() == "MySQL db:3307, database new-api");
}

TEST_CASE("a password may hold every character that separates the parts") {
    const auto dsn = good("guard:p@ss:w/o(r)d#%?@tcp(127.0.0.1:3306)/newapi");
    CHECK(dsn.user == "guard");
    CHECK(dsn.password.reveal() == "p@ss:w/o(r)d#%?");
    CHECK(dsn.database == "newapi");
    CHECK(dsn.host == "127.0.0.1");
}

TEST_CASE("sockets, IPv6, default ports and no network at all are understood") {
    CHECK(good("u:p@unix(/run/mysqld/mysqld.sock)/db").socket == "/run/mysqld/mysqld.sock");
    const auto six = good("u:p@tcp([::1]:3308)/db");
    CHECK(six.host == "::1");
    CHECK(six.port == 3308);
    CHECK(six.describe() == "MySQL [::1]:3308, database db");
    CHECK(good("u:p@tcp(db)/x").port == 3306);
    CHECK(good("u@/db").host == "127.0.0.1");
    CHECK(good("u@/db").password.empty());
}

TEST_CASE("URLs are read with percent-encoded accounts") {
    const auto dsn = good("mysql://us%40er:p%2Fa%3Aw@db.example:3310/new%2Dapi?ssl-mode=REQUIRED");
    CHECK(dsn.user == "us@er");
    CHECK(dsn.password.reveal() == "p/a:w");
    CHECK(dsn.host == "db.example");
    CHECK(dsn.port == 3310);
    CHECK(dsn.database == "new-api");
    CHECK(dsn.tls == Tls::required);
    CHECK(good("mariadb://u@h/d").database == "d");
    CHECK(good("mysql://u:p@[fe80::1]:3306/d").host == "fe80::1");
}

TEST_CASE("paths of SQLite files are read, with or without the driver's parameters") {
    CHECK(good("/data/one-api.db?_busy_timeout=30000").path == "/data/one-api.db");
    CHECK(good("one-api.db").path == "one-api.db");
    CHECK(good("sqlite:./x.db").path == "./x.db");
    CHECK(good("file:/var/x").path == "/var/x");
    CHECK(good("/data/one-api.db").describe() == "SQLite file /data/one-api.db");
}

TEST_CASE("Go's tls values become modes of ours") {
    CHECK(good("u:p@tcp(h)/d?tls=true").tls == Tls::full);
    CHECK(good("u:p@tcp(h)/d?tls=skip-verify").tls == Tls::required);
    CHECK(good("u:p@tcp(h)/d?tls=false").tls == Tls::off);
}

TEST_CASE("what cannot be followed is refused in one sentence that shows no secret") {
    CHECK(bad("postgres://u:hush@h/d") ==
          "PostgreSQL gateways are not supported: quotafuse reads MySQL, MariaDB and the gateway's "
          "own SQLite file");
    CHECK(bad("clickhouse://h:9000/d").starts_with("ClickHouse logs are not supported"));
    CHECK(bad("local").starts_with("'local' means the gateway's own SQLite file"));
    CHECK(bad("") == "the DSN is empty");
    CHECK(bad("u:hush@tcp(h:99999)/d") == "the port must be a number from 1 to 65535");
    CHECK(bad("u:hush@tcp(h:3306)/") == "the database's name is missing after '/'");
    CHECK(bad("u:hush@tcp(::1:3306)/d") == "an IPv6 address must stand in [ ]");
    CHECK(bad("u:hush@pipe(x)/d") == "the network must be tcp or unix");
    CHECK(bad(":hush@tcp(h)/d") == "the user is missing");
    CHECK(bad("u:hush@tcp(h)/d?parsetime=1") ==
          "unknown parameter 'parsetime'; did you mean 'parseTime'?");
    CHECK(bad("mysql://u:p%4@h/d") ==
          "a % in user or password must be followed by two hex digits (% itself is %25)");
    for (const auto* const text : {"u:hush@tcp(h:99999)/d", "hush", "mysql://u:hush@h",
                                   "u:hush@tcp(h)/d?tls=hush", "mysql://u:1?hush@h/d"}) {
        CHECK(bad(text).find("hush") == std::string::npos);
    }
}
