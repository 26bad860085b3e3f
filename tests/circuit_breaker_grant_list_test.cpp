#include <doctest/doctest.h>

#include "circuit_breaker/account_excess.h"
#include "circuit_breaker/grant_list.h"

using namespace quotafuse::circuit_breaker;
using Kind = GrantLine::Kind;
using Names = std::vector<std::string>;

namespace {

bool gives_any(const std::string& line, const std::string& right, const std::string& database,
               const std::string& table, const std::string& column) {
    for (const auto& power : powers_of({parse_grant(line)})) {
        if (gives(power, right, database, table, column)) return true;
    }
    return false;
}

Names excess(const Names& lines) {
    std::vector<GrantLine> parsed;
    for (const auto& line : lines) parsed.push_back(parse_grant(line));
    return excess_of(powers_of(parsed),
                     {{.database = "new-api",
                       .table = "channels",
                       .select = {"id"},
                       .update = {"status", "other_info"}}},
                     "'b'@'%'");
}

}  // namespace

TEST_CASE("rights on columns are read with the quotes of every server") {
    for (const auto* line :
         {"GRANT SELECT (`id`, `group`), UPDATE (`status`) ON `new-api`.`channels` TO `q'x`@`%`",
          "GRANT SELECT (id, `group`), UPDATE (status) ON `new-api`.`channels` TO 'q''x'@'%'",
          R"(GRANT SELECT ("id", "group"), UPDATE ("status") ON "new-api"."channels" TO "q'x"@"%")",
          "grant select(id,`group`),update(status) on table `new-api`.channels to `q'x`@`%`"}) {
        CAPTURE(line);
        const auto grant = parse_grant(line);
        CHECK(grant.kind == Kind::rights);
        REQUIRE(grant.rights.size() == 2);
        CHECK(grant.rights[0].name == "SELECT");
        CHECK(grant.rights[0].columns == Names{"id", "group"});
        CHECK(grant.rights[1].name == "UPDATE");
        CHECK(grant.rights[1].columns == Names{"status"});
        CHECK(grant.database == "new-api");
        CHECK(grant.table == "channels");
        CHECK(grant.grantee == "'q''x'@'%'");
        CHECK_FALSE(grant.may_grant);
    }
}

TEST_CASE("names keep what their quotes protect") {
    const auto grant =
        parse_grant("GRANT SELECT (`a``b, c)`) ON `d.b``s`.`t ON x` TO `u`@`10.0.0.5`");
    REQUIRE(grant.rights.size() == 1);
    CHECK(grant.rights[0].columns == Names{"a`b, c)"});
    CHECK(grant.database == "d.b`s");
    CHECK(grant.table == "t ON x");
    CHECK(grant.grantee == "'u'@'10.0.0.5'");
    CHECK(object_of(powers_of({grant}).at(0)) == "`d.b``s`.`t ON x`");
}

TEST_CASE("a server's whole list is understood") {
    const auto all =
        parse_grant("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION");
    CHECK(all.rights.at(0).name == "ALL PRIVILEGES");
    CHECK(all.database == "*");
    CHECK(all.table == "*");
    CHECK(all.may_grant);

    const auto words = parse_grant(
        "GRANT CREATE TEMPORARY TABLES, LOCK TABLES, BACKUP_ADMIN ON `db`.* TO 'u'@'h' WITH "
        "MAX_QUERIES_PER_HOUR 5");
    CHECK(words.rights.size() == 3);
    CHECK(words.rights.at(0).name == "CREATE TEMPORARY TABLES");
    CHECK(words.rights.at(2).name == "BACKUP_ADMIN");
    CHECK_FALSE(words.may_grant);

    const auto hash = parse_grant("GRANT USAGE ON *.* TO `q`@`%` IDENTIFIED BY PASSWORD '*D82180'");
    CHECK(hash.grantee == "'q'@'%'");

    const auto routine = parse_grant("GRANT EXECUTE ON PROCEDURE `db`.`p` TO `u`@`h`");
    CHECK(routine.type == "PROCEDURE");
    CHECK(object_of(powers_of({routine}).at(0)) == "PROCEDURE `db`.`p`");
    CHECK(parse_grant("GRANT EXECUTE ON PACKAGE BODY `db`.`p` TO `u`@`h`").type == "PACKAGE BODY");

    const auto proxy = parse_grant("GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION");
    CHECK(proxy.kind == Kind::proxy);
    CHECK(proxy.grantee == "'root'@'localhost'");
    CHECK(object_of(powers_of({proxy}).at(0)) == "''@'%'");

    const auto open = parse_grant("GRANT INSERT ON `db`.`logs` TO PUBLIC");
    CHECK(open.grantee == "PUBLIC");
    const auto role = parse_grant("GRANT UPDATE, DELETE ON `db`.`channels` TO `ro le`");
    CHECK(role.grantee == "`ro le`");

    CHECK(parse_grant("REVOKE INSERT ON `mysql`.* FROM `u`@`%`").kind == Kind::takes);
    CHECK(powers_of({parse_grant("REVOKE INSERT ON `mysql`.* FROM `u`@`%`")}).empty());
    CHECK(parse_grant("SET DEFAULT ROLE `r` FOR `u`@`%`").kind == Kind::nothing);
}

