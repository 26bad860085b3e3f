#include "daemon/status_server.h"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/failure.h"
#include "base/text.h"
#include "daemon/etag.h"
#include "daemon/page_paths.h"
#include "daemon/web_files.h"

namespace quotafuse::daemon {
namespace {

constexpr std::string_view kToken = "Bearer ";
constexpr auto kStrictTransport = "max-age=15552000";

/// What the login page is made of: for everybody who may ask at all.
constexpr std::array<std::string_view, 5> kLoginFiles{"/login.js", "/login.css", "/tokens.css",
                                                      "/theme.js", "/favicon.svg"};

void require_password(const ListenAddress& listen, const Access& access) {
    if (access.has_password()) return;
    const auto& url = access.settings().public_url;
    if (!url.empty() && !is_loopback_host(parse_public_url(url).authority)) {
        throw base::Failure(base::ExitCode::config,
                            fmt::format("status.public_url: {} leads people here from elsewhere, "
                                        "which needs status.password",
                                        url));
    }
    if (listen.is_loopback()) return;
    throw base::Failure(
        base::ExitCode::config,
        fmt::format("status.listen: {} can be reached from other hosts, which needs "
                    "status.password; without one use 127.0.0.1:{} and a tunnel (ssh -L "
                    "{}:127.0.0.1:{} this-host)",
                    listen.text(), listen.port, listen.port, listen.port));
}

HttpReply method_not_allowed(const char* allowed) {
    auto reply = error_reply(405, fmt::format("this address only answers {}", allowed));
    reply.headers.emplace_back("Allow", allowed);
    return reply;
}

HttpReply health(const StatusView& view) {
    if (view.alive()) return {.content_type = "text/plain; charset=utf-8", .body = "ok\n"};
    return error_reply(503, "a loop of the daemon has stopped; its log says more");
}

nlohmann::json valid(const std::vector<std::string>& texts) {
    auto list = nlohmann::json::array();
    for (const auto& text : texts) list.push_back(base::valid_utf8(text));
    return list;
}

/// The reasons may name hosts and accounts: they are for those who may see the page.
HttpReply readiness(const StatusView& view, bool with_reasons) {
    const auto state = view.readiness();
    nlohmann::json body{{"ready", state.ready}};
    if (with_reasons) {
        body["reasons"] = valid(state.reasons);
        body["notes"] = valid(state.notes);
    }
    return {.status = state.ready ? 200 : 503,
            .content_type = "application/json",
            .body = body.dump() + "\n"};
}

std::string_view content_type_of(std::string_view name) {
    if (name.ends_with(".html")) return "text/html; charset=utf-8";
    if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
    if (name.ends_with(".css")) return "text/css; charset=utf-8";
    if (name.ends_with(".svg")) return "image/svg+xml";
    return "application/octet-stream";
}

bool takes_gzip(const HttpRequest& request) {
    const auto* const accepted = request.header("accept-encoding");
    if (accepted == nullptr) return false;
    for (const auto one : base::split(*accepted, ',')) {
        const auto end = one.find(';');
        if (base::trim(one.substr(0, end)) != "gzip") continue;
        const auto weight = end == std::string_view::npos ? "" : base::trim(one.substr(end + 1));
        return weight.empty() || weight.find_first_of("123456789") != std::string_view::npos;
    }
    return false;
}

HttpReply file(const HttpRequest& request) {
    const bool is_page = request.path == "/" || request.path == "/index.html";
    const auto* const found = find_web_file(is_page ? "index.html" : request.path.substr(1));
    if (found == nullptr) return error_reply(404, "there is nothing at this address");
    HttpReply reply{.content_type = std::string{content_type_of(found->name)},
                    .headers = {{"Vary", "Accept-Encoding"}}};
    if (!found->packed.empty() && takes_gzip(request)) {
        reply.body = found->packed;
        reply.headers.emplace_back("Content-Encoding", "gzip");
    } else {
        reply.body = found->content;
    }
    return with_etag(request, std::move(reply));
}

}  // namespace

StatusSite::StatusSite(const ListenAddress& listen, const StatusView& view, StatusPages pages,
                       AccessSettings access, Sessions* sessions, const base::Clock& clock,
                       const base::Log& log)
    : view_(view), pages_(std::move(pages)), access_(std::move(access), listen.ip) {
    require_password(listen, access_);
    if (!access_.has_password()) return;
    if (sessions == nullptr) throw std::logic_error("a password needs a book of sessions");
    login_ = std::make_unique<Login>(access_, *sessions, clock, log);
}

HttpReply StatusSite::answer(HttpRequest request) const {
    access_.strip_base_path(request);
    auto reply = route(request);
    if (access_.is_https())
        reply.headers.emplace_back("Strict-Transport-Security", kStrictTransport);
    return reply;
}

HttpReply StatusSite::route(const HttpRequest& request) const {
    // Probes of a container or a load balancer come through proxies and learn nothing worth hiding.
    if (request.path == "/healthz") return health(view_);
    if (request.path == "/readyz") return readiness(view_, sees_reasons(request));
    if (auto refused = access_.refuse_host(request)) return *std::move(refused);
    if (request.path == "/login" || request.path == "/logout") return answer_login(request);
    if (request.method == "POST") return method_not_allowed("GET, HEAD");
    const auto page = find_page(pages_, request.path);
    const auto open_to = page == pages_.end() ? OpenTo::members : page->second.open_to;
    if (auto refused = refuse(request, open_to)) return *std::move(refused);
    return page == pages_.end() ? answer_member(request) : page->second.handler(request);
}

HttpReply StatusSite::answer_login(const HttpRequest& request) const {
    if (!login_) {
        if (!access_.is_direct(request)) return access_.refuse_forwarded();
        return error_reply(404, "there is no password, and nothing to log in to");
    }
    const bool posts = request.method == "POST";
    if (request.path == "/logout")
        return posts ? login_->log_out(request) : method_not_allowed("POST");
    if (posts) return login_->log_in(request);
    if (!login_->has_session(request)) return login_page(LoginTrouble::none);
    return {.status = 303, .headers = {{"Location", "./"}}};
}

/// Without the name of the page's folder its links would lead beside it.
HttpReply StatusSite::answer_member(const HttpRequest& request) const {
    if (request.path.empty()) {
        const auto& path = parse_public_url(access_.settings().public_url).path;
        return {.status = 303, .headers = {{"Location", path.substr(path.rfind('/') + 1) + "/"}}};
    }
    if (request.path == "/api/v1/status")
        return {.content_type = "application/json", .body = view_.status_json()};
    if (request.path == "/api/v1/events") {
        return {.content_type = "text/event-stream",
                .body = "retry: 5000\n\n",
                .headers = {{"X-Accel-Buffering", "no"}},
                .listens = true};
    }
    return file(request);
}

/// The refusal of who may not see a page of that kind.
std::optional<HttpReply> StatusSite::refuse(const HttpRequest& request, OpenTo open_to) const {
    if (open_to == OpenTo::anyone) {
        if (access_.settings().public_pages) return std::nullopt;
        return error_reply(404, "there is nothing at this address");
    }
    if (open_to == OpenTo::metrics && !access_.settings().metrics_token.empty()) {
        if (has_token(request)) return std::nullopt;
        return login_ && login_->has_session(request) ? std::nullopt
                                                      : std::optional{refuse_stranger()};
    }
    return refuse_member(request);
}

std::optional<HttpReply> StatusSite::refuse_member(const HttpRequest& request) const {
    if (!login_) {
        if (access_.is_direct(request)) return std::nullopt;
        return access_.refuse_forwarded();
    }
    const auto& path = request.path;
    if (path.empty()) return std::nullopt;  // only leads on to the page
    if (std::find(kLoginFiles.begin(), kLoginFiles.end(), path) != kLoginFiles.end())
        return std::nullopt;
    const auto judgement = login_->judge(request);
    switch (judgement.verdict) {
        case Login::Verdict::member:
            return std::nullopt;
        case Login::Verdict::must_wait:
            return refuse_for_now(judgement.wait);
        case Login::Verdict::stranger:
            break;
    }
    const bool is_page = path == "/" || path == "/index.html";
    if (is_page && request.header("authorization") == nullptr)
        return login_page(LoginTrouble::none);
    return refuse_stranger();
}

bool StatusSite::sees_reasons(const HttpRequest& request) const {
    return login_ ? login_->has_session(request) : access_.is_direct(request);
}

bool StatusSite::has_token(const HttpRequest& request) const {
    const auto* const given = request.header("authorization");
    if (given == nullptr || !given->starts_with(kToken)) return false;
    return same(digest_of(std::string_view{*given}.substr(kToken.size())),
                digest_of(access_.settings().metrics_token.reveal()));
}

StatusServer::StatusServer(const ListenAddress& listen, const StatusView& view,
                           const base::Clock& clock, const base::Log& log,
                           const RequestLimits& limits, StatusPages pages, AccessSettings access,
                           Sessions* sessions)
    : site_(listen, view, std::move(pages), std::move(access), sessions, clock, log),
      server_(
          listen, [this](const HttpRequest& request) { return site_.answer(request); }, clock, log,
          limits) {}

void StatusServer::publish(std::string_view data) {
    server_.publish(fmt::format("event: status\ndata: {}\n\n", data));
}

}  // namespace quotafuse::daemon
