#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/guarded.h"
#include "notifiers/api.h"
#include "notifiers/event_json.h"
#include "notifiers_broken_transports.h"
#include "notifiers_entry.h"
#include "support/tls_service.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using nlohmann::json;

namespace {

/// A receiver that says what it is told and keeps what it got.
struct Receiver {
    explicit Receiver(std::string answer)
        : server([this, answer](int socket, const std::string& request) {
              requests.with([&](auto& all) { all.push_back(request); });
              RawServer::say(socket, answer);
          }) {}

    std::string request(std::size_t number = 0) const { return requests.copy().at(number); }
    std::string body(std::size_t number = 0) const {
        const auto whole = request(number);
        return whole.substr(whole.find("\r\n\r\n") + 4);
    }
    /// Empty where there is none.
    std::string header(const std::string& name, std::size_t number = 0) const {
        const auto whole = request(number);
        const auto at = whole.find("\r\n" + name + ": ");
        if (at == std::string::npos) return {};
        const auto begin = at + name.size() + 4;
        return whole.substr(begin, whole.find("\r\n", begin) - begin);
    }

    base::Guarded<std::vector<std::string>> requests;
    RawServer server;
};

std::string says(const std::string& status, const std::string& headers = "",
                 const std::string& body = "") {
    return fmt::format("HTTP/1.1 {}\r\n{}Content-Length: {}\r\n\r\n{}", status, headers,
                       body.size(), body);
}

std::string entry_of(const Receiver& receiver, const std::string& more = "") {
    return fmt::format("{{url: \"{}/hooks/long-path-token?key=query-token\"{}}}",
                       receiver.server.url(), more);
}

/// What one answer makes of a message.
Outcome outcome_of(const std::string& answer) {
    const Receiver receiver{answer};
    const NotifierEntry entry{read_webhook, entry_of(receiver)};
    return entry.provider->send(sample_mail());
}

std::string hex_hmac(const std::string& key, const std::string& text) {
    std::string hex = "sha256=";
    for (const char c : hmac_sha256(key, text))
        hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return hex;
}

}  // namespace

TEST_CASE("a webhook gets one documented JSON object, the same bytes in each attempt") {
    const Receiver receiver{says("204 No Content")};
    NotifierEntry entry{read_webhook, entry_of(receiver)};
    REQUIRE(entry.faults.empty());
    CHECK(entry.provider->send(sample_mail()).kind == Kind::ok);
    entry.clock.advance(1h);
    CHECK(entry.provider->send(sample_mail()).kind == Kind::ok);

    CHECK(receiver.request().starts_with("POST /hooks/long-path-token?key=query-token HTTP/1.1"));
    CHECK(receiver.header("Content-Type") == "application/json; charset=utf-8");
    CHECK(receiver.header("Idempotency-Key") == "ev-17");
    CHECK(receiver.header("X-Timestamp") == "1767625260");
    CHECK(receiver.header("X-Signature-256").empty());
    CHECK(receiver.body(0) == receiver.body(1));
    CHECK(receiver.header("X-Timestamp", 1) == "1767628860");

    const auto event = json::parse(receiver.body());
    CHECK(event.at("version") == 1);
    CHECK(event.at("event_id") == "ev-17");
    CHECK(event.at("kind") == "firing");
    CHECK(event.at("severity") == "critical");
    CHECK(event.at("raised_at") == "2026-01-05T15:01:00Z");
    CHECK(event.at("title") == "渠道 3 <b> 用量 3,000,000");
    CHECK(event.at("text").get<std::string>().find("k1: 12 %") != std::string::npos);
    CHECK(event.at("link") == "https://fuse.example/?a=1&b=2");
    CHECK(event.at("alerts").at(0).at("rule") == "burn");
    CHECK(event.at("truncated") == 0);
    CHECK(event.size() == 10);
}

