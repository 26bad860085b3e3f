#pragma once

#include <map>
#include <string>

#include "daemon/http_server.h"
#include "daemon/status_view.h"

namespace quotafuse::daemon {

/// What answers at further addresses, by path. Called on several threads at once, and only for
/// those who may see the page.
using StatusPages = std::map<std::string, HttpHandler>;

/// Whether this Host header, or authority of a URL, is one by which only this host is meant:
/// 127.0.0.1, localhost or [::1], with a port or without.
bool is_loopback_host(std::string_view host);

/// The read-only status endpoint: the page, /api/v1/status, /healthz, /readyz and further pages.
/// It has no password yet, so it serves only programs of this host that come without a proxy.
class StatusServer {
public:
    /// Listens at once. Throws Failure: config for an address that is not loopback, unavailable for
    /// one that is taken. All references outlive the server.
    StatusServer(const ListenAddress& listen, const StatusView& view, const base::Clock& clock,
                 const base::Log& log, const RequestLimits& limits = {}, StatusPages pages = {});

    /// Where a browser of this host finds the page: http://127.0.0.1:8787/
    std::string url() const { return "http://" + server_.address().text() + "/"; }
    int port() const { return server_.address().port; }

private:
    HttpServer server_;
};

/// What the endpoint answers. Thread-safe as `view` and the pages are.
HttpReply answer_status_request(const StatusView& view, const StatusPages& pages,
                                const HttpRequest& request);

}  // namespace quotafuse::daemon
