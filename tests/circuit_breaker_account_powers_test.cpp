#include <map>

#include "circuit_breaker/account_excess.h"
#include "circuit_breaker_accounts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests::accounts;

namespace {

/// A server with accounts beside those of the site, which are gone in the end.
struct Changed {
    Changed(Site& at, std::string set, std::string undo) : site(at), undo_(std::move(undo)) {
        site.sql(std::move(set));
    }
    ~Changed() { site.sql(undo_); }
    Changed(const Changed&) = delete;
    Changed& operator=(const Changed&) = delete;
    Site& site;

private:
    std::string undo_;
};

/// Answers of servers that the tests have not, in the form of those of Oracle MySQL 9.7.
class RecordedServer final : public sync::GatewaySession {
public:
    std::map<std::string, Names> answers;

    sync::Dsn::Kind kind() const override { return sync::Dsn::Kind::mysql; }
    std::vector<sync::Cells> query(const std::string& sql,
                                   const std::vector<sync::Argument>& /*arguments*/) override {
        const auto found = answers.find(sql);
        if (found == answers.end())
            throw sync::GatewayError(sync::GatewayError::Kind::rejected, "no such thing");
        std::vector<sync::Cells> rows;
        for (const auto& line : found->second) rows.push_back({line});
        return rows;
    }
    std::int64_t execute(const std::string& /*sql*/,
                         const std::vector<sync::Argument>& /*arguments*/) override {
        return 0;
    }
    void begin() override {}
    void commit() override {}
    void rollback() noexcept override {}
    void interrupt() noexcept override {}
};

const AccountName kMySqlUser{
    .quoted = "'h6u'@'%'", .user = "h6u", .host = "%", .login = "h6u", .server = "h:3306"};

Names excess(const AccountPowers& held) {
    return excess_of(held.powers, {}, kMySqlUser.quoted);
}

}  // namespace

TEST_CASE("what PUBLIC may is told with what takes it from PUBLIC, which cures it") {
    Site site;
    const Changed changed{
        site,
        "GRANT SELECT (`key`) ON {}.tokens TO PUBLIC; GRANT DELETE ON "
        "{}.channels TO PUBLIC; GRANT ALL PRIVILEGES ON `pub\\_%`.* TO PUBLIC",
        "REVOKE SELECT (`key`) ON {}.tokens FROM PUBLIC; REVOKE ALL PRIVILEGES ON "
        "`pub\\_%`.* FROM PUBLIC"};
    const auto found = site.reader();
    CHECK(found.ok());
    CHECK(found.warnings.size() == 3);
    CHECK(has(
        found.warnings,
        site.text("may DELETE on {}.`channels` as every account of the server (PUBLIC), more than "
                  "it needs: REVOKE DELETE ON {}.`channels` FROM PUBLIC;")));
    for (const auto& warning : found.warnings) {
        CAPTURE(warning);
        const auto at = warning.find("REVOKE");
        REQUIRE(at != std::string::npos);
        if (warning.find("pub") == std::string::npos && warning.find("tokens") == std::string::npos)
            site.gateway.sql(warning.substr(at, warning.find(';') - at));
        else
            CHECK(warning.find("FROM PUBLIC;") != std::string::npos);
    }
    CHECK(site.reader().warnings.size() == 2);
}

TEST_CASE("a grant on databases by a pattern is told and taken as it stands") {
    Site site;
    // As administrators write it who know that _ is any character.
    auto pattern = site.gateway.database();
    pattern.back() = '%';
    base::replace_all(pattern, "_", "\\_");
    site.gateway.sql("GRANT DELETE ON `" + pattern + "`.* TO acc_breaker@'127.0.0.%'");
    const auto found = site.breaker();
    REQUIRE(found.warnings.size() == 1);
    CHECK(found.warnings[0] ==
          fmt::format("may DELETE on `{0}`.*, more than it needs: REVOKE DELETE ON `{0}`.* FROM "
                      "'acc_breaker'@'127.0.0.%';",
                      pattern));
    const auto& cure = found.warnings[0];
    const auto at = cure.find("REVOKE");
    site.gateway.sql(cure.substr(at, cure.find(';') - at));
    CHECK(joined(site.breaker().warnings) == "");
}

TEST_CASE("who is taken for the anonymous account is told that, and not to grant it anything") {
    Site site;
    const Changed changed{site, "CREATE USER IF NOT EXISTS ''@'127.0.0.%' IDENTIFIED BY 'pw'",
                          "DROP USER ''@'127.0.0.%'"};
    try {
        site.gateway.session("nobody_else", "pw", true)->query("SELECT 1");
        FAIL("an account without rights came in");
    } catch (const sync::GatewayError& e) {
        CHECK(std::string{e.what()}.find("takes the account for the anonymous one: DROP USER") !=
              std::string::npos);
    }
    site.sql("GRANT SELECT (id) ON {}.logs TO ''@'127.0.0.%'");
    const auto session = site.gateway.session("nobody_else", "pw", true);
    const auto found = check_account(*session, site.wanted, AccountUse::reader);
    CHECK(joined(found.lacks) ==
          "is taken for the anonymous account ''@'127.0.0.%', which stands before "
          "'nobody_else'@'%': DROP USER ''@'127.0.0.%';");
    CHECK(joined(found.warnings) == "");
}