TEST_CASE("roles are told from rights") {
    const auto mysql = parse_grant("GRANT `a b`@`%`,`ON`@`10.0.0.1` TO `u`@`%` WITH ADMIN OPTION");
    CHECK(mysql.kind == Kind::roles);
    CHECK(mysql.roles == Names{"'a b'@'%'", "'ON'@'10.0.0.1'"});
    CHECK(mysql.may_grant);
    CHECK(powers_of({mysql}).empty());
    const auto mariadb = parse_grant("GRANT `ro le` TO `u`@`127.0.0.%`");
    CHECK(mariadb.kind == Kind::roles);
    CHECK(mariadb.roles == Names{"`ro le`"});
    CHECK(mariadb.grantee == "'u'@'127.0.0.%'");

    CHECK(parse_roles("`a b`@`%`,`c`@`10.0.0.1`, d,'e'@localhost") ==
          Names{"'a b'@'%'", "'c'@'10.0.0.1'", "'d'@'%'", "'e'@'localhost'"});
    CHECK(parse_roles("NONE").empty());
    CHECK(parse_roles("").empty());
}

TEST_CASE("a grant on a database takes its wildcards, one on a table does not") {
    CHECK(gives_any(R"(GRANT SELECT ON `new\_api`.* TO `u`@`%`)", "SELECT", "new_api", "tokens",
                    "key"));
    CHECK_FALSE(gives_any(R"(GRANT SELECT ON `new\_api`.* TO `u`@`%`)", "SELECT", "new-api",
                          "tokens", "key"));
    CHECK(
        gives_any("GRANT SELECT ON `new_api`.* TO `u`@`%`", "SELECT", "new-api", "tokens", "key"));
    CHECK(gives_any("GRANT SELECT ON `%`.* TO `u`@`%`", "SELECT", "new-api", "tokens", "key"));
    CHECK(gives_any("GRANT SELECT ON `n%i`.* TO `u`@`%`", "SELECT", "New-API", "tokens", "key"));
    CHECK_FALSE(
        gives_any("GRANT SELECT ON `n%x`.* TO `u`@`%`", "SELECT", "new-api", "tokens", "key"));
    CHECK_FALSE(gives_any("GRANT SELECT ON `new_api`.`tokens` TO `u`@`%`", "SELECT", "new-api",
                          "tokens", "key"));
}

TEST_CASE("a right reaches what is below it") {
    CHECK(gives_any("GRANT SELECT ON *.* TO `u`@`%`", "SELECT", "d", "tokens", "key"));
    CHECK(gives_any("GRANT ALL PRIVILEGES ON `d`.* TO `u`@`%`", "UPDATE", "d", "tokens", "key"));
    CHECK(gives_any("GRANT SELECT ON `d`.`tokens` TO `u`@`%`", "SELECT", "d", "tokens", "key"));
    CHECK(gives_any("GRANT SELECT (`KEY`) ON `d`.`tokens` TO `u`@`%`", "SELECT", "d", "tokens",
                    "key"));
    CHECK_FALSE(gives_any("GRANT SELECT (`id`) ON `d`.`tokens` TO `u`@`%`", "SELECT", "d", "tokens",
                          "key"));
    CHECK_FALSE(
        gives_any("GRANT SELECT ON `d`.`tokens` TO `u`@`%`", "SELECT", "d", "channels", "key"));
    CHECK_FALSE(gives_any("GRANT SELECT ON `d`.* TO `u`@`%`", "UPDATE", "d", "channels", "key"));
    CHECK_FALSE(gives_any("GRANT EXECUTE ON PROCEDURE `d`.`tokens` TO `u`@`%`", "EXECUTE", "d",
                          "tokens", ""));
}

