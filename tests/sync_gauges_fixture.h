#pragma once
// A store with gauges, and snapshots for it.

#include <map>
#include <utility>

#include "sync/gauges.h"
#include "sync_store_fixture.h"

namespace quotafuse::tests {

using namespace quotafuse::sync;

constexpr std::int64_t kStart = 1'767'600'000;  // a full hour
constexpr std::int64_t kDay = 86'400;

inline base::Second at(std::int64_t second) {
    return base::from_unix(kStart + second);
}

struct Gauged {
    explicit Gauged(const std::string& path) : file(path), gauges(file.database, file.store) {}
    /// Values by gauge and object, for tests that have no group × model.
    std::map<std::pair<Gauge, std::int64_t>, double> values() const {
        std::map<std::pair<Gauge, std::int64_t>, double> all;
        for (const auto& gauge : gauges.current()) {
            if (gauge.value) all[{gauge.key.gauge, gauge.key.object}] = *gauge.value;
        }
        return all;
    }
    StoreFile file;
    Gauges gauges;
};

inline GatewayInfo channels(std::map<std::int64_t, Channel> all) {
    GatewayInfo info;
    info.gateway = Gateway::new_api;
    info.channels = std::move(all);
    return info;
}

inline TokenInfo key(std::int64_t remaining, std::int64_t used) {
    TokenInfo token;
    token.name = "key";
    token.user = 5;
    token.status = 1;
    token.remaining = remaining;
    token.used = used;
    return token;
}

inline GatewayInfo tokens(std::map<std::int64_t, TokenInfo> some, Coverage covered) {
    GatewayInfo info;
    info.tokens = std::move(some);
    info.tokens_covered = covered;
    return info;
}

inline GaugeChange change(Gauge gauge, std::int64_t object, std::int64_t second,
                          std::optional<double> value) {
    return {{gauge, object}, kStart + second, value};
}

inline std::map<GaugeKey, double> by_key(const std::vector<GaugeChange>& changes) {
    std::map<GaugeKey, double> all;
    for (const auto& one : changes) {
        if (one.value) all[one.key] = *one.value;
    }
    return all;
}

}  // namespace quotafuse::tests
