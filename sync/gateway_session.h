#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sync/dsn.h"

namespace quotafuse::sync {

/// Something that the gateway's database refused or did not answer. The text has no secret in it.
class GatewayError : public std::runtime_error {
public:
    enum class Kind {
        unreachable,  // no connection, or it broke: try again later
        stalled,      // connected, but no answer within the read timeout
        locked,    // somebody else holds a lock (an ALTER TABLE perhaps), or a deadlock was lost:
                   // the transaction, if one was open, must be begun again
        denied,    // account, password or grants: a person must act, trying again does no harm
        schema,    // a table or column is missing: not this gateway, or one too old
        rejected,  // any other error of a statement
        interrupted,  // interrupt() ended it
    };
    GatewayError(Kind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}
    /// `lacking`: what() without its advice, where the account has no right to what was asked.
    GatewayError(Kind kind, const std::string& what, std::string lacking)
        : std::runtime_error(what), kind_(kind), lacking_(std::move(lacking)) {}
    Kind kind() const { return kind_; }
    /// Of `denied`: a right is missing (not a wrong password, say), told without advice, for
    /// who gives a better one; else empty.
    const std::string& lacking() const { return lacking_; }

private:
    Kind kind_;
    std::string lacking_;
};

using Argument = std::variant<std::monostate, std::int64_t, std::string>;  // monostate is NULL
using Cell = std::optional<std::string>;
using Cells = std::vector<Cell>;

/// One connection to a gateway's database, MySQL or SQLite, for small statements: names, options,
/// the breaker's writes. Statements are short and autocommitted unless begin() was called. Both
/// engines accept ? arguments and `backticks` around names. Used by one thread; only interrupt()
/// may come from another. After an error in an unknown state the connection is thrown away and the
/// next statement connects anew (never inside a transaction: that throws unreachable).
class GatewaySession {
public:
    GatewaySession() = default;
    GatewaySession(const GatewaySession&) = delete;
    GatewaySession& operator=(const GatewaySession&) = delete;
    virtual ~GatewaySession() = default;

    virtual Dsn::Kind kind() const = 0;
    virtual std::vector<Cells> query(const std::string& sql,
                                     const std::vector<Argument>& arguments = {}) = 0;
    /// Returns the number of rows that were changed (a row set to what it was is not counted by
    /// MySQL).
    virtual std::int64_t execute(const std::string& sql,
                                 const std::vector<Argument>& arguments = {}) = 0;
    virtual void begin() = 0;   // SQLite: BEGIN IMMEDIATE
    virtual void commit() = 0;  // may throw unreachable: then nobody knows whether it took effect
    virtual void rollback() noexcept = 0;
    /// Ends a running statement (KILL QUERY on a connection of its own); it throws `interrupted`.
    virtual void interrupt() noexcept = 0;
};

struct SessionOptions {
    std::chrono::seconds connect_timeout{5};
    std::chrono::seconds read_timeout{5};
    bool read_only =
        true;  // SQLite opens the file so; MySQL sets the session so where the server allows it
};

/// Connects on the first statement.
std::unique_ptr<GatewaySession> make_session(const Dsn& dsn, const SessionOptions& options);

}  // namespace quotafuse::sync
