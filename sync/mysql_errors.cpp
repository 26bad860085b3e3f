#include "sync/mysql_errors.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"

namespace quotafuse::sync {
namespace {

using Kind = GatewayError::Kind;

// Error numbers of MySQL and MariaDB servers, and (from 2000) of their client library.
constexpr int kTls = 2026;
constexpr int kUnknownDatabase = 1049;
constexpr int kNoAccessToDatabase = 1044;
constexpr int kQueryKilled = 1317;

template <std::size_t N>
bool is_one_of(int code, const std::array<int, N>& codes) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

constexpr std::array kNobodyListens{2002, 2003};
constexpr std::array kUnknownHost{2001, 2005};
constexpr std::array kBroken{2000, 2006, 2012, 2013, 2014, 2027, 2055, 1152, 1153, 1154,
                             1155, 1156, 1157, 1158, 1159, 1160, 1161, 1184, 1927, 4031};
constexpr std::array kShutsDown{1053, 1077, 1079, 1080, 3032, 3169};
constexpr std::array kTooMany{1040, 1203, 1226};
constexpr std::array kWrongLogin{1045, 1251, 1524, 1698};
constexpr std::array kLockedAccount{3118, 4151};
constexpr std::array kExpiredPassword{1820, 1862};
constexpr std::array kWrongPlace{1129, 1130};
constexpr std::array kNoGrant{1142, 1143, 1227, 1370};
constexpr std::array kNotThisSchema{1046, 1051, 1054, 1109, 1146, 1176};
// Waited for too long, lost a deadlock, or (MariaDB from 11.6) came upon a row that was changed
// since the transaction's first look: the next try may pass.
constexpr std::array kInTheWay{1205, 1213, 1020};
constexpr std::array kTakesNoWrites{1290, 1792, 1836};

constexpr auto kWrongName = "Hostname verification failed";  // Connector/C from 3.4 on

constexpr std::string_view kLacksGrant = "the account lacks a grant";

Kind kind_of(const MysqlFailure& failure) {
    const int code = failure.code;
    if (failure.interrupted || code == kQueryKilled) return Kind::interrupted;
    if (is_one_of(code, kBroken) && failure.timed_out && !failure.connecting) return Kind::stalled;
    if (is_one_of(code, kInTheWay)) return Kind::locked;
    if (code == kTls) {
        // A certificate stays wrong until a person acts; a handshake that broke does not.
        static constexpr std::array kOfPeople{"does not support", "certificate", kWrongName};
        const bool lasting = std::any_of(kOfPeople.begin(), kOfPeople.end(), [&](const char* what) {
            return failure.text.find(what) != std::string::npos;
        });
        return lasting ? Kind::denied : Kind::unreachable;
    }
    if (is_one_of(code, kNobodyListens) || is_one_of(code, kUnknownHost) ||
        is_one_of(code, kBroken) || is_one_of(code, kShutsDown) || is_one_of(code, kTooMany)) {
        return Kind::unreachable;
    }
    if (code == kNoAccessToDatabase || is_one_of(code, kWrongLogin) ||
        is_one_of(code, kLockedAccount) || is_one_of(code, kExpiredPassword) ||
        is_one_of(code, kWrongPlace) || is_one_of(code, kNoGrant)) {
        return Kind::denied;
    }
    if (code == kUnknownDatabase || is_one_of(code, kNotThisSchema)) return Kind::schema;
    return Kind::rejected;
}

std::string explain_tls(const MysqlFailure& failure, const Dsn& dsn) {
    const auto says = [&](const char* words) {
        return failure.text.find(words) != std::string::npos;
    };
    if (says("does not support"))
        return "the server does not encrypt connections, but `tls` asks for it: give the server a "
               "certificate, or set tls: off";
    if (says("Validation of SSL server certificate failed") || says(kWrongName))
        return fmt::format(
            "the server's certificate is not for the name {}: name the server as its certificate "
            "does{}",
            dsn.host,
            dsn.tls == Tls::full
                ? ", or set tls: ca"
                : " (the client library of this machine checks the issuer only with the name)");
    return "the server's certificate is not issued by an authority of `tls_ca`: set tls_ca to the "
           "file of the authority that issued it";
}

std::string explain_connecting(const MysqlFailure& failure, const Dsn& dsn,
                               const SessionOptions& options) {
    const int code = failure.code;
    if (is_one_of(code, kUnknownHost))
        return "the host name is unknown: check it, and the name service of this machine";
    if (failure.timed_out)
        return fmt::format(
            "no answer to the attempt to connect within {} s: a firewall between, a wrong address, "
            "or a server that hangs",
            options.connect_timeout.count());
    if (is_one_of(code, kNobodyListens))
        return dsn.socket.empty()
                   ? "nobody answers there: is the server running, and are host and port right?"
                   : "nobody answers at the socket: is the server running, and may this user "
                     "reach the file?";
    return "the connection was closed while it was being made: is this a MySQL server, and does "
           "it take connections?";
}

std::string explain_denied(const MysqlFailure& failure, const Dsn& dsn) {
    const int code = failure.code;
    if (code == kTls) return explain_tls(failure, dsn);
    if (is_one_of(code, kWrongLogin))
        return "the server refuses the account or its password: check both in the DSN";
    if (is_one_of(code, kLockedAccount))
        return "the account is locked: ALTER USER … ACCOUNT UNLOCK";
    if (is_one_of(code, kExpiredPassword))
        return "the account's password has expired: ALTER USER … IDENTIFIED BY a new one";
    if (is_one_of(code, kWrongPlace))
        return "the server does not let this machine in: create the account for its address, and "
               "FLUSH HOSTS where it was blocked for its errors";
    // Servers prefer 'anybody from this host' to 'this user from anywhere'.
    if (failure.text.find("user ''@") != std::string::npos)
        return "the server takes the account for the anonymous one: DROP USER ''@ the host that it "
               "names";
    return std::string{kLacksGrant} + ": run what `quotafuse grants` prints";
}

std::string explain_unreachable(const MysqlFailure& failure, const Dsn& dsn,
                                const SessionOptions& options) {
    if (failure.code == kTls) return "the encrypted connection could not be made";
    if (is_one_of(failure.code, kTooMany))
        return "the server has too many connections: raise max_connections (or the account's "
               "limit), or see who holds them";
    if (is_one_of(failure.code, kShutsDown)) return "the server is shutting down or offline";
    if (failure.connecting) return explain_connecting(failure, dsn, options);
    return "the connection broke; a new one is made at the next try";
}

std::string sentence(Kind kind, const MysqlFailure& failure, const Dsn& dsn,
                     const SessionOptions& options) {
    switch (kind) {
        case Kind::unreachable:
            return explain_unreachable(failure, dsn, options);
        case Kind::stalled:
            return fmt::format(
                "the server is connected but gave no answer within {} s: overloaded, or the "
                "network between swallows packets",
                options.read_timeout.count());
        case Kind::locked:
            return "somebody holds a lock on what is asked for (an ALTER TABLE, LOCK TABLES, a "
                   "backup, an open transaction): SHOW PROCESSLIST tells who; it goes on by itself "
                   "afterwards";
        case Kind::denied:
            return explain_denied(failure, dsn);
        case Kind::schema:
            return failure.code == kUnknownDatabase
                       ? "the server has no such database: check the name in the DSN"
                       : "a table, column or index is missing: not a gateway's database, or of a "
                         "version "
                         "that is too old";
        case Kind::rejected:
            return is_one_of(failure.code, kTakesNoWrites) ? "the server takes no writes"
                                                           : "the server refuses the statement";
        case Kind::interrupted:
            return "the statement was ended on request";
    }
    std::abort();
}

}  // namespace

GatewayError explain(const MysqlFailure& failure, const Dsn& dsn, const SessionOptions& options) {
    const auto kind = kind_of(failure);
    const auto whole = [&](std::string_view what) {
        return fmt::format("{}: {} ({}, MySQL error {})", dsn.describe(), what,
                           base::valid_utf8(failure.text), failure.code);
    };
    const auto what = sentence(kind, failure, dsn, options);
    if (what.starts_with(kLacksGrant)) return {kind, whole(what), whole(kLacksGrant)};
    return {kind, whole(what)};
}

}  // namespace quotafuse::sync
