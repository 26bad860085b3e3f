#include <sstream>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/text.h"
#include "daemon/accounts.h"
#include "daemon/info_needs.h"
#include "support/test_gateway.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using circuit_breaker::RuleGrants;
using tests::TestGateway;
using What = alerts::RuleAction::What;
using Recover = base::Recovery::Kind;

namespace {

alerts::Rule rule_with(What what, Recover recover = Recover::manual,
                       alerts::ActionMode mode = alerts::ActionMode::live) {
    alerts::Rule rule;
    rule.name = "r";
    rule.action = alerts::RuleAction{.what = what, .mode = mode, .recover = {.kind = recover}};
    return rule;
}

/// A gateway with the two accounts that `quotafuse grants` prints for its configuration.
struct Site {
    explicit Site(std::vector<alerts::Rule> rules, const std::string& schema = "newapi_2026")
        : gateway{TestGateway::Engine::mariadb, schema} {
        config.rules = std::move(rules);
        config.source.main = gateway.dsn("prove_reader", "pw");
        config.breaker.dsn = gateway.dsn("prove_breaker", "pw");
        config.source.gateway = gateway.gateway();
        auto wanted = grants_wanted(config);
        wanted.host = "127.0.0.%";
        auto sql = circuit_breaker::grants_sql(wanted);
        base::replace_all(sql, "<choose a password>", "pw");
        gateway.sql("DROP USER IF EXISTS prove_reader@'127.0.0.%', prove_breaker@'127.0.0.%'");
        gateway.sql(sql);
    }
    TestGateway gateway;
    Config config;
};

struct Proof {
    explicit Proof(const Config& config) {
        std::ostringstream out;
        ok = prove_accounts(config, {}, out);
        text = out.str();
    }
    bool ok = false;
    std::string text;
};

std::string one_account(const std::string& reader, const std::string& account) {
    return fmt::format(
        "  warning: {} and breaker are one account, {}: by a fault of what only reads, or by "
        "whoever gets its password, the gateway could be changed. ",
        reader, account);
}

}  // namespace

TEST_CASE("each action asks for the grants of what it switches, whatever its mode") {
    CHECK(grants_of({}) == RuleGrants{});
    CHECK(grants_of({rule_with(What::channel)}) == RuleGrants{.channels = true});
    CHECK(grants_of({rule_with(What::channel, Recover::after)}) == RuleGrants{.channels = true});
    CHECK(grants_of({rule_with(What::channel, Recover::half_open)}) ==
          RuleGrants{.channels = true, .half_open = true});
    CHECK(grants_of({rule_with(What::model)}) == RuleGrants{.channels = true, .models = true});
    CHECK(grants_of({rule_with(What::token)}) == RuleGrants{.tokens = true});
    CHECK(grants_of({rule_with(What::token, Recover::manual, alerts::ActionMode::shadow)}).tokens);
    CHECK(grants_of({rule_with(What::model), rule_with(What::token),
                     rule_with(What::channel, Recover::half_open)}) ==
          RuleGrants{.channels = true, .models = true, .half_open = true, .tokens = true});
}

TEST_CASE("rules that are off, or without an action, ask for no grants of the breaker") {
    auto rule = rule_with(What::token);
    rule.enabled = false;
    rule.by = {alerts::Dimension::tag};
    CHECK(grants_of({rule}) == RuleGrants{});
    CHECK(grants_of({alerts::Rule{}}) == RuleGrants{});
}

TEST_CASE("tags are granted where a rule chooses or groups by them") {
    alerts::Rule by;
    by.by = {alerts::Dimension::channel, alerts::Dimension::tag};
    CHECK(grants_of({by}).tags);
    alerts::Rule where;
    where.where = {{.dimension = alerts::Dimension::tag, .terms = {}}};
    CHECK(grants_of({where}).tags);
}

