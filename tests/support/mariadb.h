#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "support/temp_dir.h"

namespace quotafuse::tests {

/// A MariaDB server for tests, alone with its data in a folder of its own, on a free port of
/// 127.0.0.1. root has no password there. It dies with the test program, however that ends. Not
/// thread-safe. Throws std::runtime_error (with the end of the server's log) where anything fails.
class MariaDb {
public:
    using Table = std::vector<std::vector<std::optional<std::string>>>;

    /// Creates the data and starts; `options` are further arguments of mariadbd ("--read-only").
    explicit MariaDb(std::vector<std::string> options = {});
    ~MariaDb();
    MariaDb(const MariaDb&) = delete;
    MariaDb& operator=(const MariaDb&) = delete;

    void stop();   // a clean end; nothing happens when it is down
    void kill();   // as a crash would
    void start();  // again, same port and data

    unsigned port() const { return port_; }
    std::string socket() const { return folder_.file("sock"); }
    std::string log_file() const { return folder_.file("error.log"); }

    /// Runs statements (separated by semicolons) as root on a connection of their own; the rows of
    /// the last one that has any.
    Table sql(const std::string& text, const std::string& database = {});
    /// Creates the database `name` anew with the tables of a gateway: "newapi_2025", "newapi_2026",
    /// "oneapi".
    void load_ddl(const std::string& name, const std::string& gateway);
    /// "user:password@tcp(127.0.0.1:port)/database", as gateways write it.
    std::string dsn(const std::string& user, const std::string& password,
                    const std::string& database) const;

private:
    /// For temporary tables: a server that starts deletes those that it finds where it keeps them,
    /// also another server's, which crashes then.
    std::string scratch() const { return folder_.file("tmp"); }
    void install();
    void spawn();
    void wait_until_ready();
    void end(int signal);

    TempDir folder_;
    std::vector<std::string> options_;
    unsigned port_ = 0;
    pid_t pid_ = -1;
};

/// One server for all tests of a program, started at its first use. Give each test its own
/// database.
MariaDb& shared_mariadb();

/// The tables of a gateway (see load_ddl) as statements for SQLite, as the gateway itself creates
/// them there.
std::string sqlite_ddl(const std::string& gateway);

}  // namespace quotafuse::tests
