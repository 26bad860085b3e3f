#include "daemon/config_status.h"

#include <optional>

#include <fmt/format.h>

#include "base/failure.h"
#include "base/text.h"
#include "daemon/http_server.h"
#include "daemon/password.h"
#include "notifiers/entry_reader.h"

namespace quotafuse::daemon {
namespace {

using base::yaml::Mapping;
using base::yaml::Node;

constexpr std::size_t kLongestUrl = 300;
constexpr std::size_t kShortestToken = 16;

void read_listen(Mapping& map, Config& config) {
    const auto listen = map.text("listen");
    if (!listen) return;
    config.listen = *listen;
    const auto place = map.find("listen")->place;
    try {
        if (parse_listen_address(*listen).is_loopback() || !config.access.password.empty()) return;
        map.error(place, fmt::format("listen: {} is open to other hosts, which needs "
                                     "status.password (`quotafuse password` makes its hash); or "
                                     "listen on 127.0.0.1 and use a tunnel (ssh -L)",
                                     *listen));
    } catch (const base::Failure& e) {
        map.error(place, fmt::format("listen: {}", e.what()));
    }
}

/// Everybody who gets a message reads it: no place for a password or a token.
void read_public_url(Mapping& map, Config& config) {
    const auto text = map.text("public_url");
    if (!text || text->empty()) return;
    const auto place = map.find("public_url")->place;
    const auto url = notifiers::parse_url(*text);
    const bool plain = text->find_first_of("?#") == std::string::npos && !text->ends_with('/') &&
                       url.authority.find('@') == std::string_view::npos;
    if (!notifiers::is_url(*text, {"http", "https"}) || !plain || text->size() > kLongestUrl) {
        map.error(place,
                  "public_url must be an http:// or https:// URL such as https://fuse.example.com, "
                  "without a user, a query or a slash at its end");
        return;
    }
    config.public_url = *text;
    config.access.public_url = *text;
    if (!config.access.password.empty() || is_loopback_host(url.authority)) return;
    map.error(place, fmt::format("public_url: {} leads people here from elsewhere, which needs "
                                 "status.password (`quotafuse password` makes its hash)",
                                 *text));
}

void read_password(Mapping& map, AccessSettings& access) {
    const auto text = map.text("password");
    if (!text || text->empty()) return;
    const auto place = map.find("password")->place;
    access.password = base::Secret{*text};
    if (is_password_hash(*text)) {
        if (!is_usable_hash(*text))
            map.error(place, "password: a hash that is not whole, or that this host cannot check");
    } else if (text->size() > kLongestPassword) {
        map.error(place, fmt::format("password: at most {} bytes", kLongestPassword));
    } else if (base::count_code_points(base::valid_utf8(*text)) < kShortestPassword) {
        map.diagnostics().warning(
            map.file(), place,
            fmt::format("password: it is shorter than {} characters, and soon guessed",
                        kShortestPassword));
    }
}

void read_token(Mapping& map, AccessSettings& access) {
    const auto text = map.text("metrics_token");
    if (!text || text->empty()) return;
    access.metrics_token = base::Secret{*text};
    if (text->size() >= kShortestToken) return;
    map.error(map.find("metrics_token")->place,
              fmt::format("metrics_token: at least {} characters: nobody has to type it",
                          kShortestToken));
}

void read_proxies(Mapping& map, AccessSettings& access) {
    const auto texts = map.texts("trusted_proxies");
    if (!texts) return;
    for (const auto& text : *texts) {
        if (const auto range = IpRange::parse(text)) {
            access.trusted_proxies.push_back(*range);
        } else {
            map.error(map.find("trusted_proxies")->place,
                      fmt::format("trusted_proxies: '{}' is not an IP address or a range such as "
                                  "10.0.0.0/8",
                                  text));
        }
    }
}

}  // namespace

void read_status(const std::string& file, const Node& node, Config& config,
                 base::yaml::Diagnostics& diagnostics) {
    Mapping map{file, node, "status", diagnostics};
    read_password(map, config.access);  // first: others ask whether there is one
    read_listen(map, config);
    read_public_url(map, config);
    read_token(map, config.access);
    read_proxies(map, config.access);
    config.access.public_pages = map.boolean("public").value_or(false);
    map.refuse_unknown();
}

}  // namespace quotafuse::daemon
