#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "notifiers/outcome.h"

namespace quotafuse::notifiers {

struct HttpOptions {
    base::Secret
        proxy;  // a URL, may hold a password; empty = none. The environment's proxies never count
    std::string ca_file;  // PEM; empty = the system's
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds timeout{15'000};  // for the whole request
};

/// ASCII only, as names of headers are: they do not depend on case.
std::string lower(std::string text);

struct HttpHeader {
    std::string name;
    base::Secret value;  // without line breaks
};

struct HttpRequest {
    enum class Method { get, post };
    Method method = Method::post;
    base::Secret url;
    /// Instead of a default of the same name: Content-Type (JSON, of a POST), User-Agent.
    std::vector<HttpHeader> headers = {};
    std::string body = {};  // of a POST
};

struct HttpReply {
    /// ok: a whole HTTP answer arrived, whatever its status says. Else what the failed transport
    /// means.
    Outcome::Kind transport = Outcome::Kind::transient;
    std::string error;  // of the transport; names hosts at most, never a path or a password
    int status = 0;     // 0 = no status line of the service arrived
    std::string body;   // its first 64 KiB
    std::map<std::string, std::string> headers;  // names in lower case
    /// The transport failed at the proxy: nobody listens there, or it refuses us.
    bool at_proxy = false;
    /// The answer went on for more than 1 MiB, so that we hung up: the transport failed by us.
    bool endless = false;

    /// A header that is a whole number of seconds, else 0.
    std::chrono::seconds seconds(const std::string& header) const;
    /// What Retry-After asks for, in seconds or as a date; 0 when it asks for nothing. A date
    /// counts from the service's own clock if it tells that, else from `now`.
    std::chrono::seconds retry_after(base::Second now) const;
};

/// Speaks HTTP/1.1. One client belongs to one thread; only interrupt() may come from another.
/// Certificates are always verified, redirects never followed, and a request is never sent twice.
/// The process must ignore SIGPIPE: OpenSSL may raise it.
class HttpClient {
public:
    /// Throws std::runtime_error when libcurl cannot start.
    explicit HttpClient(HttpOptions options);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    HttpReply send(const HttpRequest& request);
    HttpReply post(const base::Secret& url, const std::string& json) {
        return send({HttpRequest::Method::post, url, {}, json});
    }
    HttpReply get(const base::Secret& url) { return send({HttpRequest::Method::get, url}); }
    /// Ends a running send() at once, and every later one.
    void interrupt() noexcept;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace quotafuse::notifiers
