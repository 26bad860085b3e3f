// The shipped nginx configuration, with Debian's nginx before a real daemon.

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <httplib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon_password_site.h"
#include "support/tls_files.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

/// Where it is; empty where it is not installed.
std::string find_nginx() {
    const auto* const path = std::getenv("PATH");
    std::istringstream folders{std::string{path == nullptr ? "" : path} + ":/usr/sbin"};
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (::access((folder + "/nginx").c_str(), X_OK) == 0) return folder + "/nginx";
    }
    return {};
}

void replace(std::string& text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    REQUIRE_MESSAGE(at != std::string::npos, from);
    for (auto next = at; next != std::string::npos; next = text.find(from, next + to.size()))
        text.replace(next, from.size(), to);
}

class Nginx {
public:
    Nginx(const std::string& program, int to_port)
        : certificate_(authority_.issue("DNS:localhost")) {
        auto site = read_file(QUOTAFUSE_ETC "/nginx.conf.example");
        replace(site, "listen 443 ", fmt::format("listen 127.0.0.1:{} ", port));
        replace(site, "listen 80;", fmt::format("listen 127.0.0.1:{};", plain_port));
        replace(site, "    listen [::]", "    # listen [::]");
        replace(site, "http://127.0.0.1:8787/", fmt::format("http://127.0.0.1:{}/", to_port));
        replace(site, "/etc/letsencrypt/live/fuse.example.com/fullchain.pem",
                certificate_.certificate);
        replace(site, "/etc/letsencrypt/live/fuse.example.com/privkey.pem", certificate_.key);
        write_file(folder_.file("site.conf"), site);
        write_file(folder_.file("nginx.conf"),
                   fmt::format("daemon off;\nmaster_process off;\npid {0}/pid;\nerror_log "
                               "{0}/errors;\nevents {{}}\nhttp {{\naccess_log "
                               "off;\nclient_body_temp_path {0}/a;\nproxy_temp_path {0}/b;\n"
                               "fastcgi_temp_path {0}/c;\nuwsgi_temp_path {0}/d;\nscgi_temp_path "
                               "{0}/e;\ngzip on;\ninclude {0}/site.conf;\n}}\n",
                               folder_.path()));
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const auto conf = folder_.file("nginx.conf");
            const auto errors = folder_.file("errors");
            ::execl(program.c_str(), "nginx", "-p", folder_.path().c_str(), "-c", conf.c_str(),
                    "-e", errors.c_str(), nullptr);
            ::_exit(127);
        }
        REQUIRE_MESSAGE(eventually([&] { return http_get(plain_port, "/").status != 0; }),
                        read_file(folder_.file("errors")));
    }
    ~Nginx() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Nginx(const Nginx&) = delete;
    Nginx& operator=(const Nginx&) = delete;

    /// One who comes by the public name, and trusts the certificate.
    std::unique_ptr<httplib::SSLClient> client(httplib::Headers headers = {}) const {
        auto client = std::make_unique<httplib::SSLClient>("localhost", port);
        client->set_ca_cert_path(authority_.certificate().c_str());
        client->enable_server_certificate_verification(true);
        client->set_read_timeout(20);
        headers.emplace("Host", "fuse.example.com");
        client->set_default_headers(headers);
        return client;
    }
    /// Without what later versions say of `listen … http2`, which Debian 12's needs.
    std::string errors() const {
        std::ifstream file{folder_.file("errors")};
        std::string errors;
        for (std::string line; std::getline(file, line);)
            if (!contains(line, "\"listen ... http2\" directive is deprecated"))
                errors += line + "\n";
        return errors;
    }

    const int port = free_port();
    const int plain_port = free_port();

private:
    TempDir folder_;
    TestAuthority authority_{"a test"};
    TlsFiles certificate_;
    pid_t pid_ = -1;
};

const httplib::Headers kFrom{{"Origin", "https://fuse.example.com"}};

int log_in(httplib::SSLClient& client, const std::string& password, std::string* cookie = nullptr) {
    const auto reply = client.Post("/quotafuse/login", kFrom, "password=" + password,
                                   "application/x-www-form-urlencoded");
    REQUIRE(reply);
    if (cookie != nullptr) *cookie = reply->get_header_value("Set-Cookie");
    return reply->status;
}

