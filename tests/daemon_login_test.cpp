#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "support/login_site.h"

namespace quotafuse::daemon {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

TEST_CASE("who is not logged in gets the login page, and nothing else but errors") {
    const LoginSite run;
    for (const auto* const path : {"/", "/index.html", "/login"}) {
        const auto page = run.get(path);
        CHECK(page.status == 200);
        CHECK(contains(page.body, "type=\"password\""));
        CHECK_FALSE(contains(page.body, "app.js"));
        CHECK(page.has_form);
        CHECK(page.cache_control == "no-store");
    }
    for (const auto* const path :
         {"/login.js", "/login.css", "/tokens.css", "/theme.js", "/favicon.svg"})
        CHECK(run.get(path).status == 200);
    for (const auto* const path : {"/api/v1/status", "/api/v1/events", "/api/v1/none", "/app.js",
                                   "/parts/dom.js", "/chart.js", "/none"}) {
        CAPTURE(path);
        const auto reply = run.get(path);
        CHECK(reply.status == 401);
        CHECK(header_of(reply, "WWW-Authenticate") == "Bearer");
        CHECK(json::parse(reply.body)["error"]["status"] == 401);
        CHECK_FALSE(reply.listens);
    }
    CHECK(run.get("/healthz").body == "ok\n");
    CHECK_FALSE(json::parse(run.get("/readyz").body).contains("reasons"));
}

TEST_CASE("the right password begins a session, which shows everything until it is ended") {
    const LoginSite run;
    const auto reply = run.log_in("correct%2Dhorse");
    CHECK(reply.status == 303);
    CHECK(header_of(reply, "Location") == "./");
    const auto cookie = header_of(reply, "Set-Cookie");
    CHECK(cookie.starts_with("quotafuse_session="));
    CHECK(cookie.substr(cookie.find(';')) == "; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict");
    const Headers in{{"cookie", "other=1; " + cookie_of(reply)}};
    CHECK(contains(run.get("/", in).body, "app.js"));
    CHECK(run.get("/api/v1/status", in).status == 200);
    CHECK(run.get("/api/v1/events", in).listens);
    CHECK(json::parse(run.get("/readyz", in).body).contains("reasons"));
    CHECK(header_of(run.get("/login", in), "Location") == "./");
    CHECK(run.get("/logout", in).status == 405);
    CHECK(run.get("/api/v1/status", in).status == 200);

    const auto out = run.ask("POST", "/logout", in);
    CHECK(out.status == 303);
    CHECK(contains(header_of(out, "Set-Cookie"), "quotafuse_session=; Path=/; Max-Age=0"));
    CHECK(run.get("/api/v1/status", in).status == 401);
}

TEST_CASE("scripts log in by JSON and are answered without a page") {
    const LoginSite run;
    const Headers as_json{{"content-type", "application/json"}, {"accept", "application/json"}};
    const auto right = run.ask("POST", "/login", as_json, R"({"password":"correct-horse"})");
    CHECK(right.status == 204);
    CHECK(run.get("/api/v1/status", {{"cookie", cookie_of(right)}}).status == 200);
    const auto wrong = run.ask("POST", "/login", as_json, R"({"password":"x"})");
    CHECK(wrong.status == 401);
    CHECK(json::parse(wrong.body)["error"]["status"] == 401);
    for (const auto* const body :
         {"", "{}", "[]", R"({"password":1})", R"({"password":null})", "\"correct-horse\"", "{"}) {
        CAPTURE(body);
        CHECK(run.ask("POST", "/login", as_json, body).status == 400);
    }
    CHECK(run.ask("POST", "/login", {{"content-type", "text/plain"}}, "password=correct-horse")
              .status == 400);
    CHECK(run.ask("POST", "/logout", {{"accept", "application/json"}}).status == 204);
}

TEST_CASE("a wrong password shows the form again with what is wrong, in both languages") {
    const LoginSite run;
    const auto reply = run.log_in("wrong");
    CHECK(reply.status == 401);
    CHECK(reply.has_form);
    CHECK(contains(reply.body, "role=\"alert\""));
    CHECK(contains(reply.body, "密码不对"));
    CHECK(contains(reply.body, "The password is wrong"));
    CHECK(header_of(reply, "Set-Cookie").empty());
    CHECK_FALSE(contains(run.get("/").body, "role=\"alert\""));
}

TEST_CASE("machines send the password with each request") {
    const LoginSite run;
    CHECK(run.bearer(kPassword) == 200);
    CHECK(run.get("/api/v1/status", {{"authorization", "bearer  " + kPassword}}).status == 200);
    CHECK(run.bearer("wrong") == 401);
    CHECK(run.get("/", {{"authorization", "Bearer wrong"}}).status == 401);
    for (const auto* const other : {"", "Bearer", "Bearer ", "Basic Y29ycmVjdC1ob3JzZQ=="})
        CHECK(run.get("/api/v1/status", {{"authorization", other}}).status == 401);
}

TEST_CASE("a password that is kept as a hash is checked by it") {
    const LoginSite run{{.password = base::Secret{hash_password(kPassword)}}};
    CHECK(run.bearer("wrong") == 401);
    CHECK(run.bearer(kPassword) == 200);
    CHECK(run.bearer(kPassword) == 200);  // remembered
    CHECK(run.bearer("wrong") == 401);
    const auto in = run.log_in(kPassword);
    CHECK(in.status == 303);
    CHECK(run.get("/", {{"cookie", cookie_of(in)}}).status == 200);
    // Whoever reads the hash in the file is not let in by it.
    CHECK(run.bearer(hash_password(kPassword)) == 401);
}

TEST_CASE("a session ends after a week, and the oldest of over a hundred at once") {
    LoginSite run;
    const auto status = [&](const std::string& cookie) {
        return run.get("/api/v1/status", {{"cookie", cookie}}).status;
    };
    const auto first = cookie_of(run.log_in(kPassword));
    run.clock.advance(7 * 24h - 1ms);
    CHECK(status(first) == 200);
    run.clock.advance(1ms);
    CHECK(status(first) == 401);

    const auto oldest = cookie_of(run.log_in(kPassword));
    run.clock.advance(1s);
    const auto second = cookie_of(run.log_in(kPassword));
    for (int i = 0; i < 98; ++i) run.log_in(kPassword);
    CHECK(status(oldest) == 200);
    run.clock.advance(1s);
    CHECK(run.log_in(kPassword).status == 303);
    CHECK(status(oldest) == 401);
    CHECK(status(second) == 200);
}

TEST_CASE(
    "sessions outlive a reload, but not another password, and are nothing to another process") {
    LoginSite run;
    const auto in = Headers{{"host", "127.0.0.1"}, {"cookie", cookie_of(run.log_in(kPassword))}};
    const HttpRequest request{.method = "GET",
                              .target = "/",
                              .path = "/api/v1/status",
                              .headers = in,
                              .peer = "127.0.0.1"};
    const auto status_with = [&](const std::string& password, Sessions& sessions) {
        const StatusSite site{
            {.ip = "127.0.0.1"}, run.view,  {},     {.password = base::Secret{password}},
            &sessions,           run.clock, run.log};
        return site.answer(request).status;
    };
    CHECK(status_with(kPassword, run.sessions) == 200);
    Sessions of_another_process{run.clock};
    CHECK(status_with(kPassword, of_another_process) == 401);
    CHECK(status_with("another-horse", run.sessions) == 401);
    CHECK(status_with(kPassword, run.sessions) == 401);  // gone is gone
}

TEST_CASE("cookies that nobody gave are nobody's") {
    const LoginSite run;
    const auto real = cookie_of(run.log_in(kPassword));
    for (const auto& cookie :
         {std::string{"quotafuse_session="}, "quotafuse_session=" + std::string(64, '0'),
          "quotafuse_session=" + std::string(30'000, 'a'), real + "0", real.substr(0, 60),
          "quotafuse_sessions" + real.substr(17), std::string{"quotafuse_session=\xff\xfe"}}) {
        CAPTURE(cookie);
        CHECK(run.get("/api/v1/status", {{"cookie", cookie}}).status == 401);
    }
    // Of another program on this host's other ports, for a longer path.
    CHECK(run.get("/api/v1/status", {{"cookie", "quotafuse_session=else; " + real}}).status == 200);
}

TEST_CASE("Host and Origin that lie get nothing") {
    const LoginSite run{
        {.password = base::Secret{kPassword}, .public_url = "https://fuse.example.com/q"}};
    const auto in = cookie_of(run.log_in(kPassword));
    CHECK(run.get("/", {{"host", "evil.example"}, {"cookie", in}}).status == 421);
    CHECK(run.log_in(kPassword, {{"host", "evil.example"}}).status == 421);
    CHECK(run.log_in(kPassword, {{"origin", "https://evil.example"}}).status == 403);
    CHECK(run.log_in(kPassword, {{"origin", "null"}}).status == 403);
    CHECK(run.ask("POST", "/logout", {{"cookie", in}, {"origin", "https://evil.example"}}).status ==
          403);
    CHECK(run.get("/api/v1/status", {{"cookie", in}}).status == 200);  // still logged in
    CHECK(run.log_in(kPassword, {{"origin", "https://fuse.example.com"}}).status == 303);
}

TEST_CASE("the page works below the path of its public URL, with its own cookie, and over TLS") {
    const LoginSite run{{.password = base::Secret{kPassword},
                         .public_url = "https://fuse.example.com/ops/quotafuse"}};
    const Headers proxied{{"host", "fuse.example.com"}, {"x-forwarded-for", "203.0.113.7"}};
    for (const std::string base : {"", "/ops/quotafuse"}) {
        CAPTURE(base);
        auto headers = proxied;
        headers.emplace_back("content-type", "application/x-www-form-urlencoded");
        const auto reply = run.ask("POST", base + "/login", headers, "password=" + kPassword);
        CHECK(reply.status == 303);
        CHECK(header_of(reply, "Location") == "./");
        CHECK(contains(header_of(reply, "Set-Cookie"), "; Path=/ops/quotafuse/; "));
        CHECK(header_of(reply, "Set-Cookie").ends_with("; Secure"));
        CHECK(header_of(reply, "Strict-Transport-Security") == "max-age=15552000");
        headers.emplace_back("cookie", cookie_of(reply));
        CHECK(run.get(base + "/api/v1/status", headers).status == 200);
        CHECK(contains(run.get(base + "/", headers).body, "app.js"));
    }
    const auto bare = run.get("/ops/quotafuse", proxied);
    CHECK(bare.status == 303);
    CHECK(header_of(bare, "Location") == "quotafuse/");
    CHECK(header_of(LoginSite{}.get("/"), "Strict-Transport-Security").empty());
}

TEST_CASE("a page is open to whom it is meant for") {
    const auto page = [](const char* text) {
        return [text](const HttpRequest&) {
            return HttpReply{.content_type = "text/plain", .body = text};
        };
    };
    const StatusPages pages{{"/more", {page("more")}},
                            {"/metrics", {page("metrics"), OpenTo::metrics}},
                            {"/public", {page("public"), OpenTo::anyone}}};
    const Headers through_proxy{{"x-forwarded-for", "203.0.113.7"}};
    const auto status = [](const LoginSite& run, const std::string& path, Headers headers = {}) {
        return run.get(path, std::move(headers)).status;
    };
    SUBCASE("with a password") {
        const LoginSite run{{.password = base::Secret{kPassword}}, pages};
        for (const auto* const path : {"/more", "/metrics"}) {
            CHECK(status(run, path) == 401);
            CHECK(status(run, path, {{"authorization", "Bearer " + kPassword}}) == 200);
        }
        CHECK(status(run, "/public") == 404);
        CHECK(status(run, "/public", {{"authorization", "Bearer " + kPassword}}) == 404);
    }
    SUBCASE("with a token for metrics, which opens nothing else") {
        const LoginSite run{{.password = base::Secret{kPassword},
                             .metrics_token = base::Secret{"0123456789abcdef"}},
                            pages};
        const Headers token{{"authorization", "Bearer 0123456789abcdef"}};
        CHECK(status(run, "/metrics", token) == 200);
        CHECK(status(run, "/metrics") == 401);
        CHECK(status(run, "/metrics", {{"authorization", "Bearer 0123456789abcdeF"}}) == 401);
        CHECK(status(run, "/metrics", {{"cookie", cookie_of(run.log_in(kPassword))}}) == 200);
        CHECK(status(run, "/more", token) == 401);
        CHECK(status(run, "/api/v1/status", token) == 401);
    }
    SUBCASE("in public") {
        const LoginSite run{{.password = base::Secret{kPassword}, .public_pages = true}, pages};
        CHECK(status(run, "/public") == 200);
        CHECK(status(run, "/public", through_proxy) == 200);
        CHECK(status(run, "/public", {{"host", "evil.example"}}) == 421);
        CHECK(status(run, "/more") == 401);
    }
    SUBCASE("without a password") {
        const LoginSite run{{.metrics_token = base::Secret{"0123456789abcdef"}}, pages};
        CHECK(status(run, "/more") == 200);
        CHECK(status(run, "/more", through_proxy) == 403);
        CHECK(status(run, "/metrics") == 401);
        CHECK(status(run, "/metrics", {{"authorization", "Bearer 0123456789abcdef"}}) == 200);
        CHECK(status(LoginSite{{}, pages}, "/metrics") == 200);
        CHECK(status(LoginSite{{}, pages}, "/metrics", through_proxy) == 403);
        CHECK(status(run, "/login") == 404);
        CHECK(run.log_in("").status == 404);
    }
}

}  // namespace
}  // namespace quotafuse::daemon