TEST_CASE("the same is said of a server with ANSI_QUOTES, and names of any signs are quoted") {
    Site site;
    const std::string odd = "`o'd\"d``b\\s`@'127.0.0.%'";
    const Changed changed{site,
                          "CREATE USER " + odd +
                              " IDENTIFIED BY 'pw'; GRANT DELETE ON {}.logs TO " + odd +
                              "; SET GLOBAL sql_mode = 'ANSI_QUOTES'",
                          "SET GLOBAL sql_mode = DEFAULT; DROP USER " + odd};
    const auto found = site.check(AccountUse::logs, "o'd\"d`b\\s");
    CHECK(found.account == odd);
    REQUIRE(found.lacks.size() == 1);
    REQUIRE(found.warnings.size() == 1);
    for (const auto& told : {found.lacks[0], found.warnings[0]}) {
        CAPTURE(told);
        const auto from = told.find(": ") + 2;
        site.gateway.sql(told.substr(from, told.find(';') - from));
    }
    CHECK(joined(site.check(AccountUse::logs, "o'd\"d`b\\s").lacks) == "");
    CHECK(joined(site.check(AccountUse::logs, "o'd\"d`b\\s").warnings) == "");
    CHECK(joined(site.reader().warnings) == "");
    CHECK(joined(site.breaker().lacks) == "");
    CHECK(joined(site.breaker().warnings) == "");
}

TEST_CASE(
    "on MySQL a right that comes with a role is taken with the role, a mandatory one is not") {
    RecordedServer server;
    const std::string own = "GRANT SELECT (`a`) ON `d`.`t` TO `h6u`@`%`";
    const std::string role = "GRANT `h6r1`@`%` TO `h6u`@`%` WITH ADMIN OPTION";
    server.answers = {{"SELECT VERSION()", {"9.7.0"}},
                      {"SELECT CURRENT_ROLE()", {"`h6mand`@`%`,`h6r1`@`%`"}},
                      {"SELECT @@mandatory_roles", {"h6mand"}},
                      {"SHOW GRANTS",
                       {own, "GRANT INSERT, DROP ON `d`.* TO `h6u`@`%`",
                        "GRANT `h6mand`@`%` TO `h6u`@`%`", role}},
                      {"SHOW GRANTS FOR 'h6u'@'%'", {own, role}},
                      {"SHOW GRANTS FOR CURRENT_USER() USING 'h6r1'@'%'",
                       {own, "GRANT INSERT ON `d`.* TO `h6u`@`%`", role}},
                      {"SHOW GRANTS FOR CURRENT_USER() USING 'h6mand'@'%'",
                       {own, "GRANT DROP ON `d`.* TO `h6u`@`%`", role}}};
    auto held = read_powers(server, kMySqlUser);
    CHECK(joined(held.warnings) == "");
    CHECK(
        joined(excess(held)) ==
        joined({"may DROP on `d`.* by the mandatory role 'h6mand'@'%', more than it needs: take "
                "'h6mand'@'%' out of mandatory_roles (no REVOKE takes it from an account), or the "
                "right from that role",
                "may INSERT on `d`.* by the role 'h6r1'@'%', more than it needs: REVOKE "
                "'h6r1'@'%' FROM 'h6u'@'%'; then run what `quotafuse grants` prints"}));

    server.answers["SELECT CURRENT_ROLE()"] = {"NONE"};
    server.answers["SHOW GRANTS"] = {own, "GRANT `h6mand`@`%` TO `h6u`@`%`", role};
    held = read_powers(server, kMySqlUser);
    CHECK(joined(excess(held)) == "");
    CHECK(
        joined(held.warnings) ==
        joined(
            {"may take the role 'h6mand'@'%', which is not active and was not looked at; unless it "
             "is needed: take 'h6mand'@'%' out of mandatory_roles",
             "may take the role 'h6r1'@'%', which is not active and was not looked at; unless "
             "it is needed: REVOKE 'h6r1'@'%' FROM 'h6u'@'%';"}));
}

TEST_CASE("a grant that cannot be read is told once, without its password") {
    RecordedServer server;
    server.answers = {{"SELECT VERSION()", {"5.7.44"}},
                      {"SHOW GRANTS",
                       {"GRANT USAGE ON *.* TO 'h6u'@'%'", "DENY X ON * IDENTIFIED BY 'hush'",
                        "DENY X ON * IDENTIFIED BY 'hush'"}}};
    CHECK(joined(read_powers(server, kMySqlUser).warnings) ==
          "may do more than is told here: can't read this grant: DENY X ON *");
    server.answers["SHOW GRANTS"] = {};
    CHECK(joined(read_powers(server, kMySqlUser).warnings) ==
          "may do more than is told here: the server lists no grants of it");
}

TEST_CASE("a partial revoke takes from rights on the whole server only") {
    RecordedServer server;
    server.answers = {{"SELECT VERSION()", {"8.4.0"}},
                      {"SHOW GRANTS",
                       {"GRANT UPDATE ON *.* TO `h6u`@`%`", "GRANT UPDATE ON `d`.`t` TO `h6u`@`%`",
                        "REVOKE UPDATE ON `d`.* FROM `h6u`@`%`"}}};
    const auto held = read_powers(server, kMySqlUser);
    CHECK_FALSE(held.may("UPDATE", "d", "channels", "status"));
    CHECK(held.may("UPDATE", "d", "t", "status"));
    CHECK(held.may("UPDATE", "other", "channels", "status"));
}