TEST_CASE("what is more than needed is told with what takes it") {
    CHECK(excess({"GRANT USAGE ON *.* TO `b`@`%`", "GRANT SELECT ON `new-api`.* TO `b`@`%`",
                  "GRANT REPLICATION CLIENT, SHOW DATABASES ON *.* TO `b`@`%`",
                  "GRANT CREATE TEMPORARY TABLES ON `new-api`.* TO `b`@`%`",
                  "GRANT UPDATE (`Status`, `other_info`) ON `new-api`.`channels` TO `b`@`%`"})
              .empty());
    CHECK(excess({"GRANT DELETE, DROP, ALTER ON `new-api`.* TO `b`@`%`"}) ==
          Names{"may DELETE, DROP, ALTER on `new-api`.*, more than it needs: REVOKE DELETE, DROP, "
                "ALTER ON `new-api`.* FROM 'b'@'%';"});
    CHECK(
        excess(
            {"GRANT UPDATE (`status`, `priority`, `weight`) ON `new-api`.`channels` TO `b`@`%`"}) ==
        Names{"may UPDATE (`priority`, `weight`) on `new-api`.`channels`, more than it needs: "
              "REVOKE UPDATE (`priority`, `weight`) ON `new-api`.`channels` FROM 'b'@'%'; then run "
              "what `quotafuse grants` prints"});
    CHECK(excess({"GRANT UPDATE, UPDATE (`status`) ON `new-api`.`channels` TO `b`@`%`"}) ==
          Names{"may UPDATE on `new-api`.`channels`, more than it needs: REVOKE UPDATE ON "
                "`new-api`.`channels` FROM 'b'@'%'; then run what `quotafuse grants` prints"});
    CHECK(excess({"GRANT FILE ON *.* TO `b`@`%`"}) ==
          Names{"may FILE on the whole server, more than it needs: REVOKE FILE ON *.* FROM "
                "'b'@'%';"});
    CHECK(excess({"GRANT PROXY ON `boss`@`localhost` TO `b`@`%` WITH GRANT OPTION"}) ==
          Names{"may act as 'boss'@'localhost' (PROXY), more than it needs: REVOKE PROXY ON "
                "'boss'@'localhost' FROM 'b'@'%';"});
    CHECK(excess({"GRANT UPDATE (`quota`) ON `new-api`.`users` TO `r`"}) ==
          Names{"may UPDATE (`quota`) on `new-api`.`users` as all who have the role `r`, more than "
                "it needs: REVOKE UPDATE (`quota`) ON `new-api`.`users` FROM `r`; then run what "
                "`quotafuse grants` prints"});
}

TEST_CASE("what PUBLIC has is taken there: an account of its own would have it, too") {
    const std::string much =
        "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER, EVENT, TRIGGER";
    CHECK(excess({"GRANT " + much + " ON `test\\_%`.* TO PUBLIC"}) ==
          Names{"may INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER, EVENT and 1 more on "
                "`test\\_%`.* as every account of the server (PUBLIC), more than it needs: REVOKE "
                "ALL PRIVILEGES ON `test\\_%`.* FROM PUBLIC; then run what `quotafuse grants` "
                "prints"});
    CHECK(excess({"GRANT DELETE ON `d`.`t` TO PUBLIC"}) ==
          Names{"may DELETE on `d`.`t` as every account of the server (PUBLIC), more than it "
                "needs: REVOKE DELETE ON `d`.`t` FROM PUBLIC;"});
    CHECK(excess({"GRANT ALL PRIVILEGES ON `d`.* TO PUBLIC WITH GRANT OPTION"}) ==
          Names{"may do everything on `d`.* as every account of the server (PUBLIC), more than it "
                "needs: REVOKE ALL PRIVILEGES ON `d`.* FROM PUBLIC; REVOKE GRANT OPTION ON `d`.* "
                "FROM PUBLIC; then run what `quotafuse grants` prints"});
    const auto read = powers_of({parse_grant("GRANT SELECT ON *.* TO PUBLIC")});
    CHECK(cure_of_reading(read, "'b'@'%'") ==
          "REVOKE SELECT ON *.* FROM PUBLIC; then run what `quotafuse grants` prints");
    CHECK(source_of_reading(read, "'b'@'%'") == " as every account of the server (PUBLIC)");
}