TEST_CASE("the accounts are those of the configuration, and an administrator's is replaced") {
    Config config;
    config.source.main = sync::parse_dsn("me:pw@tcp(db)/new-api").dsn;
    auto wanted = grants_wanted(config, sync::Gateway::one_api);
    CHECK(wanted.gateway == sync::Gateway::one_api);
    CHECK(wanted.database == "new-api");
    CHECK(wanted.reader == "me");
    CHECK(wanted.breaker.empty());
    CHECK(wanted.log_database.empty());
    config.source.gateway = sync::Gateway::new_api;
    config.source.logs = sync::parse_dsn("l:pw@tcp(db)/logs").dsn;
    config.breaker.dsn = sync::parse_dsn("me:pw@tcp(db)/new-api").dsn;
    wanted = grants_wanted(config, sync::Gateway::one_api);
    CHECK(wanted.gateway == sync::Gateway::new_api);
    CHECK(wanted.log_database == "logs");
    CHECK(wanted.log_reader == "l");
    CHECK(wanted.breaker == "me_breaker");
    // A name of 32 characters is the longest of MySQL.
    auto longer = config;
    longer.source.main->user = longer.breaker.dsn->user = std::string(30, 'n');
    CHECK(grants_wanted(longer).breaker == "quotafuse_breaker");
    config.source.main = sync::parse_dsn("root:pw@tcp(db)/new-api").dsn;
    config.breaker.dsn = sync::parse_dsn("b:pw@tcp(db)/new-api").dsn;
    wanted = grants_wanted(config);
    CHECK(wanted.reader == "quotafuse");
    CHECK(wanted.breaker == "b");
    // Two names for two accounts, whichever of them is in use.
    config.breaker.dsn = sync::parse_dsn("quotafuse:pw@tcp(db)/new-api").dsn;
    wanted = grants_wanted(config);
    CHECK(wanted.reader == "quotafuse_ro");
    CHECK(wanted.breaker == "quotafuse");
}

TEST_CASE("where a new account stands for that of a DSN, the SQL says which DSN is to name it") {
    Config config;
    config.source.main = sync::parse_dsn("me:pw@tcp(db)/new-api").dsn;
    const auto told = [&] { return renamed_accounts(config, grants_wanted(config)); };
    CHECK(told() == "");
    config.breaker.dsn = sync::parse_dsn("b:pw@tcp(db)/new-api").dsn;
    CHECK(told() == "");
    config.breaker.dsn = config.source.main;
    CHECK(
        told() ==
        "-- breaker.dsn (BREAKER_SQL_DSN) names me, the account of the reader. Put me_breaker and "
        "its password there.\n");
    config.source.main = config.source.logs = config.breaker.dsn =
        sync::parse_dsn("root:pw@tcp(db)/new-api").dsn;
    CHECK(
        told() ==
        "-- source.dsn (SQL_DSN) names root, an administrator. Put quotafuse and its password "
        "there.\n"
        "-- source.log_dsn (LOG_SQL_DSN) names root, an administrator. Put quotafuse and its "
        "password there.\n"
        "-- breaker.dsn (BREAKER_SQL_DSN) names root, an administrator. Put quotafuse_breaker and "
        "its password there.\n");
}

TEST_CASE("accounts as printed are proved to be right") {
    const Site site{{rule_with(What::channel, Recover::half_open), rule_with(What::token)}};
    const Proof proof{site.config};
    CHECK(proof.ok);
    CHECK(proof.text ==
          "reader         'prove_reader'@'127.0.0.%' may do what it must, and nothing more\n"
          "breaker        'prove_breaker'@'127.0.0.%' may do what it must, and nothing more\n");
}