TEST_CASE("a secret signs the body as GitHub does, and the body with its timestamp") {
    // The vector of GitHub's own documentation.
    CHECK(hex_hmac("It's a Secret to Everybody", "Hello, World!") ==
          "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");

    const Receiver receiver{says("200 OK")};
    NotifierEntry entry{read_webhook, entry_of(receiver, ", secret: sign-secret")};
    entry.provider->send(sample_mail());
    entry.clock.advance(10min);
    entry.provider->send(sample_mail());
    for (const std::size_t i : {0U, 1U}) {
        const auto body = receiver.body(i);
        CHECK(receiver.header("X-Signature-256", i) == hex_hmac("sign-secret", body));
        CHECK(receiver.header("X-Timestamp-Signature", i) ==
              hex_hmac("sign-secret", receiver.header("X-Timestamp", i) + "." + body));
    }
    CHECK(receiver.header("X-Timestamp-Signature", 0) !=
          receiver.header("X-Timestamp-Signature", 1));
}

TEST_CASE("headers of the entry go out with the request, also in place of a usual one") {
    const Receiver receiver{says("200 OK")};
    const NotifierEntry entry{
        read_webhook,
        entry_of(receiver,
                 ", headers: {Authorization: Bearer abcdef, User-Agent: me, X-None: \"\"}")};
    REQUIRE(entry.faults.empty());
    entry.provider->send(sample_mail());
    CHECK(receiver.header("Authorization") == "Bearer abcdef");
    CHECK(receiver.header("User-Agent") == "me");
    CHECK(receiver.request().find("\r\nX-None:") != std::string::npos);
    CHECK(receiver.request().find("quotafuse\r\n") == std::string::npos);
}

TEST_CASE("the status decides: 2xx is delivered, a few come again, the rest never will") {
    CHECK(outcome_of(says("200 OK", "", "<html>portal</html>")).kind == Kind::ok);  // G1
    CHECK(outcome_of(says("204 No Content")).kind == Kind::ok);                     // G1
    for (const auto* const status : {"400 Bad", "401 Who", "403 No", "404 Where", "405 How",
                                     "410 Gone", "413 Much", "422 What"}) {  // G2
        CAPTURE(status);
        CHECK(outcome_of(says(status)).kind == Kind::permanent);
    }
    for (const auto* const status :
         {"407 Proxy", "408 Late", "425 Early", "429 Many", "500 Oh", "502 Bad", "503 Busy"}) {
        CAPTURE(status);
        CHECK(outcome_of(says(status)).kind == Kind::transient);
    }
    // What the receiver itself fails at for a day gives way to the next; what does not get to it,
    // or comes too soon, waits.
    CHECK(outcome_of(says("500 Oh")).most_attempts > 0);
    for (const auto* const status : {"407 Proxy", "429 Many", "502 Bad", "503 Busy", "504 Late"})
        CHECK(outcome_of(says(status)).most_attempts == 0);
    for (const auto* const status : {"400 Bad", "413 Much", "422 What"})
        CHECK(outcome_of(says(status)).of_this_text);
    CHECK_FALSE(outcome_of(says("404 Where")).of_this_text);
    CHECK(outcome_of(says("404 Where")).advice == "nothing is there: check `url`");
}

TEST_CASE("Retry-After is obeyed as seconds and as a date") {  // G3
    CHECK(outcome_of(says("429 Many", "Retry-After: 5\r\n")).wait == 5s);
    CHECK(outcome_of(says("503 Busy", "Retry-After: 7\r\n")).wait == 7s);
    // Without a Date our clock counts, which stands at 15:01:00.
    CHECK(outcome_of(says("503 Busy", "Retry-After: Mon, 05 Jan 2026 15:02:30 GMT\r\n")).wait ==
          90s);
    CHECK(outcome_of(says("503 Busy",
                          "Date: Mon, 05 Jan 2026 15:02:00 GMT\r\n"
                          "Retry-After: Mon, 05 Jan 2026 15:02:30 GMT\r\n"))
              .wait == 30s);
    CHECK(outcome_of(says("503 Busy", "Retry-After: Mon, 05 Jan 2026 14:00:00 GMT\r\n")).wait ==
          0s);
    CHECK(outcome_of(says("503 Busy", "Retry-After: soon\r\n")).wait == 0s);
}

TEST_CASE("a redirect is permanent and not followed") {  // G4
    const Receiver elsewhere{says("200 OK")};
    const auto outcome =
        outcome_of(says("302 Found", fmt::format("Location: {}/\r\n", elsewhere.server.url())));
    CHECK(outcome.kind == Kind::permanent);
    CHECK(outcome.advice.find("redirects are not followed") != std::string::npos);
    CHECK(elsewhere.requests.copy().empty());
}

