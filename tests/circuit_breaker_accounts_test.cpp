#include "circuit_breaker_accounts_fixture.h"
#include "support/test_gateway.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests::accounts;
using tests::TestGateway;
using Engine = TestGateway::Engine;

namespace {

const RuleGrants kAll{
    .channels = true, .models = true, .half_open = true, .tokens = true, .tags = true};

}  // namespace

TEST_CASE("accounts with exactly the printed grants lack nothing and may nothing more") {
    for (const auto* schema : {"newapi_2025", "newapi_2026", "oneapi"}) {
        for (const auto& rules : {RuleGrants{}, kAll}) {
            CAPTURE(schema);
            Site site{schema, rules};
            site.wanted.needs = {
                .balances = true, .abilities = true, .tokens = true, .users = true};
            auto text = grants_sql(site.wanted);
            base::replace_all(text, "<choose a password>", "pw");
            site.gateway.sql(text);
            const auto before = site.gateway.contents();
            for (const auto& found : {site.reader(), site.breaker()}) {
                CAPTURE(found.account);
                CHECK(joined(found.lacks) == "");
                CHECK(joined(found.warnings) == "");
            }
            CHECK(site.gateway.contents() == before);
        }
    }
}

TEST_CASE("an account is named as the server knows it") {
    const Site site;
    const auto found = site.reader();
    CHECK(found.account == "'acc_reader'@'127.0.0.%'");
    const auto session = site.gateway.session("acc_reader", "pw", true);
    const auto name = name_of_account(*session);
    CHECK(name.quoted == found.account);
    CHECK(name.login == "acc_reader");
    CHECK(name.host == "127.0.0.%");
    CHECK(name.server.ends_with(fmt::format(":{}", tests::shared_mariadb().port())));
}

TEST_CASE("what the breaker lacks is told with the statement that grants it, which cures it") {
    Site site;
    site.wanted.rules = kAll;
    const auto found = site.breaker();
    CHECK_FALSE(found.ok());
    const auto to = " TO 'acc_breaker'@'127.0.0.%';";
    const Names rights{
        "SELECT (`models`, `priority`, `weight`), UPDATE (`models`, `priority`, `weight`) ON "
        "{}.`channels`",
        "SELECT (`priority`, `weight`), UPDATE (`priority`, `weight`) ON {}.`abilities`",
        "SELECT (`id`, `user_id`, `name`, `status`, `deleted_at`), UPDATE (`status`) ON "
        "{}.`tokens`"};
    Names expected;
    for (const auto& right : rights)
        expected.push_back(site.text("lacks " + right + ": GRANT " + right + to));
    CHECK(joined(found.lacks) == joined(expected));
    CHECK(joined(found.warnings) == "");
    for (const auto& lack : found.lacks) site.gateway.sql(lack.substr(lack.find("GRANT")));
    CHECK(joined(site.breaker().lacks) == "");
}

TEST_CASE("a column that may be read and not written is told") {
    Site site;
    site.sql("REVOKE UPDATE (status) ON {}.channels FROM acc_breaker@'127.0.0.%'");
    CHECK(joined(site.breaker().lacks) ==
          site.text("lacks UPDATE (`status`) ON {}.`channels`: GRANT UPDATE (`status`) ON "
                    "{}.`channels` TO 'acc_breaker'@'127.0.0.%';"));
}

