#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "daemon/web_files.h"
#include "support/status_site.h"

namespace quotafuse::daemon {
namespace {

using nlohmann::json;

TEST_CASE("the status is served to a direct request with strict headers") {
    const Running run;
    const auto reply = get(run.port, "/api/v1/status");
    CHECK(status_of(reply) == 200);
    CHECK(body_of(reply) == R"({"version":"0.1.0","rows":42})");
    for (const auto* header :
         {"Content-Type: application/json\r\n", "Cache-Control: no-store\r\n",
          "Connection: close\r\n", "X-Content-Type-Options: nosniff\r\n",
          "Referrer-Policy: no-referrer\r\n", "Cross-Origin-Resource-Policy: same-origin\r\n",
          "Content-Length: 29\r\n",
          "script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
          "frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n"}) {
        CAPTURE(header);
        CHECK(contains(reply, header));
    }
}

TEST_CASE(
    "every embedded file of the page is served as its own type, and the page names only files that "
    "exist") {
    const Running run;
    const auto page = get(run.port, "/");
    CHECK(status_of(page) == 200);
    CHECK(contains(page, "Content-Type: text/html; charset=utf-8"));
    REQUIRE(web_files().size() >= 5);
    for (const auto& file : web_files()) {
        CAPTURE(file.name);
        const auto reply = get(run.port, "/" + std::string{file.name});
        CHECK(status_of(reply) == 200);
        CHECK(body_of(reply) == file.content);
        CHECK_FALSE(contains(reply, "octet-stream"));
    }
    for (const auto* name : {"/app.js", "/page.css", "/favicon.svg"}) CHECK(contains(page, name));
    for (const auto* name : {"chart.js", "parts/dom.js", "pages/overview.js", "texts/overview.js"})
        CHECK(find_web_file(name) != nullptr);
    CHECK(find_web_file("overview.js") == nullptr);
    CHECK(find_web_file("") == nullptr);
}

TEST_CASE("a file goes packed to who takes gzip, and not again to who has it") {
    const Running run;
    const auto* const file = find_web_file("chart.js");
    REQUIRE(file != nullptr);
    CHECK(file->packed.size() < file->content.size() / 2);
    for (const auto* const takes : {"gzip", "br, gzip;q=0.5", "deflate, gzip"}) {
        CAPTURE(takes);
        const auto reply =
            get(run.port, "/chart.js", fmt::format("Accept-Encoding: {}\r\n", takes));
        CHECK(contains(reply, "Content-Encoding: gzip\r\n"));
        CHECK(contains(reply, "Vary: Accept-Encoding\r\n"));
        CHECK(body_of(reply) == file->packed);
    }
    for (const auto* const takes : {"br", "gzip;q=0", "gzip; q=0.0", "xgzip", ""}) {
        CAPTURE(takes);
        const auto reply =
            get(run.port, "/chart.js", fmt::format("Accept-Encoding: {}\r\n", takes));
        CHECK_FALSE(contains(reply, "Content-Encoding"));
        CHECK(contains(reply, "Vary: Accept-Encoding\r\n"));
        CHECK(body_of(reply) == file->content);
    }
    const auto whole = get(run.port, "/chart.js");
    CHECK(contains(whole, "Cache-Control: private, no-cache\r\n"));
    const auto at = whole.find("ETag: ") + 6;
    const auto tag = whole.substr(at, whole.find("\r\n", at) - at);
    const auto again = get(run.port, "/chart.js", "If-None-Match: " + tag + "\r\n");
    CHECK(status_of(again) == 304);
    CHECK(body_of(again).empty());
    CHECK(status_of(get(run.port, "/chart.js",
                        "Accept-Encoding: gzip\r\nIf-None-Match: " + tag + "\r\n")) == 200);
}

TEST_CASE("the page has no inline script or style and its script never writes markup") {
    for (const auto& file : web_files()) {
        CAPTURE(file.name);
        if (file.name == "chart.js" || file.name == "favicon.svg") continue;
        std::string text{file.content};
        // A namespace is an address that nobody fetches.
        base::replace_all(text, "http://www.w3.org/2000/svg", "");
        for (const auto* forbidden :
             {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
              " style=", "<style", "onclick=", "http://", "https://"}) {
            CAPTURE(forbidden);
            CHECK_FALSE(contains(text, forbidden));
        }
    }
}

TEST_CASE("HEAD gives the headers of GET without the body") {
    const Running run;
    const auto reply = ask(run.port, "HEAD /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(status_of(reply) == 200);
    CHECK(contains(reply, "Content-Length: 29\r\n"));
    CHECK(body_of(reply).empty());
}

TEST_CASE("other methods get 405 with the methods that are allowed") {
    const Running run;
    for (const std::string method :
         {"POST", "PUT", "DELETE", "TRACE", "OPTIONS", "PATCH", "CONNECT", "get", "BREW"}) {
        CAPTURE(method);
        const auto reply =
            ask(run.port,
                method +
                    " /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\r\nbody");
        CHECK(error_status(reply) == 405);
        CHECK(contains(reply, "Allow: GET, HEAD\r\n"));
    }
}

TEST_CASE("a request with a body is refused") {
    const Running run;
    CHECK(error_status(get(run.port, "/", "Content-Length: 5\r\n")) == 413);
    CHECK(error_status(get(run.port, "/", "Content-Length: -1\r\n")) == 413);
    CHECK(error_status(get(run.port, "/", "Transfer-Encoding: chunked\r\n")) == 400);
    CHECK(status_of(get(run.port, "/", "Content-Length: 0\r\n")) == 200);
}

TEST_CASE("a malformed request gets an error in the one shape") {
    const Running run;
    const std::vector<std::pair<std::string, int>> requests{
        {"nonsense\r\n\r\n", 400},
        {"\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        {"GET http://127.0.0.1/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        {"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505},
        {"GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: localhost\r\n folded: line\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\nY: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400},
        {"GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 414},
    };
    for (const auto& [text, status] : requests) {
        const auto& request = text;
        CAPTURE(request);
        CHECK(error_status(ask(run.port, request)) == status);
    }
}

TEST_CASE("a path that climbs or is encoded reaches no file") {
    const Running run;
    for (const auto* target :
         {"/../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
          "/web/app.js", "/app.js%00.html", "/api/v1/status/", "/api/v1", "/index.html/", "/%",
          "/%zz"}) {
        CAPTURE(target);
        CHECK(error_status(get(run.port, target)) == 404);
    }
    CHECK(status_of(get(run.port, "/app.js?v=1#x")) == 200);
}

TEST_CASE("ranges and encodings that are not there change nothing") {
    const Running run;
    std::string ranges = "Range: bytes=0-";
    for (int i = 0; i < 4000; ++i) ranges += ",0-";
    const auto reply = get(run.port, "/app.js",
                           ranges + "\r\nAccept-Encoding: zstd, br\r\nExpect: 100-continue\r\n");
    CHECK(status_of(reply) == 200);
    CHECK(body_of(reply) == body_of(get(run.port, "/app.js")));
}

TEST_CASE("a request that is not direct is refused and told of a tunnel") {
    const Running run;
    for (const auto* header :
         {"X-Forwarded-For: 10.0.0.1", "x-forwarded-host: status.example",
          "X-Forwarded-Proto: https", "Forwarded: for=10.0.0.1", "X-Real-IP: 127.0.0.1",
          "Via: 1.1 proxy", "CF-Connecting-IP: 10.0.0.1", "True-Client-IP: 10.0.0.1"}) {
        CAPTURE(header);
        const auto reply = get(run.port, "/api/v1/status", std::string{header} + "\r\n");
        CHECK(error_status(reply) == 403);
        CHECK(contains(reply, "ssh -L"));
        CHECK(contains(reply, "status.password"));
        CHECK(contains(reply, "status.public_url"));
        CHECK(error_status(get(run.port, "/", std::string{header} + "\r\n")) == 403);
    }
}

TEST_CASE("only the names of the loopback interface are accepted as Host") {
    const Running run;
    const auto with_host = [&](const std::string& host) {
        return status_of(ask(run.port, "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n"));
    };
    for (const auto* host :
         {"127.0.0.1", "127.0.0.1:8787", "localhost", "LocalHost:1", "[::1]", "[::1]:8787"}) {
        CAPTURE(host);
        CHECK(with_host(host) == 200);
    }
    for (const auto* host :
         {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8787",
          "localhost:80@evil.example", "192.168.1.2:8787", "::1", "", "127.0.0.1:8787:1"}) {
        CAPTURE(host);
        CHECK(with_host(host) == 403);
    }
}

TEST_CASE("a peer that is not loopback is refused whatever it claims") {
    const Fixture f;
    const StatusSite site{{.ip = "127.0.0.1"}, f.view, {}, {}, nullptr, f.clock, f.log};
    HttpRequest request{.method = "GET",
                        .target = "/",
                        .path = "/",
                        .headers = {{"host", "127.0.0.1"}},
                        .peer = "192.168.1.7"};
    CHECK(site.answer(request).status == 403);
    request.peer = "::ffff:127.0.0.1";
    CHECK(site.answer(request).status == 200);
}

TEST_CASE("health and readiness answer probes that come through a proxy") {
    Running run;
    const auto probe = [&](const std::string& path) {
        return ask(run.port,
                   "GET " + path +
                       " HTTP/1.1\r\nHost: status.example\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n");
    };
    CHECK(body_of(probe("/healthz")) == "ok\n");
    // Without the reasons, which may name hosts and accounts.
    CHECK(json::parse(body_of(probe("/readyz"))) == json{{"ready", true}});
}

TEST_CASE("health and readiness are 503 when the daemon says so") {
    Fixture f;
    f.view.living = false;
    f.view.ready = false;
    f.view.reasons = {"the gateway's database cannot be reached: \xff"};
    const StatusServer server{{.ip = "127.0.0.1"}, f.view, f.clock, f.log};
    CHECK(error_status(get(server.port(), "/healthz")) == 503);
    const auto reply = get(server.port(), "/readyz");
    CHECK(status_of(reply) == 503);
    CHECK(json::parse(body_of(reply))["reasons"][0] ==
          "the gateway's database cannot be reached: \uFFFD");
}

}  // namespace
}  // namespace quotafuse::daemon
