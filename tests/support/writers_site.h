#pragma once

#include <chrono>
#include <memory>
#include <set>
#include <string>

#include "daemon/demo/writers.h"
#include "support/mariadb.h"
#include "support/program.h"

namespace quotafuse::tests {

/// A gateway on MariaDB with many writers, and the real daemon beside it, which can be killed.
/// Throws std::runtime_error and sync::GatewayError.
class WritersSite {
public:
    static constexpr int kWriters = 16;

    /// Makes `database` anew; `server` outlives this.
    WritersSite(MariaDb& server, const std::string& database, std::chrono::seconds gap_timeout);

    /// They start at once.
    std::unique_ptr<demo::Writers> write(const demo::WritersOptions& options,
                                         const base::Clock& clock) const;
    void start();
    void kill();  // -9
    bool has_store() const;

    std::set<std::int64_t> source_ids() const;
    std::set<std::int64_t> stored_ids() const;
    std::string store_path() const { return folder_.file("s.db"); }

private:
    std::unique_ptr<sync::GatewaySession> session() const;

    std::string address_;
    TempDir folder_;
    std::unique_ptr<Program> program_;
};

/// Which ids only one of them has, in words; empty when they are equal.
std::string difference(const std::set<std::int64_t>& source, const std::set<std::int64_t>& store);

}  // namespace quotafuse::tests