TEST_CASE(
    "what the reader lacks is an error where rules need it, and a warning where little is missed") {
    Site site;
    site.wanted.needs = {.balances = true, .keys = true, .tokens = true};
    site.wanted.rules.tags = true;
    site.sql(
        "REVOKE SELECT (request_count) ON {}.users FROM acc_reader@'127.0.0.%';"
        "REVOKE SELECT ON {}.logs FROM acc_reader@'127.0.0.%'");
    site.gateway.sql("REVOKE SELECT ON quotafuse.`" + site.gateway.database() +
                     "_options` FROM acc_reader@'127.0.0.%'");
    const auto found = site.reader();
    const auto to = std::string{" TO 'acc_reader'@'127.0.0.%';"};
    const auto lack = [&](const std::string& right) {
        return site.text("lacks " + right + ": GRANT " + right + to);
    };
    CHECK(joined(found.lacks) ==
          joined({lack("SELECT ON {}.`logs`"),
                  lack("SELECT (`tag`, `balance`, `balance_updated_time`) ON {}.`channels`"),
                  lack("SELECT (`id`, `user_id`, `name`, `status`, `expired_time`, `remain_quota`, "
                       "`unlimited_quota`, `used_quota`, `deleted_at`) ON {}.`tokens`"),
                  lack("SELECT (`channel_info`) ON {}.`channels`") +
                      " (New API before July 2025 has no such column)"}));
    CHECK(
        joined(found.warnings) ==
        joined({lack("SELECT (`request_count`) ON {}.`users`") +
                    " (without it that the gateway logs nothing although it is used goes "
                    "unnoticed)",
                "lacks SELECT ON `quotafuse`.`" + site.gateway.database() +
                    "_options`: run what `quotafuse grants` prints, which also makes this view "
                    "(without it amounts are shown in US dollars, and what the options say counts "
                    "as unknown)"}));
}

TEST_CASE("logs that can be read in part are a warning, without a column that all need an error") {
    Site site;
    const auto grant = [&](const std::string& columns) {
        site.sql("REVOKE ALL PRIVILEGES ON {}.logs FROM acc_reader@'127.0.0.%'; GRANT SELECT (" +
                 columns + ") ON {}.logs TO acc_reader@'127.0.0.%'");
        return site.reader();
    };
    const auto lack = site.text(
        "lacks SELECT ON {}.`logs`: GRANT SELECT ON {}.`logs` TO 'acc_reader'@'127.0.0.%';");
    auto found = grant("id, created_at, type, quota, model_name, token_name");
    CHECK(joined(found.lacks) == "");
    CHECK(joined(found.warnings) ==
          lack + " (without it what it may not read of `logs` counts as missing)");
    found = grant("id, created_at, type, quota, model_name");
    CHECK(joined(found.lacks) == lack);
    CHECK(joined(found.warnings) == "");
}

TEST_CASE("a column that may be written and not read lacks the reading only") {
    Site site{"newapi_2026", kAll};
    site.sql("REVOKE SELECT (priority) ON {}.channels FROM acc_breaker@'127.0.0.%'");
    CHECK(joined(site.breaker().lacks) ==
          site.text("lacks SELECT (`priority`) ON {}.`channels`: GRANT SELECT (`priority`) ON "
                    "{}.`channels` TO 'acc_breaker'@'127.0.0.%';"));
}

TEST_CASE("what people order by hand may be granted, though no rule needs it") {
    for (const auto* schema : {"newapi_2026", "oneapi"}) {
        CAPTURE(schema);
        Site site{schema, {.models = true, .tokens = true}};
        site.wanted.rules = {};
        const auto found = site.breaker();
        CHECK(joined(found.lacks) == "");
        CHECK(joined(found.warnings) == "");
    }
}

TEST_CASE("where the logs are elsewhere each account is asked for its own") {
    Site site;
    site.wanted.log_database = site.gateway.database();
    site.sql(
        "CREATE USER IF NOT EXISTS acc_logs@'127.0.0.%' IDENTIFIED BY 'pw';"
        "GRANT SELECT (id) ON {}.logs TO acc_logs@'127.0.0.%';"
        "REVOKE SELECT ON {}.logs FROM acc_reader@'127.0.0.%'");
    CHECK(joined(site.reader().warnings) == "");
    CHECK(site.check(AccountUse::logs, "acc_logs").lacks.size() == 1);
    site.sql("GRANT SELECT ON {}.logs TO acc_logs@'127.0.0.%'");
    const auto found = site.check(AccountUse::logs, "acc_logs");
    site.gateway.sql("DROP USER acc_logs@'127.0.0.%'");
    CHECK(joined(found.lacks) == "");
    CHECK(joined(found.warnings) == "");
}