TEST_CASE("who may do much is somebody else's account, unless everybody may") {
    const auto sign = [](const Names& lines) {
        std::vector<GrantLine> grants;
        for (const auto& line : lines) grants.push_back(parse_grant(line));
        return sign_of_owner(powers_of(grants));
    };
    CHECK(sign({"GRANT ALL PRIVILEGES ON *.* TO `b`@`%` WITH GRANT OPTION",
                "GRANT PROXY ON ``@`%` TO `b`@`%`"}) == "do everything on the whole server");
    CHECK(sign({"GRANT SUPER ON *.* TO `b`@`%`"}) == "SUPER on the whole server");
    CHECK(sign({"GRANT CREATE USER ON *.* TO `b`@`%`"}) == "CREATE USER on the whole server");
    CHECK(sign({"GRANT SELECT ON *.* TO `b`@`%` WITH GRANT OPTION"}) ==
          "GRANT OPTION on the whole server");
    CHECK(sign({"GRANT SELECT ON `d`.* TO `b`@`%`", "GRANT ALL PRIVILEGES ON `d`.* TO `b`@`%`"}) ==
          "do everything on `d`.*");
    CHECK(sign({"GRANT ALL PRIVILEGES ON `d`.* TO `r`"}) == "do everything on `d`.*");
    CHECK(
        sign({"GRANT A, B, C, D ON *.* TO `b`@`%`", "GRANT E, F, G, H, I, J ON *.* TO `b`@`%`"}) ==
        "A, B, C, D, E, F, G, H and 2 more on the whole server");
    CHECK(sign({"GRANT SELECT, INSERT, UPDATE, DELETE, DROP ON `d`.* TO `b`@`%`"}) == "");
    CHECK(sign({"GRANT ALL PRIVILEGES ON *.* TO PUBLIC"}) == "");
}

TEST_CASE("a backslash is a character of a name, whatever its quotes") {
    for (const auto* line : {R"(GRANT DELETE ON `new\_api`.* TO `a\b`@`10.%`)",
                             R"(GRANT DELETE ON "new\_api".* TO "a\b"@"10.%")",
                             R"(GRANT DELETE ON `new\_api`.* TO 'a\b'@'10.%')"}) {
        CAPTURE(line);
        const auto powers = powers_of({parse_grant(line)});
        REQUIRE(powers.size() == 1);
        CHECK(object_of(powers[0]) == R"(`new\_api`.*)");
        CHECK(gives(powers[0], "DELETE", "new_api", "logs", ""));
        CHECK_FALSE(gives(powers[0], "DELETE", "new-api", "logs", ""));
        // 'a\b' would be "ab" in one sql_mode and not in another.
        CHECK(powers[0].grantee == R"(`a\b`@'10.%')");
    }
}

TEST_CASE("a pattern of many wildcards is compared in time") {
    std::string pattern;
    for (int i = 0; i < 31; ++i) pattern += "%a";
    const auto line = "GRANT DELETE ON `" + pattern + "b`.* TO `u`@`%`";
    CHECK_FALSE(gives_any(line, "DELETE", std::string(64, 'a'), "t", ""));
    CHECK(gives_any(line, "DELETE", std::string(63, 'a') + "b", "t", ""));
    CHECK(gives_any("GRANT DELETE ON `a%%_`.* TO `u`@`%`", "DELETE", "abc", "t", ""));
    CHECK_FALSE(gives_any("GRANT DELETE ON `abc_`.* TO `u`@`%`", "DELETE", "abc", "t", ""));
}

TEST_CASE("partial revokes are read as what they take") {
    const std::vector<GrantLine> lines{parse_grant("GRANT SELECT, UPDATE ON *.* TO `u`@`%`"),
                                       parse_grant("REVOKE UPDATE ON `d`.* FROM `u`@`%`")};
    const auto taken = taken_by(lines);
    REQUIRE(taken.size() == 1);
    CHECK(gives(taken[0], "UPDATE", "d", "channels", "status"));
    CHECK(powers_of(lines).size() == 2);
}
