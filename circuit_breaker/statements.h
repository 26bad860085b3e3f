#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

enum class Lock { no, yes };

/// A deadlock with the gateway, or a change under our eyes, is no verdict: so often it is looked at
/// again.
inline constexpr int kTries = 3;

/// Whether it may go better in a moment, without a person.
inline bool passes(const sync::GatewayError& e) {
    using Kind = sync::GatewayError::Kind;
    return e.kind() == Kind::unreachable || e.kind() == Kind::stalled || e.kind() == Kind::locked;
}

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

/// The same for a column of numbers.
inline std::string same_number(const sync::GatewaySession& session, const std::string& column) {
    const bool mysql = session.kind() == sync::Dsn::Kind::mysql;
    return fmt::format("`{}` {} ?", column, mysql ? "<=>" : "IS");
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

/// Ids, or conditions of several columns, in one statement.
inline constexpr std::size_t kMostIds = 500;
inline constexpr std::size_t kMostPairs = 200;

/// Calls back with at most `most` of them at a time; not at all for none.
template <class T, class F>
void in_slices(const std::vector<T>& all, std::size_t most, F read) {
    for (std::size_t at = 0; at < all.size(); at += most) {
        const auto end = std::min(all.size(), at + most);
        read(std::vector<T>(all.begin() + static_cast<std::ptrdiff_t>(at),
                            all.begin() + static_cast<std::ptrdiff_t>(end)));
    }
}

}  // namespace quotafuse::circuit_breaker
