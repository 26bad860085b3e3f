#pragma once

#include <string>

#include "daemon/http_server.h"
#include "daemon/status_view.h"

namespace quotafuse::daemon {

/// The read-only status endpoint: the page, /api/v1/status, /healthz and /readyz.
/// It has no password yet, so it serves only programs of this host that come without a proxy.
class StatusServer {
public:
    /// Listens at once. Throws Failure: config for an address that is not loopback, unavailable for
    /// one that is taken. All references outlive the server.
    StatusServer(const ListenAddress& listen, const StatusView& view, const base::Clock& clock,
                 const base::Log& log, const RequestLimits& limits = {});

    /// Where a browser of this host finds the page: http://127.0.0.1:8787/
    std::string url() const { return "http://" + server_.address().text() + "/"; }
    int port() const { return server_.address().port; }

private:
    HttpServer server_;
};

/// What the endpoint answers. Thread-safe as `view` is.
HttpReply answer_status_request(const StatusView& view, const HttpRequest& request);

}  // namespace quotafuse::daemon
