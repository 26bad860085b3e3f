#include <doctest/doctest.h>

#include "base/text.h"
#include "notifiers_broken_transports.h"
#include "support/chat_pair.h"
#include "support/tls_service.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;

TEST_CASE("nothing that is no verdict of the service counts as sent") {
    for (const auto chat : kChats) {
        ChatPair pair{chat};
        pair.service.always(
            {200, "<html>Please log in to the hotel's network</html>", "text/html"});  // X7
        const auto portal = pair.send(sample());
        CHECK(portal.kind == Kind::transient);
        CHECK(portal.why ==
              "HTTP 200, not the service's own answer: <html>Please log in to the hotel's "
              "network</html>");
        pair.service.always(
            {302, "", "text/html", {{"Location", pair.service.url() + "/elsewhere"}}});
        const auto redirect = pair.send(sample());
        CHECK(redirect.kind == Kind::permanent);
        CHECK(redirect.why == "HTTP 302: a redirect, which is not followed");
        CHECK(redirect.advice.starts_with("check the URL"));
        CHECK(pair.service.calls().size() == 2);
    }
}

TEST_CASE("a transport that fails says whether the message may have arrived") {
    const auto rows = broken_transports();
    for (const auto chat : kChats) {
        ChatPair pair{chat, {{"timeout", "1s"}}};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            CAPTURE(i);
            const RawServer server{rows[i].behaviour};
            pair.at(server.url());
            const auto outcome = pair.send(sample());
            CAPTURE(outcome.why);
            CHECK(outcome.kind == rows[i].means);
            CHECK_FALSE(outcome.why.empty());
        }
    }
}

TEST_CASE("an answer that nests without end is one without a verdict") {
    const std::string deep(60'000, '[');
    for (const auto chat : kChats) {
        ChatPair pair{chat};
        for (const auto& body : {deep, R"({"parameters":)" + deep + std::string(60'000, ']') + "}",
                                 R"({"status":1111,"parameters":)" + std::string(30'000, '[') +
                                     std::string(30'000, ']') + "}"}) {
            pair.service.always({200, body, "application/json"});
            CHECK(pair.send(sample()).kind == Kind::transient);
        }
    }
}

TEST_CASE("where nobody answers it may work later, and the advice says where to look") {
    for (const auto chat : kChats) {
        ChatPair pair{chat};
        pair.at(refusing_url());  // X3
        const auto refused = pair.send(sample());
        CHECK(refused.kind == Kind::transient);
        CHECK(refused.advice.starts_with("nobody answers there"));
        // Somebody did answer, and hung up.
        const RawServer resetting{[](int socket, const std::string&) { RawServer::reset(socket); }};
        pair.at(resetting.url());
        CHECK(pair.send(sample()).advice.starts_with("the connection was cut off"));
        // No resolver takes so long a label.
        pair.at("http://" + std::string(70, 'x') + ".example");
        const auto unknown = pair.send(sample());
        CHECK(unknown.kind == Kind::transient);
        CHECK(unknown.advice.find("DNS") != std::string::npos);
        pair.set("proxy", '"' + refusing_url() + '"');
        const auto proxy = pair.send(sample());
        CAPTURE(proxy.advice);
        CHECK(proxy.kind == Kind::transient);
        CHECK(proxy.advice.find("check proxy") != std::string::npos);
    }
}

TEST_CASE("a certificate that nobody vouches for is refused for good, with what to do about it") {
    TestAuthority authority{"a proxy that opens TLS"};
    // Accepts everything, in the words of every service.
    const TlsService service{
        authority.issue("IP:127.0.0.1"), [](const httplib::Request&, httplib::Response& response) {
            response.set_content(R"({"ok":true,"code":0,"errcode":0,"errmsg":"ok"})",
                                 "application/json");
        }};
    for (const auto chat : kChats) {
        ChatPair pair{chat};
        pair.at(service.url());  // X6
        const auto refused = pair.send(sample());
        CHECK(refused.kind == Kind::permanent);
        CHECK_FALSE(refused.of_this_text);
        CHECK(refused.advice.starts_with("the certificate is not trusted"));
        pair.set("ca_file", '"' + authority.certificate() + '"');
        CHECK(pair.send(sample()).kind == Kind::ok);
    }
}

TEST_CASE("what leads to a service by a reverse proxy is no more shown than its tokens") {
    for (const auto chat : kChats) {
        ChatPair pair{chat};
        const auto hidden =
            "http://robot:hidden-login@" + pair.service.url().substr(7) + "/hidden-path-of-ours";
        pair.at(hidden);
        pair.service.always({404, "Cannot POST /hidden-path-of-ours/x by hidden-login", "text/x"});
        const auto outcome = pair.send(sample());
        CHECK(outcome.kind == Kind::transient);
        CHECK(outcome.why == "HTTP 404, not the service's own answer: Cannot POST /***/x by ***");
        CHECK_FALSE(pair.service.calls().empty());
    }
}

TEST_CASE("no secret gets into an outcome, even when the service sends it back") {
    for (const auto chat : kChats) {
        ChatPair pair{chat};
        const auto& secret = chat == T ? kToken : chat == F ? kHook : chat == W ? kKey : kAccess;
        const std::vector<Reply> replies = {
            {400, "POST /bot" + secret + "/sendMessage is no good\n\x1b[31m", "text/plain"},  // X8
            {400, "encoded: " + base::percent_encode(secret), "text/plain"},
            {400, telegram_says(400, secret)},
            {400, telegram_says(400, "can't parse entities: " + secret)},
            {200, feishu_says(19001, secret + " " + kSignSecret)},
            {200, feishu_says(11246, secret + " " + kSignSecret)},
            {200, wecom_says(93000, secret)},
            {200, dingtalk_says(310000, secret + " " + kSignSecret)},
            {200, telegram_says(400, std::string(280, 'x') + secret)},
        };
        for (const auto& reply : replies) {
            pair.service.always(reply);
            const auto outcome = pair.send(sample());
            CAPTURE(outcome.why);
            CHECK(outcome.kind != Kind::ok);
            for (const auto& text : {outcome.why, outcome.advice}) {
                CHECK(text.find(secret.substr(0, 15)) == std::string::npos);
                CHECK(text.find("\x1b") == std::string::npos);
                CHECK(text.find('\n') == std::string::npos);
                if (chat == F || chat == D) CHECK(text.find(kSignSecret) == std::string::npos);
            }
        }
        pair.set("proxy", "\"http://user:hidden-password@127.0.0.1:1\"");
        const auto outcome = pair.send(sample());
        CHECK(outcome.kind == Kind::transient);
        CHECK(outcome.why.find("hidden-password") == std::string::npos);
        CHECK(pair.settings.recipe->route() == "by the proxy http://127.0.0.1:1");
    }
}
