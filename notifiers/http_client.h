#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

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

struct HttpReply {
    /// ok: a whole HTTP answer arrived, whatever its status says. Else what the failed transport
    /// means.
    Outcome::Kind transport = Outcome::Kind::transient;
    std::string error;  // of the transport; names hosts at most, never a path
    int status = 0;     // 0 = no status line arrived
    std::string body;   // its first 64 KiB
    std::map<std::string, std::string> headers;  // names in lower case

    /// A header that is a whole number of seconds, else 0.
    std::chrono::seconds seconds(const std::string& header) const;
};

/// Posts JSON. One client belongs to one thread; only interrupt() may come from another.
/// Certificates are always verified, redirects never followed. The process must ignore SIGPIPE:
/// OpenSSL may raise it.
class HttpClient {
public:
    /// Throws std::runtime_error when libcurl cannot start.
    explicit HttpClient(HttpOptions options);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    HttpReply post(const base::Secret& url, const std::string& json);
    /// Ends a running post() at once, and every later one.
    void interrupt() noexcept;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace quotafuse::notifiers
