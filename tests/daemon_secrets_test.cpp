// No output, file or page of the program holds a secret of its configuration, whatever fails.
#include <filesystem>
#include <fstream>

#include "base/guarded.h"
#include "daemon_alerts_site.h"
#include "support/chat_services.h"
#include "support/mail_server.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

/// Each secret begins with it; where a login is encoded it stands at a boundary of Base64.
constexpr auto kSecret = "s3cr3t";
constexpr auto kEncoded = "czNjcjN0";
/// Base64 of "me:s3cr3t-basic", and of what AUTH PLAIN sends for "abcd" and "s3cr3t-mail".
constexpr auto kBasic = "bWU6czNjcjN0LWJhc2lj";
constexpr auto kPlain = "AGFiY2QAczNjcjN0LW1haWw=";

using Outputs = std::map<std::string, std::string>;

/// Services that fail in every way and repeat in their answers all that they were sent.
class BrokenServices {
public:
    /// By what goes wrong, the beginning of a URL.
    std::map<std::string, std::string> urls() const {
        auto broken_tls = json_.url();
        broken_tls.replace(0, 4, "https");
        return {{"json", json_.url()},
                {"page", page_.url()},
                {"redirect", redirect_.url()},
                {"silent", silent_.url()},
                {"hang", hanging_.url()},
                {"refused", refusing_url()},
                {"lost", "http://nowhere.invalid"},
                {"tls", broken_tls}};
    }
    std::string proxy() const { return proxy_.url().substr(std::string_view{"http://"}.size()); }
    bool were_told(const std::string& text) const { return contains(seen_.copy(), text); }

private:
    RawServer::Behaviour says(const std::string& head,
                              std::function<std::string(const std::string&)> body) {
        return [this, head, body](int socket, const std::string& request) {
            seen_.with([&](auto& all) { all += request; });
            const auto text = body(request);
            RawServer::say(socket, fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n{}", head,
                                               text.size(), text));
        };
    }
    static std::string as_json(const std::string& request) {
        return nlohmann::json{{"ok", false},      {"error_code", 400}, {"description", request},
                              {"errcode", 93000}, {"errmsg", request}, {"code", 19001},
                              {"msg", request}}
            .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
    static std::string as_it_is(const std::string& request) { return request; }

    base::Guarded<std::string> seen_;
    RawServer json_{says("400 Bad Request", as_json)};
    RawServer page_{says("502 Bad Gateway\r\nContent-Type: text/html", as_it_is)};
    RawServer redirect_{says("302 Found\r\nLocation: http://127.0.0.1/s3cr3t", as_it_is)};
    RawServer silent_{[](int, const std::string&) {}};
    RawServer hanging_{RawServer::hang};
    RawServer proxy_{says("407 No\r\nProxy-Authenticate: Basic realm=\"x\"", as_it_is)};
};

std::string entries_at(const std::string& name, const std::string& url) {
    return fmt::format(
        "  telegram-{0}: {{type: telegram, bot_token: \"123456789:{2}-{0}\", chat_id: \"-1\", "
        "base_url: \"{1}\", timeout: 1s}}\n"
        "  feishu-{0}: {{type: feishu, webhook: \"{1}/open-apis/bot/v2/hook/{2}-{0}\", secret: "
        "{2}-sign-{0}, timeout: 1s}}\n"
        "  wecom-{0}: {{type: wecom, webhook: \"{1}/cgi-bin/webhook/send?key={2}-{0}\", timeout: "
        "1s}}\n"
        "  dingtalk-{0}: {{type: dingtalk, webhook: \"{1}/robot/send?access_token={2}-{0}\", "
        "secret: {2}-sign-{0}, timeout: 1s}}\n"
        "  webhook-{0}: {{type: webhook, url: \"{1}/{2}-{0}\", secret: {2}-sign-{0}, headers: "
        "{{Authorization: \"Basic {3}\", X-Key: {2}-header}}, timeout: 1s}}\n",
        name, url, kSecret, kBasic);
}

