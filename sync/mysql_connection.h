#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "sync/dsn.h"
#include "sync/gateway_session.h"

namespace sql {
class Connection;
class SQLException;
}  // namespace sql

namespace quotafuse::sync {

/// One connection of MySQL Connector/C++: opened on first use, thrown away after an error that
/// leaves its state unknown. Used by one thread; only interrupt() may come from another.
class MysqlConnection {
public:
    MysqlConnection(Dsn dsn, SessionOptions options);
    ~MysqlConnection();
    MysqlConnection(const MysqlConnection&) = delete;
    MysqlConnection& operator=(const MysqlConnection&) = delete;

    /// Connects where needed. Throws GatewayError.
    sql::Connection& get();
    bool connected() const { return connection_ != nullptr; }
    /// Grows by one with each connect, so that prepared statements know when they are stale.
    std::uint64_t generation() const { return generation_; }
    void drop() noexcept;

    /// Kills the statement that is running, if any.
    void interrupt() noexcept;
    /// Says what an exception of the connector means, and drops the connection where it broke.
    [[noreturn]] void raise(const sql::SQLException& e);

    const Dsn& dsn() const { return dsn_; }

private:
    std::unique_ptr<sql::Connection> connect(std::chrono::seconds timeout) const;
    void demand_encryption(sql::Connection& connection) const;

    Dsn dsn_;
    SessionOptions options_;
    std::unique_ptr<sql::Connection> connection_;
    std::uint64_t generation_ = 0;
    std::atomic<std::uint64_t> server_id_{0};  // CONNECTION_ID() of the live connection, 0 for none
    std::atomic<bool> interrupted_{false};
};

}  // namespace quotafuse::sync
