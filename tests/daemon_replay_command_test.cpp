#include <filesystem>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "alerts/state_store.h"
#include "base/database.h"
#include "support/program.h"
#include "sync/store.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using Json = nlohmann::json;

namespace {

std::int64_t now() {
    return base::unix_seconds(base::SystemClock{}.now());
}

/// A host with a configuration, and a store in which channel 3 burned twice within the last days.
class Host {
public:
    explicit Host(const std::string& rules, int days = 4) {
        write_file(folder_.file("q.yaml"), fmt::format("store: {{path: {}}}\nrules: [r.yaml]\n"
                                                       "timezone: Asia/Shanghai\n",
                                                       folder_.file("store.db")));
        write_file(folder_.file("r.yaml"), rules);
        base::Database database{folder_.file("store.db"),
                                {sync::Store::schema(), alerts::schema()}};
        sync::Store store{database};
        start_ = (now() / 86400 - days) * 86400;
        sync::Batch batch;
        for (std::int64_t hour = 0; hour < days * 24; ++hour) {
            const auto burn = hour == 30 || hour == 70;
            for (int minute = 0; minute < 60; minute += 10) {
                add(batch, start_ + hour * 3600 + minute * 60, burn ? 90'000 : 100);
            }
        }
        store.append(batch, base::from_unix(now()));
    }
    std::string file(const std::string& name) const { return folder_.file(name); }
    std::int64_t start() const { return start_; }
    Ran run(std::vector<std::string> arguments) const {
        arguments.insert(arguments.end(), {"--config", folder_.file("q.yaml")});
        return run_program(std::move(arguments));
    }

private:
    static void add(sync::Batch& batch, std::int64_t at, std::int64_t tokens) {
        sync::LogEntry entry;
        entry.id = ++batch.position.cursor;
        entry.created_at = at;
        entry.kind = sync::Kind::consume;
        entry.channel = 3;
        entry.token = 12;
        entry.token_name = "k1";
        entry.model = "gpt-4o";
        entry.prompt_tokens = tokens;
        entry.completion_tokens = 1;
        entry.quota = tokens * 5;
        batch.entries.push_back(entry);
    }
    TempDir folder_;
    std::int64_t start_ = 0;
};

const std::string kRules = R"(rules:
  - name: burn
    metric: tokens
    by: [channel]
    window: 1h
    above: 400000
    action: {disable_channel: {mode: shadow}}
    tests:
      - rows: [{at: 1s, channel: 3, tokens: 400001}]
        expect: [{at: 1s, key: {channel: 3}, state: firing}]
  - {name: calm, metric: requests, window: 1h, above: 1000}
)";

}  // namespace

