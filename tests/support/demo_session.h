#pragma once

#include <memory>
#include <string>

#include <SQLiteCpp/Database.h>

#include "sync/gateway_session.h"

namespace quotafuse::tests {

/// A session that may write to a gateway's SQLite file, which is created when it is not there.
inline std::unique_ptr<sync::GatewaySession> sqlite_gateway(const std::string& path) {
    { const SQLite::Database file{path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE}; }
    sync::Dsn dsn;
    dsn.kind = sync::Dsn::Kind::sqlite;
    dsn.path = path;
    sync::SessionOptions options;
    options.read_only = false;
    return sync::make_session(dsn, options);
}

/// A session that may write, at a server's address (see MariaDb::dsn).
inline std::unique_ptr<sync::GatewaySession> mysql_gateway(const std::string& address) {
    sync::SessionOptions options;
    options.read_only = false;
    options.read_timeout = std::chrono::seconds{60};  // a bulk insert on a busy machine
    return sync::make_session(sync::parse_dsn(address).dsn.value(), options);
}

inline std::string one_value(sync::GatewaySession& session, const std::string& sql) {
    return session.query(sql).at(0).at(0).value_or("NULL");
}

}  // namespace quotafuse::tests
