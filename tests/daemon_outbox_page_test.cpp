#include <filesystem>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/failure.h"
#include "daemon/outbox_page.h"
#include "daemon/retry_request.h"
#include "notifiers_outbox_fixture.h"

namespace quotafuse::tests {
namespace {

using daemon::HttpReply;
using daemon::HttpRequest;
using nlohmann::json;
using Query = std::multimap<std::string, std::string>;

/// Three letters: "1" delivered, "2" dead, "3" waiting after one attempt.
struct Page : OutboxFixture {
    Page() {
        for (const std::string event : {"1", "2", "3"}) put(letter(event));
        deliver("a", kOk, kNow);
        deliver("a", kNever, kNow);
        deliver("a", kLater, kNow);
    }
    HttpReply ask(const Query& query) const {
        return daemon::answer_outbox(
            folder.file("store.db"),
            HttpRequest{.method = "GET", .target = "/api/v1/outbox", .query = query});
    }
    json letters(const Query& query) const {
        const auto reply = ask(query);
        REQUIRE(reply.status == 200);
        CHECK(reply.content_type == "application/json");
        return json::parse(reply.body);
    }
    std::vector<std::string> events(const Query& query) const {
        std::vector<std::string> all;
        const auto page = letters(query);
        for (const auto& one : page.at("letters"))
            all.push_back(one.at("event_id").get<std::string>());
        return all;
    }
};

using Events = std::vector<std::string>;

TEST_CASE("a letter says of which rule and objects it tells, beside its title") {
    Page page;
    auto told = letter("4");
    told.message.alerts = {
        R"({"rule": "burn", "kind": "firing", "labels": [{"dimension": "channel", "id": 5, "name": "azure"}]})",
        R"({"rule": "other", "kind": "firing", "labels": []})"};
    page.put(told);
    const auto answer = page.letters({});
    const auto& letters = answer.at("letters");
    REQUIRE(letters.size() == 4);
    CHECK(letters.at(0).at("about") == json::parse(R"({"kind": "firing", "rule": "burn",
                          "labels": [{"dimension": "channel", "id": null, "name": "azure"}]})"));
    CHECK(letters.at(1).at("about") == nullptr);

    told = letter("5");
    told.message.alerts = {
        R"({"rule": null, "kind": "breaker", "labels": [], "breakers": [{"target": "model", "channel": 5, "channel_name": "azure", "model": "gpt-4o", "token": null}]})"};
    page.put(told);
    CHECK(page.letters({}).at("letters").at(0).at("about") ==
          json::parse(R"({"kind": "breaker", "rule": null,
                          "labels": [{"dimension": "model", "id": null, "name": "gpt-4o"},
                                     {"dimension": "channel", "id": 5, "name": "azure"}]})"));
}

TEST_CASE("the outbox page tells each letter with its state and the reason of its failure") {
    const Page page;
    const auto dead = page.letters({{"state", "dead"}});
    CHECK(dead.at("next_cursor") == nullptr);
    REQUIRE(dead.at("letters").size() == 1);
    const auto& letter = dead.at("letters").at(0);
    CHECK(letter.at("state") == "dead");
    CHECK(letter.at("error") == "Telegram 403: Forbidden");
    CHECK(letter.at("notifier") == "a");
    CHECK(letter.at("title") == "2");
    CHECK(letter.at("attempts") == 1);
    CHECK(letter.at("ended_at") == base::unix_seconds(kNow));
    CHECK(page.events({}) == Events{"3", "2", "1"});
    CHECK(page.events({{"state", "waiting"}}) == Events{"3"});
    CHECK(page.events({{"state", "delivered"}}) == Events{"1"});
}

TEST_CASE("the outbox page is read in pages, each of which names the next") {
    const Page page;
    const auto first = page.letters({{"limit", "2"}});
    CHECK(first.at("letters").size() == 2);
    const auto cursor = std::to_string(first.at("next_cursor").get<std::int64_t>());
    CHECK(page.events({{"limit", "1"}, {"cursor", cursor}}) == Events{"1"});
    CHECK(page.letters({{"limit", "1"}, {"cursor", cursor}}).at("next_cursor") == nullptr);
}

TEST_CASE("a parameter of the outbox page that makes no sense is refused by name") {
    const Page page;
    const std::vector<std::pair<Query, std::string>> wrong{
        {{{"state", "lost"}}, "state"},
        {{{"limit", "0"}}, "limit"},
        {{{"limit", "201"}}, "limit"},
        {{{"limit", "1e2"}}, "limit"},
        {{{"limit", ""}}, "limit"},
        {{{"cursor", "-1"}}, "cursor"},
        {{{"cursor", "99999999999999999999"}}, "cursor"},
        {{{"cursor", "1 OR 1=1"}}, "cursor"},
        {{{"state", "dead"}, {"state", "dead"}}, "state"},
        {{{"sate", "dead"}}, "the parameters are state, limit, cursor"},
    };
    for (const auto& [query, named] : wrong) {
        CAPTURE(named);
        const auto reply = page.ask(query);
        CHECK(reply.status == 400);
        const auto message = json::parse(reply.body).at("error").at("message").get<std::string>();
        CHECK_MESSAGE(message.starts_with(named), message);
    }
}

TEST_CASE("dead letters of notifiers that are gone stay, and whoever asks hears of them") {
    Page page;
    const auto retry = [&](const std::vector<std::string>& notifiers, const std::string& request) {
        return json::parse(daemon::retry_letters(*page.outbox, notifiers, request));
    };
    CHECK(retry({"b"}, "{}") == json{{"retried", 0}, {"not_configured", 1}});
    CHECK(retry({"a"}, "{}") == json{{"retried", 1}, {"not_configured", 0}});
}

TEST_CASE("a request to send dead letters again that makes no sense is refused with a sentence") {
    Page page;
    for (const std::string request :
         {R"({"id": "2"})", R"({"id": 2.5})", R"({"id": 99999999999999999999})",
          R"({"id": 18446744073709551615})", R"({"id": null})", "[]", "{", ""}) {
        CAPTURE(request);
        CHECK_THROWS_AS(daemon::retry_letters(*page.outbox, {"a"}, request), base::Failure);
    }
    CHECK(page.events({{"state", "dead"}}) == Events{"2"});
}

TEST_CASE("a store that cannot be read is told, and no text in it breaks the answer") {
    Page page;
    page.put({"4", {}, {}, titled("<script>\xff")});
    CHECK(page.letters({{"limit", "1"}}).at("letters").at(0).at("title") == "<script>\uFFFD");
    page.outbox.reset();
    page.db.reset();
    std::filesystem::remove(page.folder.file("store.db"));
    CHECK(page.ask({}).status == 503);
}

}  // namespace
}  // namespace quotafuse::tests
