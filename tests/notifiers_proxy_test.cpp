#include <chrono>
#include <csignal>
#include <thread>

#include <fmt/format.h>

#include "base/guarded.h"
#include "notifiers_entry.h"
#include "support/chat_services.h"
#include "support/mail_server.h"
#include "support/proxies.h"
#include "support/tls_service.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;

namespace {

const auto kIgnored = std::signal(SIGPIPE, SIG_IGN);  // as quotafuse itself does

const std::string kToken = "123456789:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr";
const std::string kUser = "fuse";
const std::string kPassword = "proxy-password";

/// Telegram with its rules, over TLS, where a proxy looks for localhost: it may be ::1.
class SecureTelegram {
public:
    explicit SecureTelegram(const TlsFiles& files)
        : service_(
              files,
              [this](const httplib::Request& request, httplib::Response& response) {
                  const auto judged =
                      judge_({request.method, request.target,
                              request.get_header_value("Content-Type"), request.body});
                  if (!judged.shown.empty())
                      shown_.with([&](auto& all) { all.push_back(judged.shown); });
                  response.status = judged.reply.status;
                  response.set_content(judged.reply.body, judged.reply.content_type);
              },
              "localhost") {}
    int port() const { return service_.port(); }
    std::vector<std::string> shown() const { return shown_.copy(); }

private:
    const Judge judge_ = telegram_rules(kToken, {"-1001"});
    base::Guarded<std::vector<std::string>> shown_;
    TlsService service_;  // last: it uses the others
};

struct Site {
    /// To the service by a name, so that somebody has to resolve it.
    NotifierEntry telegram(const std::string& proxy) const {
        return {read_telegram, fmt::format("{{bot_token: \"{}\", chat_id: \"-1001\", base_url: "
                                           "\"https://localhost:{}\", proxy: \"{}\", ca_file: {}}}",
                                           kToken, service.port(), proxy, authority.certificate())};
    }
    bool arrived() const {
        const auto shown = service.shown();
        return shown.size() == 1 && shown.front().find("渠道 3 <b> 用量") != std::string::npos;
    }

    TestAuthority authority{"authority of the services"};
    SecureTelegram service{authority.issue("DNS:localhost")};
};

std::string url_of(const std::string& scheme, const RealProxy& proxy,
                   const std::string& password = kPassword) {
    return fmt::format("{}://{}:{}@{}", scheme, kUser, password, proxy.address());
}

}  // namespace

TEST_CASE("Telegram gets a message through an HTTP proxy with a password") {
    const Site site;
    const RealProxy proxy{RealProxy::Kind::http, kUser, kPassword};
    const auto entry = site.telegram(url_of("http", proxy));
    REQUIRE(entry.faults.empty());
    CHECK(entry.recipe->route() == "by the proxy http://" + proxy.address());
    const auto outcome = entry.provider->send(sample_mail());
    CHECK(outcome.why.empty());
    CHECK(outcome.kind == Kind::ok);
    CHECK(site.arrived());
    CHECK(proxy.log().find(fmt::format("CONNECT localhost:{}", site.service.port())) !=
          std::string::npos);
    CHECK(proxy.log().find("bot1234") == std::string::npos);  // the token is within TLS
}

TEST_CASE(
    "Telegram gets a message through a SOCKS5 proxy with a password, which resolves the name") {
    const Site site;
    const RealProxy proxy{RealProxy::Kind::socks5, kUser, kPassword};
    const auto entry = site.telegram(url_of("socks5h", proxy));
    CHECK(entry.recipe->route() == "by the proxy socks5h://" + proxy.address());
    const auto outcome = entry.provider->send(sample_mail());
    CHECK(outcome.why.empty());
    CHECK(outcome.kind == Kind::ok);
    CHECK(site.arrived());
    CHECK(proxy.log().find(fmt::format("localhost:{}", site.service.port())) != std::string::npos);
}

TEST_CASE(
    "a proxy that refuses our password is told as such, shows no password, and is tried again") {
    const Site site;
    const auto check = [&](RealProxy::Kind kind, const std::string& scheme) {
        CAPTURE(scheme);
        const RealProxy proxy{kind, kUser, kPassword};
        const auto entry = site.telegram(url_of(scheme, proxy, "stale-password"));
        const auto outcome = entry.provider->send(sample_mail());
        CHECK(outcome.kind == Kind::transient);
        CHECK(outcome.advice.find("proxy") != std::string::npos);
        for (const auto& secret : {std::string{"stale-password"}, kToken}) {
            CHECK(outcome.why.find(secret) == std::string::npos);
            CHECK(outcome.advice.find(secret) == std::string::npos);
        }
    };
    check(RealProxy::Kind::http, "http");
    check(RealProxy::Kind::socks5, "socks5h");
    CHECK(site.service.shown().empty());
}

TEST_CASE("a message to a plain http address goes through the HTTP proxy as well") {
    const ChatService service{telegram_rules(kToken, {"-1001"})};
    const RealProxy proxy{RealProxy::Kind::http, kUser, kPassword};
    const auto send = [&](const std::string& password) {
        const NotifierEntry entry{
            read_telegram, fmt::format("{{bot_token: \"{}\", chat_id: \"-1001\", base_url: \"{}\", "
                                       "proxy: \"{}\"}}",
                                       kToken, service.url(), url_of("http", proxy, password))};
        return entry.provider->send(sample_mail());
    };
    CHECK(send(kPassword).kind == Kind::ok);
    CHECK(service.shown().size() == 1);
    // tinyproxy hangs up before it has read the body, so its 407 may or may not arrive.
    const auto refused = send("stale-password").kind;
    CHECK((refused == Kind::transient || refused == Kind::ambiguous));
    CHECK(service.shown().size() == 1);
}

TEST_CASE("mail goes through either proxy") {
    const MailServer server{{}};
    const auto send = [&](const std::string& proxy) {
        const NotifierEntry entry{
            read_smtp, fmt::format("{{host: 127.0.0.1, port: {}, tls: none, from: a@example.com, "
                                   "to: b@example.com, proxy: \"{}\"}}",
                                   server.port(), proxy)};
        return entry.provider->send(sample_mail());
    };
    const RealProxy http{RealProxy::Kind::http, kUser, kPassword};
    const RealProxy socks{RealProxy::Kind::socks5, kUser, kPassword};
    CHECK(send(url_of("http", http)).kind == Kind::ok);
    CHECK(send(url_of("socks5h", socks)).kind == Kind::ok);
    CHECK(server.mails().size() == 2);
    const auto refused = send(url_of("socks5h", socks, "stale-password"));
    CHECK(refused.kind == Kind::transient);
    CHECK(refused.advice.starts_with("the proxy refused or does not answer: check proxy"));
}