TEST_CASE("a reader that can write is warned of") {
    Site site;
    site.sql(
        "GRANT INSERT, DELETE ON {}.logs TO acc_reader@'127.0.0.%';"
        "GRANT UPDATE (status) ON {}.channels TO acc_reader@'127.0.0.%';"
        "GRANT DROP, ALTER, CREATE TEMPORARY TABLES ON {}.* TO acc_reader@'127.0.0.%'");
    const auto found = site.reader();
    CHECK(found.ok());
    CHECK(found.warnings.size() == 3);
    CHECK(has(found.warnings,
              site.text("may INSERT, DELETE on {}.`logs`, more than it needs: REVOKE "
                        "INSERT, DELETE ON {}.`logs` FROM 'acc_reader'@'127.0.0.%';")));
    CHECK(has(found.warnings,
              site.text("may UPDATE (`status`) on {}.`channels`, more than it needs: REVOKE UPDATE "
                        "(`status`) ON "
                        "{}.`channels` FROM 'acc_reader'@'127.0.0.%'; then run what `quotafuse "
                        "grants` prints")));
    CHECK(has(
        found.warnings,
        site.text("may DROP, ALTER on {}.*, more than it needs: REVOKE DROP, ALTER ON {}.* FROM "
                  "'acc_reader'@'127.0.0.%';")));
}

TEST_CASE("a breaker that can drop, or change other columns and tables, is warned of") {
    Site site;
    site.sql(
        "GRANT DROP ON {}.* TO acc_breaker@'127.0.0.%';"
        "GRANT UPDATE (priority, status) ON {}.channels TO acc_breaker@'127.0.0.%';"
        "GRANT UPDATE ON {}.abilities TO acc_breaker@'127.0.0.%';"
        "GRANT UPDATE (quota) ON {}.users TO acc_breaker@'127.0.0.%';"
        "GRANT FILE ON *.* TO acc_breaker@'127.0.0.%'");
    const auto found = site.breaker();
    CHECK(found.ok());
    CHECK(found.warnings.size() == 5);
    const auto warns = [&](const std::string& what) {
        const auto begin = site.text(what);
        return std::ranges::any_of(found.warnings,
                                   [&](const auto& text) { return text.starts_with(begin); });
    };
    CHECK(warns("may DROP on {}.*, more than it needs: REVOKE DROP ON {}.* FROM 'acc_breaker'"));
    CHECK(warns("may UPDATE (`priority`) on {}.`channels`, more than it needs: "));
    CHECK(warns("may UPDATE on {}.`abilities`, more than it needs: "));
    CHECK(warns("may UPDATE (`quota`) on {}.`users`, more than it needs: "));
    CHECK(warns("may FILE on the whole server, more than it needs: "));
    // What a rule asks for is no excess.
    site.wanted.rules.half_open = true;
    site.sql("GRANT SELECT (priority) ON {}.channels TO acc_breaker@'127.0.0.%'");
    CHECK_FALSE(joined(site.breaker().warnings).find("(`priority`)") != std::string::npos);
}

TEST_CASE("the cures of warnings cure them") {
    Site site;
    site.sql(
        "GRANT UPDATE, DELETE ON {}.channels TO acc_breaker@'127.0.0.%';"
        "GRANT SELECT ON {}.* TO acc_breaker@'127.0.0.%'");
    auto found = site.breaker();
    CHECK(found.warnings.size() == 2);
    for (const auto& warning : found.warnings) {
        const auto at = warning.find("REVOKE");
        REQUIRE(at != std::string::npos);
        CHECK(warning.ends_with("; then run what `quotafuse grants` prints"));
        site.gateway.sql(warning.substr(at, warning.find(';') - at));
    }
    auto grants = grants_sql(site.wanted);
    base::replace_all(grants, "<choose a password>", "pw");
    site.gateway.sql(grants);
    found = site.breaker();
    CHECK(joined(found.lacks) == "");
    CHECK(joined(found.warnings) == "");
}

