#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "sync/gateway_session.h"

namespace quotafuse::bench {

/// What a server says that it did, by its own counters.
struct ServerWork {
    std::int64_t statements = 0;                      // Questions
    std::map<std::string, std::int64_t> handler;      // Handler_read_…
    std::map<std::string, std::int64_t> rows_read{};  // of each table; none without the schema

    std::int64_t handlers() const;  // all of them
    std::int64_t rows() const;
};

/// Reads the counters around a piece of work. What the reading itself costs is measured first and
/// left out; anybody else's statements are not.
class ServerMeter {
public:
    /// `session` is nobody else's and outlives it; the tables are those of its database.
    explicit ServerMeter(sync::GatewaySession& session);
    void begin() { before_ = read(); }
    ServerWork end();

private:
    ServerWork read();
    ServerWork since_before(const ServerWork& after) const;

    sync::GatewaySession& session_;
    ServerWork before_;
    ServerWork own_;
};

}  // namespace quotafuse::bench