TEST_CASE("warnings are told and do no harm, what is lacking fails the check") {
    Site site{{rule_with(What::channel)}};
    const auto database = "`" + site.gateway.database() + "`";
    site.gateway.sql("GRANT DROP ON " + database + ".* TO prove_breaker@'127.0.0.%'");
    Proof proof{site.config};
    CHECK(proof.ok);
    CHECK(proof.text ==
          fmt::format("reader         'prove_reader'@'127.0.0.%' may do what it must, and nothing "
                      "more\n"
                      "breaker        'prove_breaker'@'127.0.0.%' does what it must; see below\n"
                      "  warning: the breaker may DROP on {0}.*, more than it needs: REVOKE DROP "
                      "ON {0}.* FROM "
                      "'prove_breaker'@'127.0.0.%';\n",
                      database));
    site.config.rules.push_back(rule_with(What::model));
    proof = Proof{site.config};
    CHECK_FALSE(proof.ok);
    CHECK(proof.text.find(fmt::format(
              "breaker        FAILED: 'prove_breaker'@'127.0.0.%' may not do what it must\n"
              "  error: the breaker lacks SELECT (`models`), UPDATE (`models`) ON {0}.`channels`: "
              "GRANT SELECT (`models`), UPDATE (`models`) ON {0}.`channels` TO "
              "'prove_breaker'@'127.0.0.%';\n",
              database)) != std::string::npos);
}

TEST_CASE("one account for both is told, with what an own one of the breaker needs") {
    Site site{{rule_with(What::channel)}};
    site.config.breaker.dsn = site.config.source.main;
    Proof proof{site.config};
    // The reader's rights are not enough to write.
    CHECK_FALSE(proof.ok);
    auto wanted = grants_wanted(site.config);
    CHECK(wanted.breaker == "prove_reader_breaker");
    wanted.host = "127.0.0.%";
    const auto database = "`" + site.gateway.database() + "`";
    const auto reader_line = std::string{
        "reader         'prove_reader'@'127.0.0.%' does what it must, and is the breaker's "
        "account, "
        "too; see below\n"};
    const auto tail = one_account("reader", "'prove_reader'@'127.0.0.%'") +
                      "Run this, put the new account into breaker.dsn (BREAKER_SQL_DSN), and check "
                      "again:\n\n" +
                      circuit_breaker::breaker_sql(wanted) + "\n";
    // What it lacks is told, and no GRANT that would make the reader a writer.
    CHECK(proof.text ==
          reader_line +
              fmt::format("breaker        FAILED: 'prove_reader'@'127.0.0.%' may not do what the "
                          "breaker must\n"
                          "  error: the breaker lacks SELECT (`auto_ban`, `other_info`), UPDATE "
                          "(`status`, `other_info`) ON {0}.`channels`\n"
                          "  error: the breaker lacks SELECT (`group`, `model`, `channel_id`, "
                          "`enabled`), UPDATE (`enabled`) ON {0}.`abilities`\n",
                          database) +
              tail);

    // With the breaker's rights all works; nobody is told to revoke what the other use needs.
    site.gateway.sql("GRANT SELECT (auto_ban, other_info), UPDATE (status, other_info) ON " +
                     database + ".channels TO prove_reader@'127.0.0.%';" +
                     "GRANT SELECT (`group`, model, channel_id, enabled), UPDATE (enabled) ON " +
                     database + ".abilities TO prove_reader@'127.0.0.%'");
    proof = Proof{site.config};
    CHECK(proof.ok);
    const std::string breaker_line =
        "breaker        'prove_reader'@'127.0.0.%' does what it must; see below\n";
    CHECK(proof.text == reader_line + breaker_line + tail);

    // What neither needs is told once.
    site.gateway.sql("GRANT DROP ON " + database + ".* TO prove_reader@'127.0.0.%'");
    proof = Proof{site.config};
    CHECK(proof.text == reader_line +
                            fmt::format("  warning: the reader may DROP on {0}.*, more than it "
                                        "needs: REVOKE DROP ON {0}.* FROM "
                                        "'prove_reader'@'127.0.0.%';\n",
                                        database) +
                            breaker_line + tail);
    site.gateway.sql("REVOKE DROP ON " + database + ".* FROM prove_reader@'127.0.0.%'");

    // What is printed makes a breaker, and the check tells what the reader has too much then.
    auto sql = circuit_breaker::breaker_sql(wanted);
    base::replace_all(sql, "<choose a password>", "pw");
    site.gateway.sql("DROP USER IF EXISTS prove_reader_breaker@'127.0.0.%'");
    site.gateway.sql(sql);
    site.config.breaker.dsn = site.gateway.dsn("prove_reader_breaker", "pw");
    proof = Proof{site.config};
    CHECK(proof.ok);
    CHECK(proof.text.find("warning: the reader may UPDATE (`") != std::string::npos);
    CHECK(proof.text.find("breaker        'prove_reader_breaker'@'127.0.0.%' may do what it must, "
                          "and nothing more\n") != std::string::npos);
}

