#include <random>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "circuit_breaker/account_excess.h"
#include "circuit_breaker/grant_list.h"
#include "circuit_breaker/grants.h"

using namespace quotafuse::circuit_breaker;
using Kind = GrantLine::Kind;
using Names = std::vector<std::string>;

namespace {

/// What MySQL 5.7, 8.0, 8.4, 9.7 and MariaDB 10.11, 11.8 write, with ANSI_QUOTES and without
/// sql_quote_show_create, too.
const Names& lines() {
    static const Names all{
        "GRANT SELECT (`id`, `group`), UPDATE (`status`) ON `new-api`.`channels` TO `q'x`@`%`",
        R"(GRANT SELECT ("id"), UPDATE ("key") ON "new-api"."channels" TO "we'ird""x`y"@"127.%")",
        R"(GRANT SELECT (a), UPDATE ("key") ON test1.t TO u1@"%")",
        R"(GRANT r1 TO u1@"%" WITH ADMIN OPTION)",
        "GRANT SELECT ON `new\\_api`.* TO `back\\slash`@`%` REQUIRE SSL WITH GRANT OPTION",
        "GRANT USAGE ON *.* TO `v`@`localhost` IDENTIFIED VIA unix_socket OR mysql_native_password "
        "USING '*B69027D44F6E5EDC07F1AEAD1477967B16F28227'",
        "GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*D821809F681A40A6E379'",
        "GRANT PROXY ON ``@`%` TO 'root'@'localhost' WITH GRANT OPTION",
        "GRANT PROXY ON ''@'' TO 'root'@'localhost' WITH GRANT OPTION",
        "GRANT EXECUTE ON PACKAGE BODY `db`.`p` TO `u`@`h`",
        "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION",
        "GRANT APPLICATION_PASSWORD_ADMIN,AUDIT_ADMIN,BACKUP_ADMIN ON *.* TO `root`@`localhost`",
        "GRANT CREATE TEMPORARY TABLES, DELETE HISTORY ON `test\\_%`.* TO PUBLIC",
        "GRANT `a b`@`%`,`ON`@`10.0.0.1` TO `u`@`%` WITH ADMIN OPTION",
        "REVOKE INSERT ON `mysql`.* FROM `u`@`%`"};
    return all;
}

/// The line as one server would write it.
std::string written(const GrantLine& line) {
    Names rights;
    for (const auto& right : line.rights) {
        Names columns;
        for (const auto& column : right.columns) columns.push_back(quote_name(column));
        rights.push_back(columns.empty()
                             ? right.name
                             : fmt::format("{} ({})", right.name, fmt::join(columns, ", ")));
    }
    const auto part = [](const std::string& name) { return name == "*" ? name : quote_name(name); };
    const auto object =
        line.kind == Kind::proxy
            ? line.database
            : fmt::format("{} {}.{}", line.type, part(line.database), part(line.table));
    if (line.kind == Kind::roles)
        return fmt::format("GRANT {} TO {}", fmt::join(line.roles, ","), line.grantee);
    return fmt::format("{} {} ON {} {} {}{}", line.kind == Kind::takes ? "REVOKE" : "GRANT",
                       fmt::join(rights, ", "), object, line.kind == Kind::takes ? "FROM" : "TO",
                       line.grantee, line.may_grant ? " WITH GRANT OPTION" : "");
}

/// What was taken as read is whole: nothing is lost when it is written and read again.
void check_whole(const std::string& text) {
    const auto line = parse_grant(text);
    if (line.kind == Kind::unread || line.kind == Kind::nothing) {
        CHECK(line.rights.empty());
        return;
    }
    CHECK_FALSE(line.grantee.empty());
    CHECK((line.kind == Kind::roles ? line.roles.empty() : line.rights.empty()) == false);
    const auto again = parse_grant(written(line));
    CHECK(again.kind == line.kind);
    CHECK(again.grantee == line.grantee);
    CHECK(again.roles == line.roles);
    CHECK(powers_of({again}) == powers_of({line}));
    // Nor does any of it break what is made of it.
    for (const auto& sentence : excess_of(powers_of({line}), {}, "'b'@'%'"))
        CHECK_FALSE(sentence.empty());
}

}  // namespace