/// Exports come whole and in pieces, under a name, and only to who is logged in.
void check_exports(const PasswordSite& site, httplib::SSLClient& member) {
    constexpr int kRows = 20'000;
    site.gateway(fmt::format(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
        "INSERT INTO logs(created_at, type, prompt_tokens, channel_id, model_name, token_name, "
        "token_id, other) SELECT strftime('%s'), 2, i, 3, 'model-of-an-export', 'k', 1, '' FROM n",
        kRows));
    REQUIRE(eventually([&] {
        const auto reply = member.Get("/quotafuse/api/v1/status");
        return reply && nlohmann::json::parse(reply->body).at("rows") == kRows + 1;
    }));
    const std::string address = "/quotafuse/api/v1/export?what=logs&window=1h&format=";
    std::string csv;
    std::size_t pieces = 0;
    const auto as_csv = member.Get(address + "csv", [&](const char* data, std::size_t size) {
        csv.append(data, size);
        ++pieces;
        return true;
    });
    REQUIRE(as_csv);
    CHECK(as_csv->status == 200);
    CHECK(contains(as_csv->get_header_value("Content-Type"), "text/csv"));
    CHECK(contains(as_csv->get_header_value("Content-Disposition"), "attachment; filename="));
    CHECK(pieces > 10);
    CHECK(std::count(csv.begin(), csv.end(), '\n') == kRows + 2);  // with the head
    CHECK(csv.ends_with("\r\n"));
    const auto as_json = member.Get(address + "json");
    REQUIRE(as_json);
    CHECK(nlohmann::json::parse(as_json->body).at("rows").size() == kRows + 1);
}

}  // namespace

TEST_CASE("the shipped nginx site: login, page, events and export of what is below a base path") {
    const auto program = find_nginx();
    REQUIRE_MESSAGE(!program.empty(),
                    "nginx is not installed: ./dev setup test installs it (Debian's nginx-light)");
    const PasswordSite site{"correct-horse",
                            ", public_url: https://fuse.example.com/quotafuse, trusted_proxies: "
                            "[127.0.0.1]"};
    const auto running = site.start();
    const Nginx nginx{program, site.port()};
    const auto stranger = nginx.client();

    const auto bare = stranger->Get("/quotafuse");
    REQUIRE_MESSAGE(bare, nginx.errors());
    CHECK(bare->status == 308);
    CHECK(contains(bare->get_header_value("Location"), "/quotafuse/"));
    const auto form = stranger->Get("/quotafuse/");
    REQUIRE(form);
    CHECK(form->status == 200);
    CHECK(contains(form->body, "action=\"./login\""));
    CHECK(contains(form->get_header_value("Content-Security-Policy"), "form-action 'self'"));
    CHECK(form->get_header_value_count("Content-Security-Policy") == 1);
    CHECK(contains(form->get_header_value("Strict-Transport-Security"), "max-age="));
    CHECK(stranger->Get("/quotafuse/login.js")->status == 200);
    CHECK(stranger->Get("/quotafuse/api/v1/status")->status == 401);
    CHECK(stranger->Get("/quotafuse/api/v1/export?what=logs&format=csv")->status == 401);
    CHECK(stranger->Get("/quotafuse/healthz")->status == 200);

    std::string cookie;
    CHECK(log_in(*stranger, "correct-horse", &cookie) == 303);
    CHECK(contains(cookie, "; Path=/quotafuse/; "));
    CHECK(contains(cookie, "; Secure"));
    const auto member = nginx.client({{"Cookie", cookie.substr(0, cookie.find(';'))}});
    const auto page = member->Get("/quotafuse/");
    REQUIRE(page);
    CHECK(contains(page->body, "./app.js"));
    CHECK(member->Get("/quotafuse/app.js")->status == 200);
    CHECK(nlohmann::json::parse(member->Get("/quotafuse/api/v1/status")->body).contains("rows"));

    // At once, though the stream goes on and is far smaller than any buffer.
    std::string events;
    site.request(1);
    member->Get("/quotafuse/api/v1/events", [&](const char* data, std::size_t size) {
        events.append(data, size);
        return !contains(events, "\"rows\":1,");
    });
    CHECK(contains(events, "retry: 5000\n\n"));
    CHECK(contains(events, "\"rows\":1,"));

    check_exports(site, *member);

    // nginx itself is not slowed down, only who guessed; here that is the same host.
    for (int i = 0; i < 5; ++i) CHECK(log_in(*stranger, "guess") == 401);
    CHECK(log_in(*stranger, "correct-horse") == 429);
    CHECK(member->Get("/quotafuse/api/v1/status")->status == 200);
    const auto evil = nginx.client();
    evil->set_default_headers({{"Host", "evil.example"}});
    CHECK(evil->Get("/quotafuse/")->status == 421);

    CHECK(member->Post("/quotafuse/logout", kFrom, "", "text/plain")->status == 303);
    CHECK(member->Get("/quotafuse/api/v1/status")->status == 401);
    CHECK(http_get(nginx.plain_port, "/quotafuse/").status == 308);
    CHECK(nginx.errors().empty());
}
