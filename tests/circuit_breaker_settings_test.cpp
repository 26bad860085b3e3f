#include <doctest/doctest.h>
#include <fmt/format.h>

#include "circuit_breaker/settings.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace std::chrono_literals;

namespace {

Settings read(const std::string& text, std::vector<std::string>& faults) {
    base::yaml::Diagnostics diagnostics;
    const auto document = base::yaml::parse("q.yaml", text, diagnostics);
    REQUIRE(document);
    auto settings = read_settings("q.yaml", document->root, diagnostics);
    faults = diagnostics.lines();
    return settings;
}

using Texts = std::vector<std::string>;

std::string joined(const Texts& lines) {
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    return text;
}

}  // namespace

TEST_CASE("the breaker's section is read, and careful where it says nothing") {
    Texts faults;
    const auto careful = read("{}", faults);
    CHECK(faults == Texts{});
    CHECK(careful.mode == Mode::shadow);
    CHECK(careful.max_open == 3);
    CHECK(careful.max_per_hour == 6);
    CHECK(careful.max_keys_per_hour == 5);
    CHECK(careful.protected_tokens.empty());
    CHECK(careful.protected_users.empty());
    CHECK(careful.settle == 5min);
    CHECK(careful.max_lag == 60s);
    CHECK(careful.guard_traffic == 24h);
    CHECK(careful.cache == GatewayCache::unknown);
    CHECK_FALSE(careful.cache_lag);
    CHECK_FALSE(careful.dsn);

    const auto full = read(
        "{dsn: 'fuse:pw@tcp(db:3306)/new-api', mode: live, max_open: 1, max_per_hour: 2,\n"
        " max_keys_per_hour: 1000, protect: {channels: [1, 7], tokens: [17], users: [4, 5]},\n"
        " settle: 0s, max_lag: 5s, guard_traffic: 7d, gateway_cache: on, cache_lag: 1500ms}",
        faults);
    CHECK(faults == Texts{});
    REQUIRE(full.dsn);
    CHECK(full.dsn->database == "new-api");
    CHECK(full.mode == Mode::live);
    CHECK(full.max_open == 1);
    CHECK(full.max_per_hour == 2);
    CHECK(full.max_keys_per_hour == 1000);
    CHECK(full.protected_channels == std::set<std::int64_t>{1, 7});
    CHECK(full.protected_tokens == std::set<std::int64_t>{17});
    CHECK(full.protected_users == std::set<std::int64_t>{4, 5});
    CHECK(full.settle == 0s);
    CHECK(full.max_lag == 5s);
    CHECK(full.guard_traffic == 7 * 24h);
    CHECK(full.cache == GatewayCache::on);
    CHECK(full.cache_lag == 2s);

    CHECK_FALSE(read("{dsn: '', mode: 'off'}", faults).dsn);
    CHECK(faults == Texts{});
}

TEST_CASE("every fault of the breaker's section is told with its place") {
    Texts faults;
    read(
        "mode: live\n"
        "max_open: 0\n"
        "max_per_hour: many\n"
        "protect: {channels: [1, azure, -3], chanels: []}\n"
        "max_opne: 3\n",
        faults);
    CHECK(joined(faults) ==
          "q.yaml:1:7: mode live needs breaker.dsn: the account that may disable channels "
          "(`quotafuse grants` prints what it must be granted)\n"
          "q.yaml:2:11: max_open must be a whole number from 1 to 1000, not '0'\n"
          "q.yaml:3:15: max_per_hour must be a whole number from 1 to 1000, not 'many'\n"
          "q.yaml:4:25: a channel id is a whole number above 0\n"
          "q.yaml:4:32: a channel id is a whole number above 0\n"
          "q.yaml:4:37: unknown key 'chanels' in protect; did you mean 'channels'?\n"
          "q.yaml:5:1: unknown key 'max_opne' in breaker; did you mean 'max_open'?\n");
    read("{dsn: 'postgres://a:secret@b/c', mode: livid, protect: {channels: 3}}", faults);
    CHECK(joined(faults) ==
          "q.yaml:1:7: dsn: PostgreSQL gateways are not supported: quotafuse reads MySQL, MariaDB "
          "and "
          "the gateway's own SQLite file\n"
          "q.yaml:1:40: mode must be one of off, shadow, live, not 'livid'; did you mean 'live'?\n"
          "q.yaml:1:67: channels must be a list of channel ids, not '3'\n");
}

TEST_CASE("limits, times and lists out of their range are told with their place") {
    Texts faults;
    read(
        "max_keys_per_hour: 1001\n"
        "settle: 61m\n"
        "max_lag: 4s\n"
        "guard_traffic: 59m\n"
        "cache_lag: 90\n"
        "gateway_cache: perhaps\n"
        "protect: {tokens: sk-abc, users: [0, [1]]}\n",
        faults);
    CHECK(joined(faults) ==
          "q.yaml:1:20: max_keys_per_hour must be a whole number from 1 to 1000, not '1001'\n"
          "q.yaml:2:9: settle must be from 0s to 1h, not '61m'\n"
          "q.yaml:3:10: max_lag must be from 5s to 1h, not '4s'\n"
          "q.yaml:4:16: guard_traffic must be from 1h to 7d, not '59m'\n"
          "q.yaml:5:12: cache_lag must be a duration with its unit, such as 90s, 5m or 1h30m, not "
          "'90'\n"
          "q.yaml:6:16: gateway_cache must be one of off, on, not 'perhaps'\n"
          "q.yaml:7:19: tokens must be a list of key ids, not 'sk-abc'\n"
          "q.yaml:7:35: a user id is a whole number above 0\n"
          "q.yaml:7:38: a user id is a whole number above 0\n");
}

TEST_CASE("the gateway's cache may be said in the words of YAML, quoted or not") {
    Texts faults;
    for (const auto* const text : {"on", "true", "'on'"}) {
        CHECK(read(fmt::format("gateway_cache: {}", text), faults).cache == GatewayCache::on);
        CHECK(faults == Texts{});
    }
    for (const auto* const text : {"off", "false", "\"off\""}) {
        CHECK(read(fmt::format("gateway_cache: {}", text), faults).cache == GatewayCache::off);
        CHECK(faults == Texts{});
    }
}

TEST_CASE("how long a change at the gateway may take goes by its cache") {
    Settings settings;
    const auto lags = [&] {
        return std::vector{cache_lag(settings, sync::Gateway::new_api),
                           cache_lag(settings, sync::Gateway::one_api)};
    };
    CHECK(lags() == std::vector<base::Seconds>{90s, 660s});
    settings.cache = GatewayCache::on;
    CHECK(lags() == std::vector<base::Seconds>{90s, 660s});
    settings.cache = GatewayCache::off;
    CHECK(lags() == std::vector<base::Seconds>{0s, 0s});
    settings.cache_lag = 7s;
    CHECK(lags() == std::vector<base::Seconds>{7s, 7s});
    settings.cache = GatewayCache::unknown;
    CHECK(lags() == std::vector<base::Seconds>{7s, 7s});
}