TEST_CASE("one account for the logs and the breaker is told, too") {
    Site site{{rule_with(What::channel)}};
    const auto database = "`" + site.gateway.database() + "`";
    site.config.source.logs = site.config.breaker.dsn;
    site.gateway.sql("GRANT SELECT ON " + database + ".logs TO prove_breaker@'127.0.0.%'");
    const Proof proof{site.config};
    CHECK(proof.ok);
    const auto of_logs = proof.text.find("reader of logs ");
    REQUIRE(of_logs != std::string::npos);
    CHECK(proof.text.substr(of_logs).starts_with(
        "reader of logs 'prove_breaker'@'127.0.0.%' does what it must, and is the breaker's "
        "account, too; see below\n"
        "breaker        'prove_breaker'@'127.0.0.%' does what it must; see below\n" +
        one_account("reader of logs", "'prove_breaker'@'127.0.0.%'")));
    CHECK(proof.text.find("REVOKE") == std::string::npos);
    CHECK(proof.text.find("CREATE USER IF NOT EXISTS 'prove_breaker_breaker'@'127.0.0.%'") !=
          std::string::npos);
}

TEST_CASE("an administrator for both keeps its rights, and each gets an account of its own") {
    Site site{{rule_with(What::channel)}};
    site.config.breaker.dsn = site.config.source.main = site.gateway.dsn();
    const Proof proof{site.config};
    const auto at = proof.text.find("breaker        'root'@'");
    REQUIRE(at != std::string::npos);
    CHECK(proof.text.find(
              "  warning: the reader may do everything on the whole server, and read ") < at);
    CHECK(proof.text.ends_with(
        "Put two new names into their DSNs, and run what `quotafuse grants` prints\n"));
    CHECK(proof.text.find("REVOKE") == std::string::npos);
    CHECK(proof.text.find(" TO 'root'") == std::string::npos);
}

TEST_CASE("the anonymous account for both is an error of each") {
    Site site{{rule_with(What::channel)}};
    site.gateway.sql("CREATE USER ''@'127.0.0.%' IDENTIFIED BY 'pw'; GRANT SELECT (id) ON `" +
                     site.gateway.database() + "`.logs TO ''@'127.0.0.%'");
    site.config.source.main = site.gateway.dsn("nobody_1", "pw");
    site.config.breaker.dsn = site.gateway.dsn("nobody_2", "pw");
    const Proof proof{site.config};
    site.gateway.sql("DROP USER ''@'127.0.0.%'");
    CHECK_FALSE(proof.ok);
    for (const auto* const who : {"reader", "breaker"}) {
        CAPTURE(who);
        CHECK(proof.text.find(fmt::format("  error: the {} is taken for the anonymous account "
                                          "''@'127.0.0.%', which stands before '",
                                          who)) != std::string::npos);
    }
    CHECK(proof.text.find("one account") == std::string::npos);
}

TEST_CASE("an account that cannot connect fails the check") {
    Site site{{rule_with(What::channel)}};
    site.config.breaker.dsn = site.gateway.dsn("prove_breaker", "wrong");
    const Proof proof{site.config};
    CHECK_FALSE(proof.ok);
    CHECK(proof.text.find("\nbreaker        FAILED: ") != std::string::npos);
    CHECK(proof.text.find("wrong") == std::string::npos);
}

TEST_CASE("of SQLite gateways the breaker's file is proved") {
    const TestGateway gateway{TestGateway::Engine::sqlite, "newapi_2026"};
    Config config;
    config.source.main = gateway.dsn();
    CHECK(Proof{config}.text.empty());
    config.breaker.dsn = gateway.dsn();
    const Proof proof{config};
    CHECK(proof.ok);
    CHECK(proof.text == "breaker        the file can be written\n");
}
