#pragma once

#include <string>

#include <fmt/format.h>

#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

enum class Lock { no, yes };

/// What SQLite, which locks its whole file with BEGIN IMMEDIATE, does not know.
inline const char* locking(const sync::GatewaySession& session, Lock lock) {
    return lock == Lock::yes && session.kind() == sync::Dsn::Kind::mysql ? " FOR UPDATE" : "";
}

/// "the column holds exactly ?", NULL included. A column's collation may take texts for equal that
/// are not.
inline std::string same_bytes(const sync::GatewaySession& session, const std::string& column) {
    return session.kind() == sync::Dsn::Kind::mysql
               ? fmt::format("BINARY `{}` <=> BINARY ?", column)
               : fmt::format("`{}` IS ?", column);
}

/// No statement of the connection waits longer for a lock than a person waits for a fuse.
inline void limit_lock_waits(sync::GatewaySession& session) {
    if (session.kind() == sync::Dsn::Kind::mysql)
        session.execute("SET SESSION innodb_lock_wait_timeout = 3");
}

inline sync::Argument argument(const sync::Cell& cell) {
    if (cell) return *cell;
    return std::monostate{};
}

}  // namespace quotafuse::circuit_breaker