TEST_CASE("an account that sees secrets is warned of, whichever grant shows them") {
    Site site;
    const auto head = std::string{"may read "};
    site.sql("GRANT SELECT (`key`) ON {}.tokens TO acc_reader@'127.0.0.%'");
    CHECK(joined(site.reader().warnings) ==
          site.text("may read tokens.key, which quotafuse never asks for: REVOKE SELECT (`key`) ON "
                    "{}.`tokens` FROM 'acc_reader'@'127.0.0.%'; then run what `quotafuse grants` "
                    "prints"));
    site.sql(
        "REVOKE SELECT (`key`) ON {}.tokens FROM acc_reader@'127.0.0.%';"
        "GRANT SELECT ON {}.channels TO acc_reader@'127.0.0.%'");
    CHECK(site.reader().warnings.at(0).starts_with("may read channels.key, "));
    site.sql("GRANT SELECT ON {}.* TO acc_reader@'127.0.0.%'");
    const auto whole = site.reader().warnings.at(0);
    CAPTURE(whole);
    CHECK(
        whole.starts_with("may read channels.key, tokens.key, users.password, "
                          "users.access_token, options.value, which quotafuse never asks for: "));
    CHECK(whole.find(site.text("REVOKE SELECT ON {}.* FROM 'acc_reader'@'127.0.0.%';")) !=
          std::string::npos);
    CHECK(whole.find(site.text("REVOKE SELECT ON {}.`channels` FROM")) != std::string::npos);
}

TEST_CASE("what an active role gives is seen, and a role that is not active is told") {
    Site site;
    site.sql(
        "CREATE ROLE `acc role`; CREATE ROLE acc_inner; GRANT acc_inner TO `acc role`;"
        "GRANT DELETE ON {}.channels TO `acc role`;"
        "GRANT SELECT (`key`) ON {}.tokens TO acc_inner;"
        "GRANT `acc role` TO acc_breaker@'127.0.0.%'");
    CHECK(joined(site.breaker().warnings) ==
          "may take the role `acc role`, which is not active and was not looked at; unless it is "
          "needed: REVOKE `acc role` FROM 'acc_breaker'@'127.0.0.%';");
    site.gateway.sql("SET DEFAULT ROLE `acc role` FOR acc_breaker@'127.0.0.%'");
    CHECK(
        joined(site.breaker().warnings) ==
        joined(
            {site.text(
                 "may read tokens.key as all who have the role `acc_inner`, which quotafuse never "
                 "asks for: REVOKE SELECT (`key`) ON {}.`tokens` FROM `acc_inner`; then run what "
                 "`quotafuse grants` prints"),
             site.text("may DELETE on {}.`channels` as all who have the role `acc role`, more "
                       "than it needs: REVOKE DELETE ON {}.`channels` FROM `acc role`;")}));
}

TEST_CASE("rights that come with a role are enough") {
    Site site;
    site.sql(
        "REVOKE UPDATE (status) ON {}.channels FROM acc_breaker@'127.0.0.%';"
        "CREATE ROLE `acc role`; GRANT UPDATE (status) ON {}.channels TO `acc role`;"
        "GRANT `acc role` TO acc_breaker@'127.0.0.%'");
    CHECK(site.breaker().lacks.size() == 1);
    site.gateway.sql("SET DEFAULT ROLE `acc role` FOR acc_breaker@'127.0.0.%'");
    CHECK(joined(site.breaker().lacks) == "");
    CHECK(joined(site.breaker().warnings) == "");
}

TEST_CASE("of somebody else's account nothing is to be revoked: quotafuse gets one of its own") {
    Site site;
    const std::string secrets =
        ", and read channels.key, tokens.key, users.password, users.access_token, options.value";
    const std::string advice =
        ": that is an account of somebody else; give quotafuse one of its own: put a new name into "
        "{}, and run what `quotafuse grants` prints";
    const auto expect = [&](const AccountFindings& found, const std::string& sign,
                            const char* dsn) {
        CHECK(found.of_others);
        CHECK(joined(found.lacks) == "");
        CHECK(joined(found.warnings) ==
              "may " + site.text(sign) + fmt::format(fmt::runtime(advice), dsn));
    };
    const auto* const breaker_dsn = "breaker.dsn (BREAKER_SQL_DSN)";
    expect(site.check(AccountUse::breaker, "root"), "do everything on the whole server" + secrets,
           breaker_dsn);
    expect(site.check(AccountUse::reader, "root"), "do everything on the whole server" + secrets,
           "source.dsn (SQL_DSN)");
    site.gateway.sql("GRANT SUPER, DROP ON *.* TO acc_breaker@'127.0.0.%'");
    expect(site.breaker(), "DROP, SUPER on the whole server", breaker_dsn);
    site.gateway.sql("REVOKE SUPER, DROP ON *.* FROM acc_breaker@'127.0.0.%'");
    site.sql("GRANT ALL PRIVILEGES ON {}.* TO acc_breaker@'127.0.0.%'");
    expect(site.breaker(), "do everything on {}.*" + secrets, breaker_dsn);
    // What PUBLIC has an account of its own has, too.
    site.sql("GRANT DELETE ON {}.channels TO PUBLIC");
    const auto found = site.breaker();
    site.sql("REVOKE DELETE ON {}.channels FROM PUBLIC");
    REQUIRE(found.warnings.size() == 2);
    CHECK(found.warnings[1] ==
          site.text("may DELETE on {}.`channels` as every account of the server (PUBLIC), more "
                    "than it needs: REVOKE DELETE ON {}.`channels` FROM PUBLIC;"));
}