TEST_CASE("an answer that quotes the request shows no secret") {  // X8
    const Receiver receiver{
        says("400 Bad", "", "/hooks/long-path-token?key=query-token by abcdef, sign-secret")};
    const NotifierEntry entry{
        read_webhook,
        entry_of(receiver, ", secret: sign-secret, headers: {Authorization: Bearer abcdef}")};
    CHECK(entry.provider->send(sample_mail()).why == "HTTP 400: /hooks/***?key=*** by ***, ***");
}

TEST_CASE("a header that is no secret stays readable in an answer") {
    const Receiver receiver{says("400 Bad", "", "prod is not production, a1b2c3d4e5 nor k-7")};
    const NotifierEntry entry{
        read_webhook, entry_of(receiver,
                               ", headers: {X-Env: prod, X-Site: production, X-Code: a1b2c3d4e5, "
                               "X-Api-Key: k-7-x}")};
    CHECK(entry.provider->send(sample_mail()).why ==
          "HTTP 400: prod is not production, *** nor k-7");
}

TEST_CASE("what went out without an answer is ambiguous, what never went out is transient") {
    for (const auto& row : broken_transports()) {
        const RawServer server{row.behaviour};
        const NotifierEntry entry{read_webhook,
                                  fmt::format("{{url: \"{}/\", timeout: 1s}}", server.url())};
        const auto outcome = entry.provider->send(sample_mail());
        CAPTURE(outcome.why);
        // Of a webhook the status alone tells that it arrived.
        const auto means = row.endless ? Kind::ok : row.means;
        CHECK(outcome.kind == means);
        // A receiver may die of this message, and would of the next not.
        CHECK((outcome.most_attempts > 0) == (means == Kind::ambiguous));
    }
    const NotifierEntry nobody{read_webhook, fmt::format("{{url: \"{}/\"}}", refusing_url())};
    const auto refused = nobody.provider->send(sample_mail());
    CHECK(refused.kind == Kind::transient);  // X3
    CHECK(refused.advice.starts_with("nobody answers there"));
}

TEST_CASE("a webhook is not told to somebody with a certificate that nobody vouches for") {  // X6
    TestAuthority authority{"of a webhook"};
    const TlsService service{authority.issue("IP:127.0.0.1"),
                             [](const httplib::Request&, httplib::Response&) {}};
    const auto send = [&](const std::string& more) {
        const NotifierEntry entry{read_webhook,
                                  fmt::format("{{url: \"{}/\"{}}}", service.url(), more)};
        return entry.provider->send(sample_mail());
    };
    const auto refused = send("");
    CHECK(refused.kind == Kind::permanent);
    CHECK(refused.advice.starts_with("the certificate is not trusted"));
    CHECK(send(", ca_file: " + authority.certificate()).kind == Kind::ok);
}

TEST_CASE("alerts without room are counted") {
    auto mail = sample_mail();
    mail.message.alerts.assign(300, json{{"name", std::string(1000, 'x')}}.dump());
    const auto text = event_json(mail);
    const auto event = json::parse(text);
    CHECK(text.size() < 256 * 1024);
    CHECK(event.at("alerts").size() + event.at("truncated").get<std::size_t>() == 300);
    CHECK(event.at("truncated") > 50);
}

TEST_CASE("a webhook's entry is checked, and no complaint shows a value") {
    const auto fault = [](const std::string& yaml) {
        const NotifierEntry entry{read_webhook, yaml};
        REQUIRE(entry.faults.size() == 1);
        return entry.faults.front().substr(entry.faults.front().find(": ") + 2);
    };
    const std::string url = "{url: \"http://x/\", headers: ";
    CHECK(fault("{url: ftp://x/}") == "url must be an http:// or https:// URL");
    CHECK(fault(url + "{\"X Y\": a}}") ==
          "'X Y' cannot be set in headers: it is none, or the request has it already");
    CHECK(fault(url + "{Content-Length: 5}}").find("has it already") != std::string::npos);
    CHECK(fault(url + "{A: \"secret\\r\\nB: c\"}}") == "the header A must be a text of one line");
    CHECK(fault(url + "text}") == "headers must be a map of names and texts");
}
