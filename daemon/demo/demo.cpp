#include "daemon/demo/demo.h"

#include <algorithm>
#include <filesystem>
#include <iterator>

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>

#include "base/failure.h"
#include "daemon/demo/charges.h"

namespace quotafuse::demo {
namespace {

constexpr auto kFlavour = Flavour::new_api_2026;
// The last hour, counted from a full hour on, and the hour before.
constexpr std::int64_t kHistory = 185 * 60;
constexpr std::int64_t kPast = 30 * 86'400;  // with its history
constexpr std::size_t kPastRows = 40'000;

std::unique_ptr<sync::GatewaySession> open_gateway(const std::string& path) {
    sync::Dsn dsn;
    dsn.kind = sync::Dsn::Kind::sqlite;
    dsn.path = path;
    sync::SessionOptions options;
    options.read_only = false;
    options.read_timeout = std::chrono::seconds{1};  // how long a locked file may hold up the end
    return sync::make_session(dsn, options);
}

/// An empty file in WAL mode, in which readers and the writer do not wait for each other.
void create_file(const std::string& path) {
    if (std::filesystem::exists(path)) {
        throw base::Failure(base::ExitCode::io_error,
                            path + " is there already; give the demo an empty folder");
    }
    try {
        SQLite::Database file{path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
        file.exec("PRAGMA journal_mode = WAL");
    } catch (const SQLite::Exception& e) {
        throw base::Failure(base::ExitCode::io_error,
                            fmt::format("cannot create {}: {}", path, e.what()));
    }
}

/// What the gateway logged before the story, so that no window is empty.
std::vector<LogInsert> history(const DemoGateway& gateway, std::int64_t now, std::uint64_t seed) {
    RowGenerator generator{seed, kFlavour, gateway};
    Stage stage{generator};
    std::vector<LogInsert> rows;
    // Thin, so that the demo begins soon: a month at the story's pace would be 26 million rows.
    generator.history(now - kPast, now - kHistory, kPastRows,
                      [&](LogInsert&& row) { rows.push_back(std::move(row)); });
    for (auto t = -kHistory; t < 0; ++t) {
        auto more = stage.play(scene_at(base::Seconds{t}), now + t, base::Seconds{1});
        std::move(more.begin(), more.end(), std::back_inserter(rows));
    }
    return rows;
}

}  // namespace

DemoSetup prepare_demo(const std::string& folder, const base::Clock& clock, std::uint64_t seed) {
    const DemoSetup setup{folder, folder + "/one-api.db", folder + "/quotafuse.db",
                          folder + "/control.sock"};
    create_file(setup.gateway_path);
    const auto now = base::unix_seconds(clock.now());
    const auto gateway = DemoGateway::of_story();
    try {
        const auto session = open_gateway(setup.gateway_path);
        create_gateway(*session, kFlavour);
        fill_gateway(*session, kFlavour, gateway, now);
        const auto rows = history(gateway, now, seed);
        bulk_insert(*session, kFlavour, rows);
        charge(*session, rows);
    } catch (const sync::GatewayError& e) {
        throw base::Failure(base::ExitCode::io_error,
                            fmt::format("cannot write the demo's gateway: {}", e.what()));
    }
    return setup;
}

std::unique_ptr<DemoTraffic> start_traffic(const DemoSetup& setup, const base::Clock& clock,
                                           const base::Log& log, std::uint64_t seed) {
    return std::make_unique<DemoTraffic>(open_gateway(setup.gateway_path), kFlavour,
                                         DemoGateway::of_story(), clock, log, seed);
}

std::string demo_config_yaml(const DemoSetup& setup, const std::string& listen,
                             const std::string& rules_file) {
    return fmt::format(
        R"(# The demo's configuration. A real one has its gateway's SQL_DSN and real notifiers.
source:
  dsn: "{gateway}"
  gateway: new-api
  poll_interval: 1s
  since: 30d
breaker:
  dsn: "{gateway}"
  mode: live
store: {{path: "{store}"}}
rules: ["{rules}"]
notifiers:
  terminal: {{type: console}}
status: {{listen: "{listen}"}}
control: {{socket: "{socket}"}}
site: demo
language: en
timezone: UTC
)",
        fmt::arg("gateway", setup.gateway_path), fmt::arg("store", setup.store_path),
        fmt::arg("rules", rules_file), fmt::arg("listen", listen),
        fmt::arg("socket", setup.socket_path));
}

std::string demo_rules_yaml() {
    return R"(# The demo's rules. Real ones look over longer windows; etc/rules.d has a first set.
rules:
  # A channel that answers one attempt in four with an error is taken out of service.
  - name: channel-error-rate
    summary: "Error rate of channel {{channel}}: {{value}}"
    severity: critical
    metric: error_rate
    by: [channel]
    window: 1m
    above: 25
    clear: 10
    min_requests: 20
    cooldown: 10m
    action: {disable_channel: {mode: live}}

  # A channel that burns tokens far above what it ever does: a leaked key, or a loop.
  - name: channel-token-burn
    summary: "Channel {{channel}} burned {{value}} in {{window}}"
    severity: critical
    metric: tokens
    by: [channel]
    window: 5m
    above: 4000000
    clear: 3000000
    cooldown: 10m
    action: {disable_channel: {mode: live}}

  # The key behind it. This rule only tells people.
  - name: key-spend
    summary: "Key {{token}} spent {{value}} in {{window}}"
    severity: warning
    metric: cost
    by: [token]
    window: 10m
    above: 30
    clear: 20
    cooldown: 10m

  # A user at 100 % is refused on every key.
  - name: user-running-out
    summary: "User {{user}} has used {{value}} of the quota"
    severity: info
    metric: user_used_percent
    above: 99.9
    cooldown: 24h
)";
}

}  // namespace quotafuse::demo