TEST_CASE("a database of the other program is told by what it has not") {
    Site site{"oneapi"};
    site.wanted.gateway = sync::Gateway::new_api;
    const std::string why = ": is source.gateway right, and the gateway not too old?";
    CHECK(has(site.check(AccountUse::breaker, "root").lacks,
              site.text("finds no auto_ban, other_info in {}.`channels`") + why));
    site.wanted.database = "nowhere";
    CHECK(has(site.check(AccountUse::breaker, "root").lacks,
              "finds no table `nowhere`.`channels`" + why));
}

TEST_CASE("a server that takes no writes is told, and what the account lacks besides") {
    Site site;
    site.sql("REVOKE UPDATE (enabled) ON {}.abilities FROM acc_breaker@'127.0.0.%'");
    site.gateway.sql("SET GLOBAL read_only = 1");
    const auto found = site.breaker();
    const auto reader = site.reader();
    site.gateway.sql("SET GLOBAL read_only = 0");
    CHECK(found.lacks.size() == 2);
    CHECK(has(found.lacks,
              "cannot write: the server is read-only, a replica perhaps; breaker.dsn must name the "
              "primary"));
    CHECK(has(found.lacks, site.text("lacks UPDATE (`enabled`) ON {}.`abilities`: GRANT UPDATE "
                                     "(`enabled`) ON {}.`abilities` TO "
                                     "'acc_breaker'@'127.0.0.%';")));
    CHECK(joined(reader.lacks) == "");
}

TEST_CASE("nothing is tried that could change a row") {
    Site site;
    tests::AccidentSession session{site.gateway.session("acc_breaker", "pw")};
    Names updates;
    session.before = [&](const std::string& sql) {
        const bool reads =
            sql.starts_with("SELECT") || sql.starts_with("SHOW GRANTS") || sql == "BEGIN";
        if (!reads) updates.push_back(sql);
    };
    check_account(session, site.wanted, AccountUse::breaker);
    CHECK(joined(updates) ==
          joined({site.text("UPDATE {}.`channels` SET `status` = `status`, `other_info` = "
                            "`other_info` WHERE 1 = 0"),
                  site.text("UPDATE {}.`abilities` SET `enabled` = `enabled` WHERE 1 = 0")}));
}

TEST_CASE("a server that is gone is an error, not a finding") {
    const Site site;
    tests::AccidentSession session{site.gateway.session("acc_breaker", "pw")};
    session.before = [](const std::string& sql) {
        if (sql.starts_with("UPDATE"))
            throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "gone");
    };
    CHECK_THROWS_AS(check_account(session, site.wanted, AccountUse::breaker), sync::GatewayError);
}

TEST_CASE("of a SQLite file only the breaker's writing is asked") {
    TestGateway gateway{Engine::sqlite, "newapi_2026"};
    const GrantsWanted wanted{.database = ""};
    const auto before = gateway.contents();
    for (const auto use : {AccountUse::reader, AccountUse::logs, AccountUse::breaker}) {
        const auto session = gateway.session("", "", use != AccountUse::breaker);
        const auto found = check_account(*session, wanted, use);
        CHECK(found.ok());
        CHECK(joined(found.warnings) == "");
    }
    CHECK(gateway.contents() == before);
    // As for a user who may only read the file: tests may run as root, who may everything.
    const auto session = gateway.session("", "", true);
    const auto found = check_account(*session, wanted, AccountUse::breaker);
    REQUIRE(found.lacks.size() == 1);
    CHECK(
        found.lacks[0].starts_with("cannot write the file: the user that runs quotafuse must be "
                                   "allowed to write it and its folder ("));
}