TEST_CASE("each line of a server is understood, and no part of one is taken for a whole") {
    for (const auto& line : lines()) {
        CAPTURE(line);
        CHECK(parse_grant(line).kind != Kind::unread);
        check_whole(line);
        const auto grantee = std::max(line.find(" TO "), line.find(" FROM ") + 1);
        for (std::size_t end = 0; end < line.size(); ++end) {
            const auto cut = line.substr(0, end);
            CAPTURE(cut);
            if (end < std::min(line.find(" TO "), line.find(" FROM ")) + 4)
                CHECK(parse_grant(cut).kind == Kind::unread);
            check_whole(cut);
        }
        CHECK(grantee > 0);
    }
}

TEST_CASE("what is not understood is unread, not half of it") {
    for (const std::string text :
         {"", "GRANT", "GRANT SELECT", "GRANT SELECT ON", "GRANT SELECT (`a` ON `b`.`c`", "`",
          "GRANT SELECT ON `d`.* TO", "GRANT ON `d`.* TO `u`@`%`", "GRANT SELECT ON `d` TO `u`@`%`",
          "GRANT SELECT ON `d`.* TO `u`@`%` AND MORE", "DENY SELECT ON `d`.* TO `u`@`%`",
          "GRANT SELECT, ON `d`.* TO `u`@`%`", "GRANT SELECT () ON `d`.`t` TO `u`@`%`",
          "GRANT `SELECT` ON `d`.* TO `u`@`%`", "GRANT SELECT ON `d`.* FROM `u`@`%`",
          "REVOKE SELECT ON `d`.* TO `u`@`%`", "GRANT SELECT ON `d`.* EXCEPT `t` TO `u`@`%`",
          // MySQL 5.7 writes quotes within names as they are.
          "GRANT USAGE ON *.* TO 'q'x'@'%'", "GRANT DELETE ON `d`.* TO 'a'@'b'@'%'",
          "GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*D82"}) {
        CAPTURE(text);
        CHECK(parse_grant(text).kind == Kind::unread);
    }
}

TEST_CASE("what cannot be read is shown without a password, on one short line") {
    CHECK(shown_grant("DENY SELECT ON `d`.* TO `u`@`%` identified by password '*SECRET'") ==
          "DENY SELECT ON `d`.* TO `u`@`%`");
    CHECK(shown_grant("GRANT \x1b[31mX\nY\xff ON") == "GRANT  [31mX Y\xef\xbf\xbd ON");
    CHECK(shown_grant(std::string(900, 'x')).size() <= 200);
}

TEST_CASE("no text of a server breaks the reader, and what it takes as read is whole") {
    std::mt19937 dice{6};
    const auto up_to = [&](std::size_t most) { return dice() % (most + 1); };
    const std::string signs = "`'\"\\.,()@;*%_ \n\t\0aON\xff";
    for (int round = 0; round < 20'000; ++round) {
        auto text = lines()[up_to(lines().size() - 1)];
        for (auto changes = 1 + up_to(3); changes > 0; --changes) {
            const auto at = up_to(text.size());
            const auto sign = signs[up_to(signs.size() - 1)];
            const auto& other = lines()[up_to(lines().size() - 1)];
            switch (up_to(3)) {
                case 0:
                    text.insert(at, 1, sign);
                    break;
                case 1:
                    text.erase(at, 1 + up_to(5));
                    break;
                case 2:
                    text.insert(at, other.substr(up_to(other.size()), up_to(20)));
                    break;
                default:
                    if (at < text.size()) text[at] = sign;
            }
        }
        CAPTURE(text);
        check_whole(text);
        for (const auto& role : parse_roles(text)) CHECK_FALSE(role.empty());
        CHECK(shown_grant(text).size() <= 200);
    }
}
