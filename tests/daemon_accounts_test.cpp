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
                      "  warning: the breaker may DROP on {0}.*: REVOKE DROP ON {0}.* FROM "
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
    const auto tail = fmt::format(
        "  warning: reader and breaker are one account, 'prove_reader'@'127.0.0.%': what only "
        "reads "
        "could write, too, by a fault or\n  for whoever gets its password. Make this account for "
        "the breaker, name it in breaker.dsn, and check again:\n\n{}\n",
        circuit_breaker::breaker_sql(wanted));
    CHECK(proof.text ==
          "reader         'prove_reader'@'127.0.0.%' may do what it must, and nothing more\n"
          "breaker        FAILED: 'prove_reader'@'127.0.0.%' may not do what the breaker must\n" +
              tail);

    // With the breaker's rights all works; nobody is told to revoke what the other use needs.
    const auto database = "`" + site.gateway.database() + "`";
    site.gateway.sql("GRANT SELECT (auto_ban, other_info), UPDATE (status, other_info) ON " +
                     database + ".channels TO prove_reader@'127.0.0.%';" +
                     "GRANT SELECT (`group`, model, channel_id, enabled), UPDATE (enabled) ON " +
                     database + ".abilities TO prove_reader@'127.0.0.%'");
    proof = Proof{site.config};
    CHECK(proof.ok);
    CHECK(proof.text ==
          "reader         'prove_reader'@'127.0.0.%' may do what it must, and nothing more\n"
          "breaker        'prove_reader'@'127.0.0.%' again, see below\n" +
              tail);

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

TEST_CASE("root for both is told what the breaker's account would be") {
    Site site{{rule_with(What::channel)}};
    site.config.breaker.dsn = site.config.source.main = site.gateway.dsn();
    const Proof proof{site.config};
    CHECK(proof.text.find("\n  warning: reader and breaker are one account, 'root'@'") !=
          std::string::npos);
    CHECK(proof.text.find("CREATE USER IF NOT EXISTS 'quotafuse_breaker'@'%'") !=
          std::string::npos);
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
