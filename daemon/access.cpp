#include "daemon/access.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "daemon/http_server.h"

namespace quotafuse::daemon {
namespace {

// Set by reverse proxies and tunnels: behind one of them "loopback" says nothing about who asks.
constexpr std::array<std::string_view, 8> kForwardingHeaders{
    "x-forwarded-for",  "x-forwarded-host", "x-forwarded-proto", "forwarded", "x-real-ip", "via",
    "cf-connecting-ip", "true-client-ip",
};

std::string lower_case(std::string_view text) {
    std::string lower{text};
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return lower;
}

/// The name or address of an authority, in lower case, brackets included; empty where its port is
/// no number.
std::string host_name(std::string_view authority) {
    const auto colon = authority.rfind(':');
    if (colon != std::string_view::npos && !authority.ends_with(']')) {
        const auto port = authority.substr(colon + 1);
        if (port.find_first_not_of("0123456789") != std::string_view::npos) return {};
        authority = authority.substr(0, colon);
    }
    return lower_case(authority);
}

/// The address that a Host names, or nothing.
std::optional<IpAddress> address_of(std::string_view name) {
    if (name.starts_with('[') && name.ends_with(']'))
        return parse_ip(name.substr(1, name.size() - 2));
    return name.find(':') == std::string_view::npos ? parse_ip(name) : std::nullopt;
}

bool is_unspecified(const IpAddress& address) {
    return address == parse_ip("::") || address == parse_ip("0.0.0.0");
}

std::string_view without_scheme(std::string_view url) {
    const auto colon = url.find("://");
    return colon == std::string_view::npos ? url : url.substr(colon + 3);
}

/// The addresses of all X-Forwarded-For headers, in order.
std::vector<std::string_view> forwarded_for(const HttpRequest& request) {
    std::vector<std::string_view> hops;
    for (const auto& [name, value] : request.headers) {
        if (name != "x-forwarded-for") continue;
        for (const auto hop : base::split(value, ',')) hops.push_back(base::trim(hop));
    }
    return hops;
}

}  // namespace

bool is_loopback_host(std::string_view host) {
    const auto name = host_name(host);
    return name == "127.0.0.1" || name == "localhost" || name == "[::1]";
}

PublicUrl parse_public_url(std::string_view url) {
    const auto rest = without_scheme(url);
    const auto slash = std::min(rest.find('/'), rest.size());
    return {.https = lower_case(url).starts_with("https://"),
            .authority = lower_case(rest.substr(0, slash)),
            .path = std::string{rest.substr(slash)}};
}

Access::Access(AccessSettings settings, std::string listen_ip)
    : settings_(std::move(settings)),
      listen_ip_(std::move(listen_ip)),
      url_(parse_public_url(settings_.public_url)) {}

void Access::strip_base_path(HttpRequest& request) const {
    if (url_.path.empty() || !request.path.starts_with(url_.path)) return;
    const auto rest = request.path.substr(url_.path.size());
    if (rest.empty() || rest.starts_with('/')) request.path = rest;
}

bool Access::is_direct(const HttpRequest& request) const {
    const auto* const host = request.header("host");
    return is_loopback_ip(request.peer) && host != nullptr && is_loopback_host(*host) &&
           std::none_of(kForwardingHeaders.begin(), kForwardingHeaders.end(),
                        [&](auto name) { return request.header(name) != nullptr; });
}

std::optional<HttpReply> Access::refuse_host(const HttpRequest& request) const {
    const auto* const host = request.header("host");
    const auto name = host == nullptr ? std::string{} : host_name(*host);
    if (!name.empty() && (is_loopback_host(name) || name == host_name(url_.authority)))
        return std::nullopt;
    const auto address = address_of(name);
    const auto listen = parse_ip(listen_ip_);
    if (address && listen && (*address == *listen || is_unspecified(*listen))) return std::nullopt;
    if (!has_password()) return refuse_forwarded();
    return error_reply(421,
                       "this page is not known by that name: its own is the one of "
                       "status.public_url, or 127.0.0.1, or the address that it listens on");
}

bool Access::is_own_origin(std::string_view origin) const {
    return !url_.authority.empty() && lower_case(without_scheme(origin)) == url_.authority &&
           lower_case(origin).starts_with(url_.https ? "https://" : "http://");
}

std::optional<HttpReply> Access::refuse_origin(const HttpRequest& request) const {
    const auto refused = [] {
        return error_reply(403, "this request comes from the page of another site");
    };
    if (const auto* const site = request.header("sec-fetch-site");
        site != nullptr && *site != "same-origin" && *site != "none") {
        return refused();
    }
    const auto* const origin = request.header("origin");
    if (origin == nullptr || is_own_origin(*origin)) return std::nullopt;
    // Host has been looked at; a proxy that ends TLS speaks http to us.
    const auto* const host = request.header("host");
    const bool web = origin->starts_with("http://") || origin->starts_with("https://");
    if (web && host != nullptr && lower_case(without_scheme(*origin)) == lower_case(*host))
        return std::nullopt;
    return refused();
}

HttpReply Access::refuse_forwarded() const {
    return error_reply(
        403,
        "without a password this page answers only programs of the same host that use 127.0.0.1, "
        "localhost or [::1] and no proxy; to see it from elsewhere use a tunnel, such as ssh -L "
        "8787:127.0.0.1:8787 HOST, or set in quotafuse.yaml: status.password (`quotafuse password` "
        "makes its hash) and status.public_url (the address that people type)");
}

bool Access::is_trusted(const IpAddress& address) const {
    return std::any_of(settings_.trusted_proxies.begin(), settings_.trusted_proxies.end(),
                       [&](const auto& range) { return range.contains(address); });
}

std::string Access::client(const HttpRequest& request) const {
    auto hop = parse_ip(request.peer);
    if (!hop) return request.peer;
    const auto hops = forwarded_for(request);
    for (auto before = hops.rbegin(); before != hops.rend() && is_trusted(*hop); ++before) {
        const auto address = parse_ip(*before);
        if (!address) break;  // whoever said so is the last that is known
        hop = address;
    }
    return owner_of(*hop);
}

CookieScope Access::cookie_scope(const HttpRequest& request) const {
    const auto* const origin = request.header("origin");
    const bool by_url = origin != nullptr && is_own_origin(*origin);
    // Through a tunnel there is neither TLS nor the base path.
    if (settings_.public_url.empty() || (!by_url && is_direct(request))) return {"/", false};
    return {url_.path + "/", url_.https};
}

}  // namespace quotafuse::daemon