TEST_CASE(
    "replay says when each rule would have fired, what it would have disabled, and its cost") {
    const Host host{kRules};
    const auto ran = host.run({"replay"});
    CHECK(ran.err == "");
    REQUIRE(ran.code == 0);
    CHECK(ran.out.find("burn      2") != std::string::npos);
    CHECK(ran.out.find("never fired: calm\n") != std::string::npos);
    CHECK(ran.out.find("540,006 tokens") != std::string::npos);
    CHECK(ran.out.find("would have disabled channel 3, which cost") != std::string::npos);

    const auto json = host.run({"replay", "--json", "--rule", "burn"});
    REQUIRE(json.code == 0);
    const auto said = Json::parse(json.out);
    REQUIRE(said.at("rules").size() == 1);
    const auto& rule = said.at("rules").at(0);
    CHECK(rule.at("rule") == "burn");
    CHECK(rule.at("episodes") == 2);
    CHECK(rule.at("notices") == 4);
    CHECK(rule.at("worst") == 540'006);
    REQUIRE(rule.at("disabled").size() == 1);
    CHECK(rule.at("disabled").at(0).at("channel") == 3);
    const auto& first = said.at("episodes").at(0);
    // The fifth row of the hour, which counts from the second after its own.
    CHECK(first.at("fired") == host.start() + 30 * 3600 + 2401);
    CHECK(first.at("key").at("channel") == "3");
    CHECK(first.at("ending") == "recovered");
    // From then on: the sixth of 90,000 tokens, and one small one before it cleared.
    CHECK(first.at("trips").at(0).at("cost_usd") == doctest::Approx(450'500 * 2e-6));
}

TEST_CASE("replay takes a time span, other rules, and says what is wrong with them") {
    const Host host{kRules};
    const auto zone = *base::TimeZone::find("Asia/Shanghai");
    const auto local = zone.format(base::from_unix(host.start() + 50 * 3600)).substr(0, 16);
    const auto later = host.run({"replay", "--json", "--since", local});
    REQUIRE(later.code == 0);
    CHECK(Json::parse(later.out).at("from") == host.start() + 50 * 3600);
    CHECK(Json::parse(later.out).at("episodes").size() == 1);
    const auto earlier = host.run({"replay", "--json", "--until", local});
    CHECK(Json::parse(earlier.out).at("episodes").size() == 1);

    write_file(host.file("other.yaml"),
               "rules: [{name: one, metric: requests, window: 1h, above: 5}]\n");
    const auto other = host.run({"replay", "--json", "--rules", host.file("other.yaml")});
    CHECK(Json::parse(other.out).at("rules").at(0).at("rule") == "one");

    CHECK(host.run({"replay", "--since", "yesterday"}).code == 64);
    CHECK(host.run({"replay", "--rule", "burnn"}).err.find("did you mean 'burn'?") !=
          std::string::npos);
    write_file(host.file("bad.yaml"), "rules: [{name: one}]\n");
    CHECK(host.run({"replay", "--rules", host.file("bad.yaml")}).code == 78);
    CHECK(host.run({"replay", "--rules", host.file("none.yaml")}).code == 66);
    std::filesystem::remove(host.file("store.db"));
    const auto none = host.run({"replay"});
    CHECK(none.code == 66);
    CHECK(none.err.find("quotafuse sync") != std::string::npos);
}

TEST_CASE("replay --suggest proposes limits, and reads a store that a daemon holds open") {
    const Host host{kRules, 2};
    base::Database held{host.file("store.db"), {sync::Store::schema(), alerts::schema()}};
    const auto ran = host.run({"replay", "--suggest", "burn", "--json"});
    REQUIRE(ran.code == 0);
    const auto said = Json::parse(ran.out);
    CHECK(said.at("limit") == 400'000);
    REQUIRE(said.at("suggestions").size() == 3);
    const auto text = host.run({"replay", "--suggest", "burn"}).out;
    CHECK(text.starts_with("rule burn, which has above: 400000; by rows since "));
    CHECK(text.find("about  5 a month") != std::string::npos);
    // It burned once.
    CHECK(text.find("-  no limit fires that often\n") != std::string::npos);
    CHECK(said.at("suggestions").at(2).at("limit").is_null());

    write_file(host.file("down.yaml"), "rules: [{name: down, metric: channel_down, above: 0}]\n");
    const auto refused =
        host.run({"replay", "--suggest", "down", "--rules", host.file("down.yaml")});
    CHECK(refused.code == 64);
    CHECK(refused.err.find("channel_down is 0 or 1") != std::string::npos);
}

TEST_CASE("replay --compare is no success on a store that no daemon has worked on") {
    const Host host{kRules, 1};
    const auto ran = host.run({"replay", "--compare"});
    CHECK(ran.code == 69);
    CHECK(ran.out == "");
    CHECK(ran.err.find("no daemon has watched rules on ") != std::string::npos);
}

TEST_CASE("a time before anything was stored is no input for replay") {
    const Host host{kRules, 1};
    const auto zone = *base::TimeZone::find("Asia/Shanghai");
    for (const auto& what : {std::vector<std::string>{"replay"}, {"replay", "--suggest", "burn"}}) {
        auto arguments = what;
        const std::string until = "2025-02-01 00:00:00";
        arguments.insert(arguments.end(), {"--since", "2025-01-01", "--until", until});
        const auto ran = host.run(arguments);
        CHECK(ran.code == 66);
        CHECK(ran.out == "");
        CHECK(ran.err.find(fmt::format("has rows from {} to ",
                                       zone.format(base::from_unix(host.start())))) !=
              std::string::npos);
        CHECK(ran.err.find("--until " + until + " is before them all") != std::string::npos);
    }
}

TEST_CASE("of an episode that fired before --since only what came after counts") {
    const Host host{kRules};
    const auto zone = *base::TimeZone::find("Asia/Shanghai");
    const auto since = zone.format(base::from_unix(host.start() + 71 * 3600)).substr(0, 16);
    const auto text = host.run({"replay", "--rule", "burn", "--since", since}).out;
    INFO(text);
    CHECK(text.find(", had fired before") != std::string::npos);
    const auto json =
        Json::parse(host.run({"replay", "--json", "--rule", "burn", "--since", since}).out);
    const auto& episode = json.at("episodes").at(0);
    CHECK(json.at("rules").at(0).at("longest_seconds") ==
          episode.at("over").get<std::int64_t>() - json.at("from").get<std::int64_t>());
}

TEST_CASE("a command that does not exist is named with the nearest one") {
    const auto status = run_program({"sttus"});
    CHECK(status.code == 64);
    CHECK(status.err.find("there is no command 'sttus'; did you mean 'status'?") !=
          std::string::npos);
    CHECK(run_program({"silence", "lst"}).err.find("did you mean 'silence list'?") !=
          std::string::npos);
}
