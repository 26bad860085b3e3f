#include "sync/dsn.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/text.h"

namespace quotafuse::sync {
namespace {

DsnResult refuse(std::string why) {
    return {std::nullopt, std::move(why)};
}

// Parameters of Go's driver that say nothing about how we connect.
constexpr std::array kIgnored{"allowAllFiles",
                              "allowCleartextPasswords",
                              "allowFallbackToPlaintext",
                              "allowNativePasswords",
                              "allowOldPasswords",
                              "checkConnLiveness",
                              "charset",
                              "clientFoundRows",
                              "collation",
                              "columnsWithAlias",
                              "compress",
                              "connectionAttributes",
                              "interpolateParams",
                              "loc",
                              "maxAllowedPacket",
                              "multiStatements",
                              "parseTime",
                              "readTimeout",
                              "rejectReadOnly",
                              "serverPubKey",
                              "timeTruncate",
                              "timeout",
                              "writeTimeout",
                              "sql_mode",
                              "time_zone",
                              "transaction_isolation",
                              "tx_isolation",
                              "wait_timeout"};

std::optional<Tls> tls_of(std::string_view value) {
    if (value == "true" || value == "full" || value == "VERIFY_IDENTITY") return Tls::full;
    if (value == "ca" || value == "VERIFY_CA") return Tls::ca;
    if (value == "skip-verify" || value == "required" || value == "REQUIRED") return Tls::required;
    if (value == "false" || value == "off" || value == "DISABLED" || value == "preferred" ||
        value == "PREFERRED")
        return Tls::off;
    return std::nullopt;
}

/// Reads what follows the "?"; returns what is wrong, or nothing.
std::string read_parameters(std::string_view text, Dsn& dsn) {
    if (text.empty()) return {};
    for (const auto part : base::split(text, '&')) {
        const auto equals = part.find('=');
        const auto key = part.substr(0, equals);
        const auto value =
            equals == std::string_view::npos ? std::string_view{} : part.substr(equals + 1);
        if (key == "tls" || key == "ssl-mode") {
            const auto tls = tls_of(value);
            if (!tls)
                return fmt::format(
                    "{} knows true, skip-verify, preferred and false; for a certificate of your "
                    "own set source.tls and source.tls_ca",
                    key);
            dsn.tls = *tls;
        } else if (!key.empty() &&
                   std::find(kIgnored.begin(), kIgnored.end(), key) == kIgnored.end()) {
            const std::vector<std::string_view> known{kIgnored.begin(), kIgnored.end()};
            const auto close = base::nearest(key, known);
            // What is no name is no parameter: the tail of a password with a '?' in it, perhaps.
            const bool is_name =
                key.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-") ==
                std::string_view::npos;
            if (!is_name || key.size() > 40 || close.empty())
                return "a parameter after '?' is unknown (a '?' or '#' in a password of a URL must "
                       "be percent-encoded)";
            return fmt::format("unknown parameter '{}'{}", key,
                               close.empty() ? "" : fmt::format("; did you mean '{}'?", close));
        }
    }
    return {};
}

/// "host", "host:port", "[v6]:port"; returns what is wrong, or nothing.
std::string read_address(std::string_view address, Dsn& dsn) {
    auto host = address;
    std::string_view port;
    if (address.starts_with('[')) {
        const auto end = address.find(']');
        if (end == std::string_view::npos) return "an IPv6 address lacks its ']'";
        host = address.substr(1, end - 1);
        const auto rest = address.substr(end + 1);
        if (!rest.empty() && !rest.starts_with(':')) return "after ']' only :port may follow";
        if (!rest.empty()) port = rest.substr(1);
    } else if (const auto colon = address.rfind(':'); colon != std::string_view::npos) {
        if (address.find(':') != colon) return "an IPv6 address must stand in [ ]";
        host = address.substr(0, colon);
        port = address.substr(colon + 1);
    }
    if (host.empty()) return "the host is missing";
    dsn.host = host;
    if (port.empty()) return {};
    const auto* const end = port.data() + port.size();
    const auto [stop, error] = std::from_chars(port.data(), end, dsn.port);
    if (error != std::errc{} || stop != end || dsn.port == 0 || dsn.port > 65535)
        return "the port must be a number from 1 to 65535";
    return {};
}

/// "tcp(host:port)", "unix(/path)", or nothing for Go's default.
std::string read_network(std::string_view text, Dsn& dsn) {
    if (text.empty()) {
        dsn.host = "127.0.0.1";
        return {};
    }
    const auto open = text.find('(');
    if (open == std::string_view::npos || !text.ends_with(')')) {
        return "between '@' and '/' must stand tcp(host:port) or unix(/path/to/socket)";
    }
    const auto network = text.substr(0, open);
    const auto address = text.substr(open + 1, text.size() - open - 2);
    if (network == "unix") {
        if (!address.starts_with('/')) return "unix(…) needs the absolute path of the socket";
        dsn.socket = address;
        return {};
    }
    if (network != "tcp") return "the network must be tcp or unix";
    return read_address(address, dsn);
}

void read_account(std::string_view text, Dsn& dsn) {
    const auto colon = text.find(':');
    dsn.user = text.substr(0, colon);
    if (colon != std::string_view::npos)
        dsn.password = base::Secret{std::string{text.substr(colon + 1)}};
}

std::string check(const Dsn& dsn) {
    if (dsn.user.empty()) return "the user is missing";
    if (dsn.database.empty()) return "the database's name is missing after '/'";
    return {};
}

/// Go's form. Its password may hold any character, '@', ':' and '/' too: the last '/' and the last
/// '@' count.
DsnResult parse_go(std::string_view text) {
    Dsn dsn;
    const auto slash = text.rfind('/');
    if (slash == std::string_view::npos) {
        return refuse(
            "not a DSN: expected user:password@tcp(host:3306)/database, "
            "mysql://user:password@host/database, or the path of a SQLite file");
    }
    const auto tail = text.substr(slash + 1);
    const auto question = tail.find('?');
    dsn.database = tail.substr(0, question);
    const auto head = text.substr(0, slash);
    const auto at = head.rfind('@');
    if (at != std::string_view::npos) read_account(head.substr(0, at), dsn);
    auto error = read_network(at == std::string_view::npos ? head : head.substr(at + 1), dsn);
    if (error.empty() && question != std::string_view::npos)
        error = read_parameters(tail.substr(question + 1), dsn);
    if (error.empty()) error = check(dsn);
    if (!error.empty()) return refuse(std::move(error));
    return {std::move(dsn), {}};
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        unsigned value = 0;
        const auto digits = text.substr(i + 1, 2);
        const auto [stop, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        if (error != std::errc{} || digits.size() != 2 || stop != digits.data() + 2)
            return std::nullopt;
        out += static_cast<char>(value);
        i += 2;
    }
    return out;
}

DsnResult parse_url(std::string_view rest) {
    Dsn dsn;
    const auto question = rest.find('?');
    const auto before = rest.substr(0, question);
    const auto at = before.rfind('@');
    const auto slash = before.find('/', at == std::string_view::npos ? 0 : at);
    if (slash == std::string_view::npos)
        return refuse("the database's name is missing after the host");
    const auto address = before.substr(at == std::string_view::npos ? 0 : at + 1,
                                       slash - (at == std::string_view::npos ? 0 : at + 1));
    auto error = read_address(address, dsn);
    if (error.empty() && at != std::string_view::npos) {
        const auto account = before.substr(0, at);
        const auto colon = account.find(':');
        const auto user = percent_decode(account.substr(0, colon));
        const auto password =
            percent_decode(colon == std::string_view::npos ? "" : account.substr(colon + 1));
        if (!user || !password)
            error = "a % in user or password must be followed by two hex digits (% itself is %25)";
        else {
            dsn.user = *user;
            dsn.password = base::Secret{*password};
        }
    }
    const auto database = percent_decode(before.substr(slash + 1));
    if (error.empty() && !database)
        error = "a % in the database's name must be followed by two hex digits";
    if (error.empty()) dsn.database = *database;
    if (error.empty() && question != std::string_view::npos)
        error = read_parameters(rest.substr(question + 1), dsn);
    if (error.empty()) error = check(dsn);
    if (!error.empty()) return refuse(std::move(error));
    return {std::move(dsn), {}};
}

DsnResult parse_path(std::string_view text) {
    Dsn dsn;
    dsn.kind = Dsn::Kind::sqlite;
    dsn.path = text.substr(0, text.find('?'));
    if (dsn.path.empty()) return refuse("the path of the SQLite file is empty");
    return {std::move(dsn), {}};
}

bool looks_like_path(std::string_view text) {
    if (text.starts_with('/') || text.starts_with("./") || text.starts_with("../")) return true;
    const auto path = text.substr(0, text.find('?'));
    return path.find('@') == std::string_view::npos &&
           (path.ends_with(".db") || path.ends_with(".sqlite") || path.ends_with(".sqlite3"));
}

}  // namespace

std::string Dsn::describe() const {
    if (kind == Kind::sqlite) return "SQLite file " + path;
    const auto shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
    return socket.empty() ? fmt::format("MySQL {}:{}, database {}", shown, port, database)
                          : fmt::format("MySQL socket {}, database {}", socket, database);
}

DsnResult parse_dsn(const std::string& text) {
    const auto trimmed = base::trim(text);
    if (trimmed.empty()) return refuse("the DSN is empty");
    for (const auto* const scheme : {"postgres://", "postgresql://", "host="}) {
        if (trimmed.starts_with(scheme))
            return refuse(
                "PostgreSQL gateways are not supported: quotafuse reads MySQL, MariaDB and the "
                "gateway's own SQLite file");
    }
    for (const auto* const scheme : {"clickhouse://", "tcp://", "http://", "https://"}) {
        if (trimmed.starts_with(scheme))
            return refuse(
                "ClickHouse logs are not supported: their rows have no id to follow; keep the logs "
                "in MySQL, MariaDB or SQLite");
    }
    for (const std::string_view scheme : {"mysql://", "mariadb://"}) {
        if (trimmed.starts_with(scheme)) return parse_url(trimmed.substr(scheme.size()));
    }
    for (const std::string_view scheme : {"sqlite://", "sqlite:", "file://", "file:"}) {
        if (trimmed.starts_with(scheme)) return parse_path(trimmed.substr(scheme.size()));
    }
    if (trimmed == "local" || trimmed.starts_with("local?")) {
        return refuse(
            "'local' means the gateway's own SQLite file: give its path instead, for example "
            "/data/one-api.db");
    }
    if (looks_like_path(trimmed)) return parse_path(trimmed);
    return parse_go(trimmed);
}

}  // namespace quotafuse::sync
