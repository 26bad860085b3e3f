#include "daemon/status_server.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/failure.h"
#include "base/text.h"
#include "daemon/web_files.h"

namespace quotafuse::daemon {
namespace {

// Set by reverse proxies and tunnels: behind one of them "loopback" says nothing about who asks.
constexpr std::array<std::string_view, 8> kForwardingHeaders{
    "x-forwarded-for",  "x-forwarded-host", "x-forwarded-proto", "forwarded", "x-real-ip", "via",
    "cf-connecting-ip", "true-client-ip",
};

const ListenAddress& require_loopback(const ListenAddress& listen) {
    if (listen.is_loopback()) return listen;
    throw base::Failure(
        base::ExitCode::config,
        fmt::format("status.listen: {} can be reached from other hosts, which needs "
                    "status.password, which this version does not have; use "
                    "127.0.0.1:{} and a tunnel (ssh -L {}:127.0.0.1:{} this-host), "
                    "or a proxy on this host with a login of its own",
                    listen.text(), listen.port, listen.port, listen.port));
}

/// A page of another site that points its own name at 127.0.0.1 (DNS rebinding) still sends that
/// name.
bool is_direct(const HttpRequest& request) {
    const auto* host = request.header("host");
    return is_loopback_ip(request.peer) && host != nullptr && is_loopback_host(*host) &&
           std::none_of(kForwardingHeaders.begin(), kForwardingHeaders.end(),
                        [&](auto name) { return request.header(name) != nullptr; });
}

HttpReply refuse_forwarded() {
    return error_reply(
        403,
        "this page has no password yet, so it answers only programs of the same host that use "
        "127.0.0.1, localhost or [::1]; from elsewhere use a tunnel, such as "
        "ssh -L 8787:127.0.0.1:8787 HOST, or a proxy on that host that asks for a login, sets Host "
        "to 127.0.0.1:8787 and sends no forwarding headers");
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

HttpReply file(std::string_view path) {
    const auto name = path == "/" ? "index.html" : path.substr(1);
    const auto files = web_files();
    const auto found =
        std::find_if(files.begin(), files.end(), [&](const auto& f) { return f.name == name; });
    if (found == files.end()) return error_reply(404, "there is nothing at this address");
    return {.content_type = std::string{content_type_of(name)},
            .body = std::string{found->content},
            .cache_control = "no-cache"};
}

}  // namespace

bool is_loopback_host(std::string_view host) {
    const auto colon = host.rfind(':');
    if (colon != std::string_view::npos && !host.ends_with(']')) {
        const auto port = host.substr(colon + 1);
        if (port.find_first_not_of("0123456789") != std::string_view::npos) return false;
        host = host.substr(0, colon);
    }
    std::string name{host};
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return name == "127.0.0.1" || name == "localhost" || name == "[::1]";
}

HttpReply answer_status_request(const StatusView& view, const StatusPages& pages,
                                const HttpRequest& request) {
    // Probes of a container or a load balancer come through proxies and learn nothing worth hiding.
    if (request.path == "/healthz") return health(view);
    if (request.path == "/readyz") return readiness(view, is_direct(request));
    if (!is_direct(request)) return refuse_forwarded();
    if (request.path == "/api/v1/status") {
        return {.content_type = "application/json", .body = view.status_json()};
    }
    const auto page = pages.find(request.path);
    return page == pages.end() ? file(request.path) : page->second(request);
}

StatusServer::StatusServer(const ListenAddress& listen, const StatusView& view,
                           const base::Clock& clock, const base::Log& log,
                           const RequestLimits& limits, StatusPages pages)
    : server_(
          require_loopback(listen),
          [&view, pages = std::move(pages)](const HttpRequest& request) {
              return answer_status_request(view, pages, request);
          },
          clock, log, limits) {}

}  // namespace quotafuse::daemon
