#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quotafuse::circuit_breaker {

/// What SHOW GRANTS says in one line.
struct GrantLine {
    enum class Kind {
        rights,   // GRANT … ON … TO …
        roles,    // GRANT role, … TO …
        proxy,    // GRANT PROXY ON … TO …: to act as another account
        takes,    // REVOKE … FROM …: a partial revoke of MySQL 8
        nothing,  // SET DEFAULT ROLE
        unread,   // anything else: it may give more than is known
    };
    struct Right {
        std::string name;                  // upper case: "SELECT", "ALL PRIVILEGES"
        std::vector<std::string> columns;  // empty = the whole object
    };
    Kind kind = Kind::unread;
    std::vector<Right> rights;
    std::vector<std::string> roles;  // quoted for a statement, with the host where they have one
    std::string type;                // of the object: "", "PROCEDURE", "FUNCTION", …
    std::string database;            // as granted, a pattern where `table` is "*"; "*" = any
    std::string table;               // or routine; "*" = any
    std::string grantee;             // quoted for a statement; PUBLIC stays bare
    bool may_grant = false;          // WITH GRANT OPTION, WITH ADMIN OPTION
};

/// Reads a line of MySQL 5.7 to 9 or MariaDB, whatever quotes it has. What is not understood from
/// its beginning to its end is `unread`, never half of it. The password's hash, which some servers
/// add, is left behind.
GrantLine parse_grant(std::string_view line);

/// A line for people: without what follows IDENTIFIED, on one line of at most 200 bytes.
std::string shown_grant(std::string_view line);

/// The roles in CURRENT_ROLE() or @@mandatory_roles of MySQL ("`a`@`%`,b"), as in
/// GrantLine::roles; one without a host has '%'. None for NONE.
std::vector<std::string> parse_roles(std::string_view text);

/// One right on one thing.
struct Power {
    std::string right;   // as GrantLine::Right::name; "GRANT OPTION"; "PROXY"
    std::string column;  // empty = all
    std::string type;    // as in GrantLine
    std::string database;
    std::string table;
    std::string grantee;
    std::string role{};  // quoted: the active role that it comes with, itself or by roles within it
    bool mandatory = false;  // that role is in mandatory_roles: no REVOKE takes it from the account
    bool operator==(const Power&) const = default;
};

/// All that the lines give, each once. Partial revokes are not taken off: rather one warning too
/// many.
std::vector<Power> powers_of(const std::vector<GrantLine>& lines);
/// What partial revokes take off the rights on *.*.
std::vector<Power> taken_by(const std::vector<GrantLine>& lines);

/// Whether it gives `right` on a column (all of them if empty) of a table. Names are compared
/// without their case: some servers keep it and some do not.
bool gives(const Power& power, std::string_view right, std::string_view database,
           std::string_view table, std::string_view column);

/// "`db`.`table`", "`db`.*", "*.*", "PROCEDURE `db`.`name`": of a GRANT or REVOKE.
std::string object_of(const Power& power);

/// Whether two names of databases, tables or columns are the same.
bool same_name(std::string_view a, std::string_view b);

}  // namespace quotafuse::circuit_breaker
