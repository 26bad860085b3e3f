#include <csignal>
#include <cstdlib>
#include <regex>

#include "daemon_alerts_site.h"
#include "support/exposition.h"
#include "support/status_site.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

const std::string kToken = "0123456789abcdef";
/// Rules that need what a gateway tells of users and balances.
const std::string kRules = kBurn +
                           "  - {name: poor, metric: user_remaining, by: [user], below: 0.001}\n"
                           "  - {name: empty, metric: channel_balance, by: [channel], below: 1}\n";

/// The program beside a gateway with a channel, a user and a balance, and with a token for metrics.
class LiveSite : public Site {
public:
    LiveSite() : Site(kRules) {
        auto text = read_file(config());
        const std::string listen = "status: {listen:";
        text.replace(text.find(listen), listen.size(),
                     "status: {metrics_token: '" + kToken + "', listen:");
        write_file(config(), text);
        gateway(
            "INSERT INTO users(username, password, status, quota, used_quota) VALUES('a', 'p', 1, "
            "5000, 70); UPDATE channels SET balance = 2.5, balance_updated_time = 1767571200");
    }
    std::string reply(const std::string& more = {}) const {
        return daemon::get(port(), "/metrics", "Authorization: Bearer " + kToken + "\r\n" + more);
    }
    Exposition look() const {
        const auto got = reply();
        REQUIRE(daemon::status_of(got) == 200);
        return Exposition{daemon::body_of(got)};
    }
    /// Once what was written lately stands there: answers are kept for some seconds.
    Exposition once(const std::string& key, double value) const {
        CAPTURE(key);
        REQUIRE(eventually([&] {
            const auto told = look();
            const auto found = told.series.find(key);
            return found != told.series.end() && found->second == value;
        }));
        return look();
    }
};

const std::string kAnswers =
    "quotafuse_requests_total{channel=\"3\",model=\"m\",outcome=\"answer\"}";

}  // namespace

TEST_CASE("counters never fall over a reload, a restart and a kill") {
    const LiveSite site;
    auto running = site.start();
    for (int i = 0; i < 5; ++i) site.request(10);
    auto before = site.once(kAnswers, 5);
    CHECK(before.at("quotafuse_tokens_total{channel=\"3\",model=\"m\",type=\"prompt\"}") == 50);
    CHECK(daemon::status_of(daemon::get(site.port(), "/metrics")) == 401);

    running->signal(SIGHUP);
    REQUIRE(eventually([&] { return contains(running->err(), ": reloaded"); }));
    REQUIRE(eventually([&] { return http_get(site.port(), "/healthz").status == 200; }));
    site.request(10);
    auto after = site.once(kAnswers, 6);
    check_no_fall(before, after);
    check_no_fall(before, after, "process_");
    before = after;

    running->signal(SIGTERM);
    REQUIRE(running->wait() == 0);
    site.request(10);
    running = site.start();
    after = site.once(kAnswers, 7);
    check_no_fall(before, after);
    before = after;

    running->signal(SIGKILL);
    REQUIRE(running->wait());
    running = site.start();
    site.request(10);
    check_no_fall(before, site.once(kAnswers, 8));
}