/// Every type of notifier with every kind of failure.
std::string every_notifier(const BrokenServices& services, const MailServer& mail) {
    std::string entries = "\n  screen: {type: console}\n";
    for (const auto& [name, url] : services.urls()) entries += entries_at(name, url);
    for (const std::string route : {"http-https", "http-http", "socks5h-http"}) {
        const auto proxy = route.substr(0, route.find('-'));
        const auto target = route.substr(route.find('-') + 1);
        for (const auto& host : {services.proxy(), std::string{"127.0.0.1:9"}}) {
            entries += fmt::format(
                "  {0}-{1}: {{type: telegram, bot_token: \"123456789:{2}-{0}-{1}\", chat_id: "
                "\"-1\", base_url: \"{3}://telegram.invalid\", proxy: "
                "\"{4}://me:{2}-proxy%21@{5}\", timeout: 1s}}\n",
                route, host.ends_with(":9") ? "refused" : "answered", kSecret, target, proxy, host);
        }
    }
    entries += fmt::format(
        "  mail: {{type: smtp, host: 127.0.0.1, port: {}, tls: none, username: abcd, password: "
        "{}-mail, from: q@example.com, to: [a@example.com], timeout: 2s}}\n"
        "  program: {{type: exec, command: [/bin/sh, -c, \"echo token is $TOKEN >&2; exit 1\"], "
        "env: {{TOKEN: {}-env}}}}\n",
        mail.port(), kSecret, kSecret);
    return entries;
}

MailRules refuse_and_repeat() {
    MailRules rules;
    rules.user = "abcd";
    rules.answers = {
        {"AUTH", fmt::format("535 5.7.8 {} is no login, nor is abcd/{}-mail", kPlain, kSecret)}};
    return rules;
}

bool all_failed(const nlohmann::json& status) {
    for (const auto& one : status.at("outbox").at("notifiers")) {
        if (one.at("name") != "screen" && one.at("last_failure").is_null()) return false;
    }
    return true;
}

void add(Outputs& outputs, const Site& site, const std::vector<std::string>& command) {
    const auto ran = site.run(command);
    outputs[fmt::format("`{}`", fmt::join(command, " "))] = ran.out + ran.err;
}

void add_commands(Outputs& outputs, const Site& site) {
    add(outputs, site, {"status"});
    add(outputs, site, {"status", "--json"});
    add(outputs, site, {"check", "--online"});
    add(outputs, site, {"grants"});
    add(outputs, site, {"notify", "--list"});
    add(outputs, site, {"notify", "--list", "--json"});
    add(outputs, site, {"notify", "telegram-json", "--chats"});
    add(outputs, site, {"notify", "nobody"});
    for (const std::string name :
         {"telegram-json", "telegram-tls", "feishu-page", "wecom-redirect", "dingtalk-json",
          "webhook-json", "webhook-silent", "http-https-answered", "http-http-answered",
          "socks5h-http-refused", "mail", "program"})
        add(outputs, site, {"notify", name});
}

void add_pages(Outputs& outputs, const Site& site) {
    for (const std::string path :
         {"/", "/app.js", "/api/v1/status", "/api/v1/outbox", "/readyz", "/healthz"}) {
        const auto reply = http_get(site.port(), path);
        // While the gateway cannot be read the page of readiness says so.
        CHECK_MESSAGE((reply.status == 200 || (path == "/readyz" && reply.status == 503)), path);
        CHECK_FALSE(reply.body.empty());
        outputs[path] = reply.body;
    }
}

void add_files(Outputs& outputs, const Site& site) {
    const auto folder = std::filesystem::path{site.store()}.parent_path();
    for (const auto& file : std::filesystem::directory_iterator{folder}) {
        const auto path = file.path().string();
        if (path.starts_with(site.store())) outputs[path] = read_file(path);
    }
}

void check_none_told(const Outputs& outputs) {
    for (const auto& [name, text] : outputs) {
        for (const std::string needle : {kSecret, kEncoded}) {
            const auto at = text.find(needle);
            const auto around =
                at == std::string::npos ? std::string{} : text.substr(at < 100 ? 0 : at - 100, 200);
            CHECK_MESSAGE(at == std::string::npos, name, " tells a secret: ", around);
        }
    }
}

}  // namespace

