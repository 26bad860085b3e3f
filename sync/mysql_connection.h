#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "sync/dsn.h"
#include "sync/gateway_session.h"
#include "sync/lifeline.h"

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

    /// While one lives, a call is under way: the only thing that interrupt() ends.
    class Use {
    public:
        explicit Use(MysqlConnection& connection);
        ~Use();
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;

    private:
        MysqlConnection& connection_;
    };

    /// Connects where needed. Throws GatewayError.
    sql::Connection& get();
    bool connected() const { return connection_ != nullptr; }
    /// Grows by one with each connect, so that prepared statements know when they are stale.
    std::uint64_t generation() const { return generation_; }
    void drop() noexcept;
    /// The server just answered: what comes next may take the read timeout again.
    void answered() { waiting_since_ = std::chrono::steady_clock::now(); }

    /// Ends the call that is under way by shutting its socket down, and what it left running at the
    /// server by KILL QUERY on a connection of its own. Returns within about a second.
    void interrupt() noexcept;
    /// Says what an exception of the connector means, and drops the connection where it broke.
    [[noreturn]] void raise(const sql::SQLException& e);

    const Dsn& dsn() const { return dsn_; }

private:
    struct Timeouts {
        std::chrono::seconds connect;
        std::chrono::seconds read;
    };
    std::unique_ptr<sql::Connection> connect(const Timeouts& timeouts) const;
    void set_up(sql::Connection& connection);
    void demand_readable(const std::string& ca) const;
    void demand_encryption(sql::Connection& connection) const;
    void kill_statement(std::uint64_t id) noexcept;
    bool waited(std::chrono::seconds timeout) const;

    Dsn dsn_;
    SessionOptions options_;
    std::unique_ptr<sql::Connection> connection_;
    Lifeline lifeline_;
    std::uint64_t generation_ = 0;
    bool connecting_ = false;
    std::chrono::steady_clock::time_point waiting_since_;
    std::atomic<std::uint64_t> server_id_{0};  // CONNECTION_ID() of the live connection, 0 for none
    std::atomic<int> uses_{0};
    std::atomic<bool> interrupted_{false};
};

}  // namespace quotafuse::sync
