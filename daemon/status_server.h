#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/access.h"
#include "daemon/http_server.h"
#include "daemon/login.h"
#include "daemon/status_view.h"

namespace quotafuse::daemon {

/// Who may see a page.
enum class OpenTo {
    members,  // who may see the status page
    metrics,  // who has status.metrics_token, where there is one; else members
    anyone    // everybody, through a proxy or not, where status.public is set; else it is not there
};

struct StatusPage {
    HttpHandler handler;  // called on several threads at once
    OpenTo open_to = OpenTo::members;
};

/// What answers at further addresses, by path below the page's own. Paths and handlers know nothing
/// of the base path.
using StatusPages = std::map<std::string, StatusPage>;

/// What the endpoint answers: the page, /api/v1/status, /api/v1/events, /healthz, /readyz, login
/// and logout, further pages; and to whom. Thread-safe as `view` and the pages are.
class StatusSite {
public:
    /// The references outlive it. `sessions` is null only where there is no password. Throws
    /// Failure (config) where others could see the page without a password.
    StatusSite(const ListenAddress& listen, const StatusView& view, StatusPages pages,
               AccessSettings access, Sessions* sessions, const base::Clock& clock,
               const base::Log& log);

    HttpReply answer(HttpRequest request) const;

private:
    HttpReply route(const HttpRequest& request) const;
    HttpReply answer_login(const HttpRequest& request) const;
    HttpReply answer_member(const HttpRequest& request) const;
    std::optional<HttpReply> refuse(const HttpRequest& request, OpenTo open_to) const;
    std::optional<HttpReply> refuse_member(const HttpRequest& request) const;
    bool sees_reasons(const HttpRequest& request) const;
    bool has_token(const HttpRequest& request) const;

    const StatusView& view_;
    StatusPages pages_;
    Access access_;
    std::unique_ptr<Login> login_;  // null without a password
};

/// The status endpoint on its address.
class StatusServer {
public:
    /// Listens at once. Throws Failure: config as StatusSite, unavailable for an address that is
    /// taken. All references outlive the server.
    StatusServer(const ListenAddress& listen, const StatusView& view, const base::Clock& clock,
                 const base::Log& log, const RequestLimits& limits = {}, StatusPages pages = {},
                 AccessSettings access = {}, Sessions* sessions = nullptr);

    /// Where a browser of this host finds the page: http://127.0.0.1:8787/
    std::string url() const { return "http://" + server_.address().text() + "/"; }
    int port() const { return server_.address().port; }

    /// Tells all pages that are open: `data` is one line of JSON. Any thread.
    void publish(std::string_view data);

private:
    StatusSite site_;
    HttpServer server_;
};

}  // namespace quotafuse::daemon