TEST_CASE("no secret of the configuration is told, whatever fails and whoever is asked") {
    BrokenServices services;
    const MailServer mail{refuse_and_repeat()};
    const Site site{
        "  - {name: burn, metric: tokens, by: [channel], window: 1h, above: 1000, action: "
        "{disable_channel: {mode: live}}}\n",
        "newapi_2026", every_notifier(services, mail)};
    std::ofstream{site.config(), std::ios::app} << fmt::format(
        "heartbeat: {{url: \"{}/{}-ping\", every: 10s}}\n"
        "breaker: {{dsn: \"qf:{}-dsn@tcp(127.0.0.1:9)/x\", mode: live}}\n",
        services.urls().at("json"), kSecret, kSecret);
    Program daemon{{"run", "--debug", "--config", site.config()}};
    REQUIRE_MESSAGE(eventually([&] { return http_get(site.port(), "/readyz").status == 200; }),
                    daemon.err());
    site.request(1);
    site.settle();
    site.request(5000);
    REQUIRE_MESSAGE(eventually([&] { return all_failed(site.status()); }, 60s), daemon.err());
    REQUIRE(eventually([&] { return contains(daemon.err(), "heartbeat: is not heard"); }));
    REQUIRE(eventually([&] { return contains(daemon.err(), "breaker: channel 3"); }, 60s));

    Outputs outputs;
    add_commands(outputs, site);
    add_pages(outputs, site);
    std::ofstream{site.config(), std::ios::app} << "typo: 1\n";
    daemon.signal(SIGHUP);
    REQUIRE(eventually([&] { return contains(daemon.err(), "reload refused"); }));
    add(outputs, site, {"check"});
    outputs["the page after a refused reload"] = http_get(site.port(), "/api/v1/status").body;
    add_files(outputs, site);
    daemon.signal(SIGTERM);
    CHECK(daemon.wait(5s) == 0);
    outputs["stdout"] = daemon.out();
    outputs["the log"] = daemon.err();
    add_files(outputs, site);
    check_none_told(outputs);
    // They stood in the answers.
    for (const std::string secret : {"-json", "-page", "-redirect", "-ping", "-header"})
        CHECK(services.were_told(kSecret + secret));
    CHECK(services.were_told(kEncoded));
}

TEST_CASE("no password of a gateway's database is told while it cannot be reached") {
    const Site site{kBurn};
    write_file(site.config(),
               fmt::format("source: {{dsn: \"qf:{0}@tcp(127.0.0.1:9)/x\", log_dsn: "
                           "\"logs:{0}-logs@tcp(127.0.0.1:9)/y\"}}\nstore: {{path: {1}}}\n"
                           "control: {{socket: {1}.sock}}\nstatus: {{listen: \"127.0.0.1:{2}\"}}\n"
                           "rules: [rules.yaml]\n",
                           kSecret, site.store(), site.port()));
    Program daemon{{"run", "--debug", "--config", site.config()}};
    REQUIRE(eventually([&] {
        return contains(http_get(site.port(), "/readyz").body, "the gateway cannot be read");
    }));
    Outputs outputs;
    const std::vector<std::vector<std::string>> commands = {
        {"status"}, {"check", "--online"}, {"sync"}, {"grants"}};
    for (const auto& command : commands) add(outputs, site, command);
    add_pages(outputs, site);
    daemon.signal(SIGTERM);
    CHECK(daemon.wait(5s) == 0);
    outputs["the log"] = daemon.err();
    add_files(outputs, site);
    check_none_told(outputs);
}

TEST_CASE("no secret that is written wrongly is told by the complaint about it") {
    const std::vector<std::string> wrong = {
        "{type: telegram, bot_token: s3cr3t-no-token, chat_id: s3cr3t-no-chat}",
        "{type: telegram, bot_token: \"123:s3cr3t x\", chat_id: \"-1\", base_url: s3cr3t}",
        "{type: telegram, bot_token: [s3cr3t], chat_id: \"-1\", proxy: \"s3cr3t://me:s3cr3t@x\"}",
        "{type: feishu, webhook: \"https://open.feishu.cn/open-apis/bot/hook/s3cr3t\"}",
        "{type: feishu, webhook: s3cr3t, secret: {s3cr3t: s3cr3t}}",
        "{type: wecom, webhook: \"https://qyapi.weixin.qq.com/s3cr3t\"}",
        "{type: dingtalk, webhook: \"ftp://x/robot/send?access_token=s3cr3t\"}",
        "{type: webhook, url: \"s3cr3t\", headers: [s3cr3t]}",
        "{type: webhook, url: \"http://x/y\", headers: {X-Key: \"s3cr3t\\ninjected\"}}",
        "{type: smtp, host: \"me:s3cr3t@mail\", password: s3cr3t, from: q@x.org, to: [a@x.org]}",
        "{type: exec, command: [/bin/true], env: [s3cr3t]}",
    };
    Outputs outputs;
    for (const auto& entry : wrong) {
        const Site site{kBurn, "newapi_2026", "{one: " + entry + "}"};
        const auto ran = site.run({"check"});
        INFO(ran.out, ran.err);
        CHECK(ran.code == 78);
        outputs[entry.substr(0, 20)] += ran.out + ran.err;
    }
    for (const auto& dsn : {"root:s3cr3t@tcp(x:y)/z", "root:s3cr3t@@", "mysql://root:s3cr3t@"}) {
        const Site site{kBurn};
        write_file(site.config(), fmt::format("source: {{dsn: \"{}\"}}\n", dsn));
        const auto ran = site.run({"check"});
        CHECK(ran.code == 78);
        outputs[fmt::format("dsn of {} characters", std::string_view{dsn}.size())] =
            ran.out + ran.err;
    }
    check_none_told(outputs);
}
