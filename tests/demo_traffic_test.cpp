#include <chrono>
#include <functional>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/failure.h"
#include "base/log.h"
#include "base/yaml.h"
#include "daemon/demo/demo.h"
#include "support/demo_session.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::demo;
using std::chrono::seconds;

namespace {

constexpr std::int64_t kNow = 1'767'000'000;

/// Polls for what another thread will make true; false when it did not within ten seconds.
bool eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + seconds{10};
    while (!holds()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return true;
}

std::int64_t number(sync::GatewaySession& session, const std::string& sql) {
    return std::stoll(tests::one_value(session, sql));
}

}  // namespace

TEST_CASE("the demo's gateway has a month of rows behind it and is never made twice") {
    const tests::TempDir folder;
    const tests::FakeClock clock{kNow};
    const auto setup = prepare_demo(folder.path(), clock);
    CHECK(setup.gateway_path == folder.file("one-api.db"));
    const auto session = tests::sqlite_gateway(setup.gateway_path);
    CHECK(number(*session, "SELECT count(*) FROM logs") > 110'000);
    CHECK(number(*session, "SELECT min(created_at) FROM logs") == kNow - 30 * 86'400);
    CHECK(number(*session, "SELECT count(*) FROM logs WHERE created_at >= " +
                               std::to_string(kNow - 1800)) > 15'000);
    // What was used is charged: of its key, of its owner and of the channel.
    const std::string used{
        "SELECT sum(iif(type = 6, -quota, quota)) FROM logs WHERE type IN (2, 6)"};
    for (const auto& [id, before] : {std::pair{1, 0}, {8, 48'000'000}})
        CHECK(number(*session, fmt::format("SELECT used_quota FROM tokens WHERE id = {}", id)) ==
              before + number(*session, fmt::format("{} AND token_id = {}", used, id)));
    CHECK(number(*session, "SELECT used_quota FROM users WHERE id = 4") ==
          number(*session, used + " AND user_id = 4"));
    CHECK(number(*session, "SELECT used_quota FROM channels WHERE id = 6") ==
          number(*session, used + " AND channel_id = 6"));
    CHECK(number(*session, "SELECT min(remain_quota) FROM tokens") > 0);
    CHECK(number(*session, "SELECT min(quota) FROM users") > 0);
    CHECK(number(*session, "SELECT max(created_at) FROM logs") == kNow - 1);
    CHECK(number(*session, "SELECT count(*) FROM channels WHERE status = 1") == 12);
    CHECK(tests::one_value(*session, "PRAGMA journal_mode") == "wal");
    CHECK_THROWS_AS(prepare_demo(folder.path(), clock), base::Failure);
    CHECK_THROWS_AS(prepare_demo(folder.file("nowhere"), clock), base::Failure);
}

TEST_CASE("live traffic follows the clock, and a channel that a person disables gets none of it") {
    const tests::TempDir folder;
    tests::FakeClock clock{kNow};
    const auto setup = prepare_demo(folder.path(), clock);
    const auto session = tests::sqlite_gateway(setup.gateway_path);
    const base::Log log{base::Level::error};
    const auto before = number(*session, "SELECT max(id) FROM logs");
    const auto traffic = start_traffic(setup, clock, log);
    const auto advance = [&](int steps) {
        for (int i = 0; i < steps; ++i) {
            const auto rows = number(*session, "SELECT max(id) FROM logs");
            clock.advance(seconds{2});
            REQUIRE(eventually(
                [&] { return number(*session, "SELECT max(id) FROM logs") >= rows + 18; }));
        }
    };
    advance(3);
    CHECK(number(*session, "SELECT max(created_at) FROM logs") == kNow + 6);
    CHECK(number(*session, "SELECT count(*) FROM logs WHERE channel_id = 3 AND id > " +
                               std::to_string(before)) > 0);
    session->execute("UPDATE channels SET status = 2 WHERE id = 3");
    advance(1);  // what was under way may still arrive
    const auto since = number(*session, "SELECT max(id) FROM logs");
    advance(4);
    CHECK(number(*session,
                 "SELECT count(*) FROM logs WHERE channel_id = 3 AND token_id > 0 AND id > " +
                     std::to_string(since)) == 0);
}

TEST_CASE("traffic stops at once, also while somebody else holds the database") {
    const tests::TempDir folder;
    tests::FakeClock clock{kNow};
    const auto setup = prepare_demo(folder.path(), clock);
    const base::Log log{base::Level::error};
    auto traffic = start_traffic(setup, clock, log);
    const auto other = tests::sqlite_gateway(setup.gateway_path);
    other->begin();
    clock.advance(seconds{2});
    std::this_thread::sleep_for(
        std::chrono::milliseconds{400});  // a step begins and waits for the lock
    const auto start = std::chrono::steady_clock::now();
    traffic.reset();
    CHECK(std::chrono::steady_clock::now() - start < seconds{3});
    other->rollback();
}

TEST_CASE("the demo's configuration and rules are well-formed and name what was prepared") {
    const DemoSetup setup{"/tmp/a", "/tmp/a/one-api.db", "/tmp/a/quotafuse.db",
                          "/tmp/a/control.sock"};
    base::yaml::Diagnostics diagnostics;
    const auto config = base::yaml::parse(
        "demo.yaml", demo_config_yaml(setup, "127.0.0.1:0", "rules.yaml"), diagnostics);
    const auto rules = base::yaml::parse("rules.yaml", demo_rules_yaml(), diagnostics);
    CHECK(diagnostics.lines().empty());
    REQUIRE(config);
    REQUIRE(rules);
    CHECK(config->root.find("source")->find("dsn")->text == setup.gateway_path);
    CHECK(config->root.find("control")->find("socket")->text == setup.socket_path);
    CHECK(rules->root.find("rules")->items.size() == 4);
}
