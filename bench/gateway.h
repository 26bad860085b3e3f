#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "daemon/demo/generator.h"
#include "sync/gateway_session.h"
#include "tests/support/mariadb.h"

namespace quotafuse::bench {

/// A New API gateway with a month of rows that ends now, of 1,000 keys, 40 channels and 60 models,
/// in a database of its own: on a MariaDB that is started for it, or on the server of an address
/// ("root:@tcp(127.0.0.1:3306)/mysql", an account that may do everything), where the database is
/// dropped at the end. Throws std::runtime_error and sync::GatewayError.
class Gateway {
public:
    /// `performance_schema` is for a server of its own; another's is as it is.
    Gateway(const std::optional<std::string>& server, bool performance_schema);
    ~Gateway();
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;

    /// Adds the history.
    void fill(std::size_t rows);
    /// One request now, as the gateway writes it; returns how many rows that made.
    std::size_t request();
    /// So many rows of requests that end now, in one transaction on a connection of its own: for a
    /// thread of its own beside all other calls.
    void requests(std::size_t rows);
    /// One request now of a key of this id and name, which takes so many tokens.
    void burn(std::int64_t token, const std::string& name, std::int64_t tokens);
    /// An INSERT that is rolled back, which costs an id.
    void lose_id();

    const sync::Dsn& dsn() const { return dsn_; }
    std::string address() const {
        return address_;
    }                      // with the database, as a configuration has it
    std::string server();  // its name and version
    /// For questions about the server; connected.
    sync::GatewaySession& session() { return *session_; }

private:
    std::unique_ptr<tests::MariaDb> own_;
    std::string address_;
    sync::Dsn dsn_;
    std::unique_ptr<sync::GatewaySession> session_;
    demo::RowGenerator generator_;
    std::unique_ptr<sync::GatewaySession> busy_session_;
    demo::RowGenerator busy_generator_;
};

}  // namespace quotafuse::bench
