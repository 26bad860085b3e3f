// That every alert arrives once it can, whatever breaks: the program as a process, and services
// that misbehave.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>

#include "base/guarded.h"
#include "daemon_alerts_site.h"
#include "support/chat_pair.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

/// From the row in the log to the message at a service that works: polls and turns come once a
/// second.
constexpr std::chrono::seconds kOnTime{3};

/// Rules that all fire on the same row.
std::string burn_rules(int count) {
    std::string rules;
    for (int i = 1; i <= count; ++i)
        rules += fmt::format("  - {{name: burn-{}, metric: tokens, window: 1h, above: 1000}}\n", i);
    return rules;
}

std::string body_of(const std::string& request) {
    return request.substr(request.find("\r\n\r\n") + 4);
}

/// Takes requests, and answers them only once it is told to.
class SlowHook {
public:
    std::string entry() const {
        return fmt::format("{{type: webhook, url: \"{}/x\"}}", server_.url());
    }
    void answer() { answers_ = true; }
    std::vector<std::string> bodies() const { return bodies_.copy(); }

private:
    std::atomic<bool> answers_{false};
    base::Guarded<std::vector<std::string>> bodies_;
    RawServer server_{[this](int socket, const std::string& request) {
        bodies_.with([&](auto& all) { all.push_back(body_of(request)); });
        if (!answers_) return RawServer::hang(socket, request);
        RawServer::say(socket, "HTTP/1.1 204 No Content\r\n\r\n");
    }};
};

/// Takes everything, and notes when.
class GoodHook {
public:
    std::string entry() const {
        return fmt::format("{{type: webhook, url: \"{}/x\"}}", service_.url());
    }
    bool has(const std::string& text) const {
        const auto calls = service_.calls();
        return std::ranges::any_of(calls,
                                   [&](const auto& call) { return contains(call.body, text); });
    }

private:
    ChatService service_{[](const Call& call) { return Judgement{{204, ""}, call.body}; }};
};

std::int64_t pending_of(const Site& site, const std::string& name) {
    const auto status = site.status();
    for (const auto& one : status.at("outbox").at("notifiers")) {
        if (one.at("name") == name) return one.at("pending");
    }
    return -1;
}

}  // namespace

TEST_CASE("a kill between send and record repeats the message byte for byte and loses none") {
    SlowHook hook;
    const Site site{burn_rules(5), "newapi_2026", "{hook: " + hook.entry() + "}"};
    auto daemon = site.start();
    site.request(1);
    site.settle();
    site.request(5000);
    REQUIRE(eventually([&] { return hook.bodies().size() == 1; }));
    daemon->signal(SIGKILL);
    daemon->wait();

    daemon = site.start();
    REQUIRE(eventually([&] { return hook.bodies().size() == 2; }));
    daemon->signal(SIGKILL);
    daemon->wait();

    hook.answer();
    daemon = site.start();
    REQUIRE(eventually([&] { return site.status().at("outbox").at("pending") == 0; }));
    const auto bodies = hook.bodies();
    REQUIRE(bodies.size() == 3);
    CHECK(bodies[0] == bodies[1]);
    CHECK(bodies[1] == bodies[2]);
    const auto event = nlohmann::json::parse(bodies[2]);
    CHECK(event.at("alerts").size() == 5);
    for (int i = 1; i <= 5; ++i) CHECK(contains(bodies[2], fmt::format("burn-{}", i)));
    const auto listed = nlohmann::json::parse(site.run({"notify", "--list", "--json"}).out);
    CHECK(listed.at("letters").size() == 5);
    for (const auto& letter : listed.at("letters")) CHECK(letter.at("state") == "delivered");
}

