#include "daemon/login.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "daemon/http_form.h"
#include "daemon/password.h"
#include "daemon/web_files.h"

namespace quotafuse::daemon {
namespace {

constexpr std::string_view kCookie = "quotafuse_session";
constexpr std::string_view kBearer = "bearer ";
constexpr std::string_view kTroublePlace = "<!-- trouble -->";

std::string header_or_empty(const HttpRequest& request, std::string_view name) {
    const auto* const value = request.header(name);
    return value == nullptr ? std::string{} : *value;
}

std::string set_cookie(const CookieScope& scope, std::string_view value, base::Seconds lasts) {
    return fmt::format("{}={}; Path={}; Max-Age={}; HttpOnly; SameSite=Strict{}", kCookie, value,
                       scope.path, lasts.count(), scope.secure ? "; Secure" : "");
}

bool wants_json(const HttpRequest& request) {
    return header_or_empty(request, "accept").find("application/json") != std::string::npos;
}

/// What the scheme Bearer carries; nothing for other schemes.
std::optional<std::string> bearer_of(const HttpRequest& request) {
    const auto value = header_or_empty(request, "authorization");
    const bool bearer =
        value.size() > kBearer.size() &&
        std::equal(kBearer.begin(), kBearer.end(), value.begin(),
                   [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); });
    if (!bearer) return std::nullopt;
    return std::string{base::trim(std::string_view{value}.substr(kBearer.size()))};
}

std::optional<std::string> password_of(const HttpRequest& request) {
    const auto type = header_or_empty(request, "content-type");
    if (type.starts_with("application/x-www-form-urlencoded"))
        return form_field(request.body, "password");
    if (!type.starts_with("application/json")) return std::nullopt;
    const auto parsed = nlohmann::json::parse(request.body, nullptr, false);
    const auto field = parsed.is_object() ? parsed.find("password") : parsed.end();
    if (field == parsed.end() || !field->is_string()) return std::nullopt;
    return field->get<std::string>();
}

std::string_view words_of(LoginTrouble trouble) {
    switch (trouble) {
        case LoginTrouble::none:
            return "";
        case LoginTrouble::wrong:
            return R"(<p id="trouble" class="trouble" role="alert">密码不对。 The password is wrong.</p>)";
        case LoginTrouble::wait:
            return R"(<p id="trouble" class="trouble" role="alert">错误次数太多，请稍候再试。 Too many wrong passwords. Please wait a moment.</p>)";
    }
    std::abort();
}

/// Back to where the page is, below whatever base path.
HttpReply see_page() {
    return {.status = 303, .headers = {{"Location", "./"}}};
}

}  // namespace

HttpReply login_page(LoginTrouble trouble) {
    const auto* const page = find_web_file("login.html");
    std::string text{page == nullptr ? std::string_view{} : page->content};
    base::replace_all(text, kTroublePlace, words_of(trouble));
    return {.content_type = "text/html; charset=utf-8", .body = std::move(text), .has_form = true};
}

HttpReply refuse_stranger() {
    auto reply = error_reply(401,
                             "log in on the page, or send the password as Authorization: Bearer "
                             "PASSWORD");
    reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    return reply;
}

HttpReply refuse_for_now(base::Seconds wait) {
    auto reply =
        error_reply(429, fmt::format("too many wrong passwords; try again in {} s", wait.count()));
    reply.headers.emplace_back("Retry-After", fmt::format("{}", wait.count()));
    return reply;
}

Login::Login(const Access& access, Sessions& sessions, const base::Clock& clock,
             const base::Log& log)
    : access_(access),
      sessions_(sessions),
      log_(log),
      hashed_(is_password_hash(access.settings().password.reveal())),
      slow_down_(clock) {
    const auto& password = access.settings().password;
    sessions_.belong_to(password);
    // Of a hash the digest of the right password is learnt. Until then it is one that no text has,
    // as far as anybody knows.
    if (!hashed_) known_.set(digest_of(password.reveal()));
}

bool Login::has_session(const HttpRequest& request) {
    for (const auto& [name, value] : request.headers) {
        if (name != "cookie") continue;
        for (const auto cookie : cookie_values(value, kCookie)) {
            if (sessions_.has(cookie)) return true;
        }
    }
    return false;
}

Login::Judgement Login::judge(const HttpRequest& request) {
    if (has_session(request)) return {Verdict::member};
    const auto password = bearer_of(request);
    if (!password) return {Verdict::stranger};
    return try_password(access_.client(request), *password);
}

Login::Judgement Login::try_password(const std::string& client, const std::string& password) {
    if (const auto wait = slow_down_.wait(client); wait.count() > 0)
        return {Verdict::must_wait, wait};
    const auto digest = digest_of(password);
    // Costs nothing and is right: many of them at once are no guesses.
    if (same(digest, known_.copy())) return {Verdict::member};
    if (hashed_ && checks_.fetch_add(1) >= kChecksAtOnce) {
        --checks_;
        return {Verdict::must_wait, base::Seconds{1}};
    }
    const auto attempt = slow_down_.begin(client);
    const bool right = attempt.wait.count() == 0 && is_right(password, digest);
    if (hashed_) --checks_;
    if (attempt.wait.count() > 0) return {Verdict::must_wait, attempt.wait};
    if (right) {
        slow_down_.forgive(client);
        return {Verdict::member};
    }
    if (attempt.number == SlowDown::kFree) {
        log_.warning(
            fmt::format("status page: {} wrong passwords from {}: from now on each makes "
                        "it wait",
                        attempt.number, client));
    }
    return {Verdict::stranger};
}

bool Login::is_right(const std::string& password, const Digest& digest) {
    if (!hashed_ || !fits_hash(password, access_.settings().password.reveal())) return false;
    known_.set(digest);
    return true;
}

HttpReply Login::begin_session(const HttpRequest& request) {
    auto reply = wants_json(request) ? HttpReply{.status = 204} : see_page();
    reply.headers.emplace_back("Set-Cookie", set_cookie(access_.cookie_scope(request),
                                                        sessions_.begin(), Sessions::kLasts));
    return reply;
}

HttpReply Login::log_in(const HttpRequest& request) {
    if (auto refused = access_.refuse_origin(request)) return *std::move(refused);
    const auto password = password_of(request);
    if (!password) return error_reply(400, "the field password is missing, or not readable");
    const auto client = access_.client(request);
    const auto judgement = try_password(client, *password);
    if (judgement.verdict == Verdict::member) {
        slow_down_.forgive(client);
        return begin_session(request);
    }
    const bool waits = judgement.verdict == Verdict::must_wait;
    auto reply = waits ? refuse_for_now(judgement.wait) : refuse_stranger();
    if (wants_json(request)) return reply;
    auto page = login_page(waits ? LoginTrouble::wait : LoginTrouble::wrong);
    page.status = reply.status;
    page.headers = std::move(reply.headers);
    return page;
}

HttpReply Login::log_out(const HttpRequest& request) {
    if (auto refused = access_.refuse_origin(request)) return *std::move(refused);
    for (const auto& [name, value] : request.headers) {
        if (name != "cookie") continue;
        for (const auto cookie : cookie_values(value, kCookie)) sessions_.end(cookie);
    }
    auto reply = wants_json(request) ? HttpReply{.status = 204} : see_page();
    reply.headers.emplace_back("Set-Cookie",
                               set_cookie(access_.cookie_scope(request), "", base::Seconds{0}));
    return reply;
}

}  // namespace quotafuse::daemon
