#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "daemon/http_message.h"
#include "daemon/ip_address.h"

namespace quotafuse::daemon {

/// Whether this Host header, or authority of a URL, is one by which only this host is meant:
/// 127.0.0.1, localhost or [::1], with a port or without.
bool is_loopback_host(std::string_view host);

/// What the configuration says of who may see the page.
struct AccessSettings {
    base::Secret password{};       // as it is, or a hash of crypt(5); empty: there is none
    base::Secret metrics_token{};  // empty: /metrics is for those who may see the page
    std::string public_url{};      // http(s)://HOST[/PATH] without a slash at its end, or empty
    std::vector<IpRange> trusted_proxies{};  // whose X-Forwarded-For is believed
    bool public_pages = false;               // pages for anyone are served
};

/// The parts of a status.public_url.
struct PublicUrl {
    bool https = false;
    std::string authority{};  // host and port, in lower case
    std::string path{};       // empty, or /…
};
PublicUrl parse_public_url(std::string_view url);

/// How far a session's cookie goes.
struct CookieScope {
    std::string path;
    bool secure;
};

/// What a request's own words tell of where it comes from. Everything in it may be a lie but its
/// peer; and a Host that is a lie is what a page of another site sends (DNS rebinding). A pure
/// function of request and settings: thread-safe.
class Access {
public:
    /// `listen_ip`: where the server listens.
    Access(AccessSettings settings, std::string listen_ip);

    const AccessSettings& settings() const { return settings_; }
    bool has_password() const { return !settings_.password.empty(); }
    bool is_https() const { return url_.https; }
    /// The base path of the page's own address is taken off, where it is there: a proxy may have
    /// done so or not. What is left of the base path alone is empty.
    void strip_base_path(HttpRequest& request) const;
    /// It comes from this host, by a name of the loopback, and through no proxy that says so.
    bool is_direct(const HttpRequest& request) const;
    /// 421 unless Host is the public URL's, one of the loopback, or the address listened on. Where
    /// that is all of them, any IP address: only a name can be rebound.
    std::optional<HttpReply> refuse_host(const HttpRequest& request) const;
    /// 403 for a POST that a page of another site sends.
    std::optional<HttpReply> refuse_origin(const HttpRequest& request) const;
    /// What a request without a password set gets, if it is not direct: 403 with what to set.
    HttpReply refuse_forwarded() const;
    /// Who is slowed down after wrong passwords: the peer, or the one for whom trusted proxies
    /// speak.
    std::string client(const HttpRequest& request) const;
    CookieScope cookie_scope(const HttpRequest& request) const;

private:
    bool is_trusted(const IpAddress& address) const;
    bool is_own_origin(std::string_view origin) const;

    AccessSettings settings_;
    std::string listen_ip_;
    PublicUrl url_;
};

}  // namespace quotafuse::daemon