TEST_CASE("four broken notifiers of six delay neither the other two nor the rules") {
    const RawServer hanging{RawServer::hang};
    const RawServer garbage{
        [](int socket, const std::string&) { RawServer::say(socket, "hello"); }};
    const ChatService telegram{telegram_rules(kToken, {kChat})};
    const GoodHook hook;
    const Site site{
        "  - {name: one, metric: tokens, window: 1h, above: 1000}\n"
        "  - {name: two, metric: tokens, window: 1h, above: 2000}\n"
        "  - {name: three, metric: tokens, window: 1h, above: 3000}\n",
        "newapi_2026",
        fmt::format("{{hangs: {{type: webhook, url: \"{}/x\"}}, lost: {{type: webhook, url: "
                    "\"http://nowhere.invalid/x\"}}, proxied: {{type: webhook, url: "
                    "\"http://hook.invalid/x\", proxy: \"http://127.0.0.1:9\"}}, garbage: {{type: "
                    "wecom, webhook: "
                    "\"{}/cgi-bin/webhook/send?key={}\"}}, hook: {}, ops: {{type: telegram, "
                    "bot_token: \"{}\", chat_id: \"{}\", base_url: \"{}\"}}}}",
                    hanging.url(), garbage.url(), kKey, hook.entry(), kToken, kChat,
                    telegram.url())};
    const auto daemon = site.start();
    site.request(1);
    site.settle();
    std::int64_t worst_lag = 0;
    for (const std::string rule : {"one", "two", "three"}) {
        site.request(1000);
        const auto began = std::chrono::steady_clock::now();
        const auto heard = [&] {
            const auto status = site.status();
            worst_lag = std::max(worst_lag,
                                 std::time(nullptr) - status.at("engine_time").get<std::int64_t>());
            const auto shown = telegram.shown();
            return hook.has(rule) && !shown.empty() && contains(shown.back(), rule);
        };
        CHECK_MESSAGE(eventually(heard), daemon->err());
        // The one that hangs does so for 15 s.
        CHECK(std::chrono::steady_clock::now() - began < kOnTime);
    }
    CHECK(worst_lag <= kOnTime.count());
    for (const std::string broken : {"hangs", "lost", "garbage", "proxied"})
        CHECK(pending_of(site, broken) == 3);
    REQUIRE(eventually([&] { return contains(site.run({"status"}).out, "DNS does not know"); }));
    CHECK_FALSE(contains(daemon->err(), "notifier ops:"));
    CHECK_FALSE(contains(daemon->err(), "notifier hook:"));
    // What is under way is given a while, and then cut off.
    daemon->signal(SIGTERM);
    CHECK(daemon->wait(15s) == 0);
}

TEST_CASE("a clean stop waits for a program that is at work, so that nobody is called twice") {
    const TempDir folder;
    const auto calls = folder.file("calls");
    const auto pager = folder.file("pager");
    write_file(pager, fmt::format("#!/bin/sh\necho called >> {0}\n"
                                  "while [ ! -e {0}.go ]; do sleep 0.05; done\n",
                                  calls));
    std::filesystem::permissions(pager, std::filesystem::perms::owner_all);
    const Site site{kBurn, "newapi_2026",
                    fmt::format("{{pager: {{type: exec, command: [{}]}}}}", pager)};
    auto daemon = site.start();
    site.request(1);
    site.settle();
    site.request(5000);
    REQUIRE(eventually([&] { return std::filesystem::exists(calls); }));
    daemon->signal(SIGTERM);
    CHECK_FALSE(daemon->wait(2s));
    write_file(calls + ".go", "");
    CHECK(daemon->wait(4s) == 0);

    daemon = site.start();
    REQUIRE(eventually([&] { return site.status().at("outbox").at("pending") == 0; }));
    site.settle();
    CHECK(std::filesystem::file_size(calls) == std::string_view{"called\n"}.size());
}

TEST_CASE("a notifier that fails for good is told by those that work") {
    ChatService broken{wecom_rules(kKey)};
    broken.always({200, wecom_says(93000, "invalid webhook url")});
    const GoodHook hook;
    const Site site{kBurn, "newapi_2026",
                    fmt::format("{{dead: {{type: wecom, webhook: "
                                "\"{}/cgi-bin/webhook/send?key={}\"}}, hook: {}}}",
                                broken.url(), kKey, hook.entry())};
    const auto daemon = site.start();
    site.request(1);
    site.settle();
    site.request(5000);
    REQUIRE(eventually([&] { return hook.has("dead refused a message for good: WeCom 93000"); }));
    // Who is dead is not told of it: that would be one more dead letter.
    site.settle();
    CHECK(site.status().at("outbox").at("failed") == 1);
    CHECK(broken.calls().size() == 1);
}