TEST_CASE("the dashboard shows what metrics tell, and states are those of the daemon") {
    const LiveSite site;
    const auto running = site.start();
    site.request(10);
    // Also of a rule that nothing is over.
    CHECK(site.once("quotafuse_rule_value{rule=\"burn\"}", 10)
              .at("quotafuse_rule_state{rule=\"burn\",state=\"inactive\"}") == 1);
    site.request(4990);  // over the limit of a rule
    REQUIRE(eventually([&] { return contains(running->out(), "burn"); }));
    const auto told = site.once("quotafuse_rule_alerts_firing{rule=\"burn\"}", 1);
    CHECK(told.at("quotafuse_rule_value{rule=\"burn\"}") == 5000);
    CHECK(told.at("quotafuse_rule_threshold{rule=\"burn\"}") == 1000);
    CHECK(told.at("quotafuse_rule_state{rule=\"burn\",state=\"firing\"}") == 1);
    CHECK(told.at("quotafuse_rule_state{rule=\"burn\",state=\"inactive\"}") == 0);
    CHECK(told.at("quotafuse_rules{state=\"firing\"}") == 1);
    CHECK(told.at("quotafuse_source_state{state=\"ok\"}") == 1);
    CHECK(told.at("quotafuse_source_state{state=\"lagging\"}") == 0);
    CHECK(told.at("quotafuse_ready") == 1);
    CHECK(told.at("quotafuse_sync_lag_seconds") < 30);
    CHECK(told.at("quotafuse_sync_open_gaps") == 0);
    CHECK(told.at("quotafuse_breaker_mode{mode=\"shadow\"}") == 1);
    CHECK(told.at("quotafuse_breaker_paused") == 0);
    CHECK(told.at("quotafuse_breaker_open_circuits{kind=\"channel\"}") == 0);
    CHECK(told.at("quotafuse_breaker_steps_last_day{step=\"tripped\"}") == 0);
    CHECK(told.at("quotafuse_builtin_alerts_firing{alert=\"source-stale\"}") == 0);
    CHECK(told.at("quotafuse_outbox_dead_letters{notifier=\"screen\"}") == 0);
    CHECK(told.at("quotafuse_channel_balance{channel=\"3\"}") == 2.5);
    CHECK(told.at("quotafuse_users_used_quota") == 70);
    const auto dashboard = read_file(std::string{QUOTAFUSE_ETC} + "/grafana-dashboard.json");
    const auto json = nlohmann::json::parse(dashboard);
    const std::regex name{"(?:quotafuse|process)_[a-z_]+"};
    std::set<std::string> shown;
    for (const auto& panel : json.at("panels")) {
        if (!panel.contains("targets")) continue;
        for (const auto& target : panel.at("targets")) {
            const auto text = target.at("expr").get<std::string>();
            for (std::sregex_iterator at{text.begin(), text.end(), name}, end; at != end; ++at)
                shown.insert(at->str());
        }
    }
    CHECK(shown.size() > 25);
    for (auto one : shown) {
        CAPTURE(one);
        if (one.ends_with("_bucket")) one.resize(one.size() - std::string{"_bucket"}.size());
        CHECK(told.types.contains(one));
    }
    // And the manual has each of them.
    const auto manual = read_file(std::string{QUOTAFUSE_ETC} + "/../docs/operations.md");
    for (const auto& [family, type] : told.types) {
        CAPTURE(family);
        CHECK(contains(manual, "`" + family));
    }
}

// promtool comes with a whole Prometheus. QUOTAFUSE_PROMTOOL names another than the one in PATH.
TEST_CASE("promtool finds no fault with the metrics") {
    const auto* const given = std::getenv("QUOTAFUSE_PROMTOOL");
    const std::string promtool = given == nullptr ? "promtool" : given;
    REQUIRE_MESSAGE(
        std::system(("command -v " + promtool + " >/dev/null 2>&1").c_str()) == 0, promtool,
        " is not installed: ./dev setup test installs it (Debian's package prometheus)");
    const LiveSite site;
    const auto running = site.start();
    site.request(5000);
    site.gateway(
        "INSERT INTO logs(created_at, type, prompt_tokens, channel_id, model_name, token_name, "
        "token_id, other) VALUES(strftime('%s'), 2, 1, 3, 'a\"b\\c', 'k', 1, '')");
    site.once("quotafuse_tokens_total{channel=\"3\",model=\"a\\\"b\\\\c\",type=\"prompt\"}", 1);
    const TempDir folder;
    write_file(folder.file("metrics"), daemon::body_of(site.reply()));
    const auto command = promtool + " check metrics <" + folder.file("metrics") + " >" +
                         folder.file("said") + " 2>&1";
    CHECK(std::system(command.c_str()) == 0);
    CHECK(read_file(folder.file("said")) == "");
}
