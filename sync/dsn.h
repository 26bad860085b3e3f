#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"

namespace quotafuse::sync {

/// How a connection to MySQL is protected. `required` encrypts without checking who answers: no
/// protection against an active attacker. `ca` checks the certificate's issuer, `full` also its
/// host name.
enum class Tls { off, required, ca, full };

/// Where a gateway's database is.
struct Dsn {
    enum class Kind { mysql, sqlite };
    Kind kind = Kind::mysql;
    std::string host;  // a name or address; empty with a socket
    unsigned port = 3306;
    std::string socket;
    std::string user;
    base::Secret password;
    std::string database;
    std::string path;  // of a SQLite file
    Tls tls = Tls::off;
    std::string tls_ca;  // file; empty = the host's own store

    /// What may be shown: kind, host and database, never user or password.
    std::string describe() const;
};

struct DsnResult {
    std::optional<Dsn> dsn;
    std::string error;  // for people, without the DSN's text; empty when dsn is set
};

/// Reads what gateways themselves accept (Go's `user:pass@tcp(host:3306)/db?parseTime=true`,
/// unix(/path), tcp([::1]:3306)), URLs (mysql://user:p%40ss@host/db), and paths (or file: URLs) of
/// a SQLite file. Parameters that only Go's driver needs are ignored; unknown ones, postgres:// and
/// clickhouse:// are refused.
DsnResult parse_dsn(const std::string& text);

}  // namespace quotafuse::sync
