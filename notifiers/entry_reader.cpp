#include "notifiers/entry_reader.h"

#include <algorithm>
#include <chrono>
#include <fstream>

#include <fmt/format.h>

#include "base/text.h"
#include "notifiers/login.h"

namespace quotafuse::notifiers {
namespace {

/// A keyword stands in front of every title: a long one would leave no room for it.
constexpr std::size_t kMostKeyword = 60;

bool printable(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

std::vector<std::string> Mentions::called_by(const Message& message) const {
    switch (message.kind) {
        case Message::Kind::resolved:
        case Message::Kind::digest:
            return {};
        case Message::Kind::test:
            return message.severity == base::Severity::critical ? who : std::vector<std::string>{};
        case Message::Kind::firing:
        case Message::Kind::reminder:
        case Message::Kind::breaker:
        case Message::Kind::summary:
            break;
    }
    return message.severity >= from ? who : std::vector<std::string>{};
}

EntryReader::EntryReader(const std::string& file, const base::yaml::Member& member,
                         base::yaml::Diagnostics& diagnostics)
    : EntryReader(file, member.value, fmt::format("the notifier '{}'", member.key), diagnostics) {}

EntryReader::EntryReader(const std::string& file, const base::yaml::Node& node, std::string what,
                         base::yaml::Diagnostics& diagnostics)
    : node_(node), map_(file, node, std::move(what), diagnostics) {}

const base::yaml::Node* EntryReader::needed(std::string_view key) {
    const auto* const node = map_.require(key);
    if (node == nullptr) return nullptr;
    if (node->kind == base::yaml::Node::Kind::scalar && !node->text.empty()) return node;
    error(node->place, fmt::format("{} must be a text that is not empty", key));
    return nullptr;
}

base::yaml::Place EntryReader::place_of(std::string_view key) const {
    return node_.find(key)->place;
}

HttpOptions EntryReader::transport() {
    using namespace std::chrono_literals;
    HttpOptions http;
    http.proxy = base::Secret{map_.text("proxy").value_or("")};
    if (const auto& proxy = http.proxy.reveal();
        !proxy.empty() && !is_url(proxy, {"http", "https", "socks5", "socks5h"})) {
        error(place_of("proxy"), "proxy must be an http://, https://, socks5h:// or socks5:// URL");
    }
    http.ca_file = map_.text("ca_file").value_or("");
    if (!http.ca_file.empty() && !std::ifstream{http.ca_file}) {
        error(place_of("ca_file"), fmt::format("ca_file '{}' cannot be read", http.ca_file));
    }
    http.timeout = map_.duration("timeout", 1s, 60s).value_or(15s);
    return http;
}

Mentions EntryReader::mentions() {
    Mentions mentions;
    mentions.who = map_.texts("mention").value_or(std::vector<std::string>{});
    for (const auto& who : mentions.who) {
        if (who.empty()) error(place_of("mention"), "mention must not have an empty name");
    }
    const auto from = map_.choice("mention_from", {"info", "warning", "critical"});
    if (from) mentions.from = static_cast<base::Severity>(*from);
    if (from && mentions.who.empty()) {
        error(place_of("mention_from"), "mention_from needs the key 'mention': whom to call");
    }
    return mentions;
}

std::string EntryReader::keyword() {
    const auto text = map_.text("keyword");
    if (!text) return {};
    if (base::trim(*text).empty() || text->size() > kMostKeyword || !printable(*text) ||
        base::valid_utf8(*text) != *text) {
        error(place_of("keyword"),
              fmt::format("keyword must be a text of 1 to {} bytes in one line", kMostKeyword));
    }
    return std::string{base::trim(*text)};
}

Url parse_url(std::string_view text) {
    Url url;
    const auto colon = text.find("://");
    if (colon == std::string_view::npos) return url;
    url.scheme = text.substr(0, colon);
    text.remove_prefix(colon + 3);
    text = text.substr(0, text.find('#'));
    const auto path = std::min(text.find_first_of("/?"), text.size());
    url.authority = text.substr(0, path);
    text.remove_prefix(path);
    const auto query = std::min(text.find('?'), text.size());
    url.path = text.substr(0, query);
    if (query < text.size()) url.query = text.substr(query + 1);
    return url;
}

bool is_word(std::string_view text, std::string_view more) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               more.find(c) != std::string_view::npos;
    });
}

bool is_url(std::string_view text, std::initializer_list<std::string_view> schemes) {
    const auto url = parse_url(text);
    return printable(text) && text.find(' ') == std::string_view::npos && !url.authority.empty() &&
           std::find(schemes.begin(), schemes.end(), url.scheme) != schemes.end();
}

std::string_view last_segment(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view query_value(std::string_view query, std::string_view key) {
    for (const auto part : base::split(query, '&')) {
        if (part.starts_with(key) && part.substr(key.size()).starts_with('=')) {
            return part.substr(key.size() + 1);
        }
    }
    return {};
}

std::vector<std::string> secrets_of(const HttpOptions& http) {
    const auto authority = parse_url(http.proxy.reveal()).authority;
    const auto at = authority.rfind('@');
    if (at == std::string_view::npos || at == 0) return {};
    return secrets_in_login(authority.substr(0, at));
}

std::string route_of(const HttpOptions& http) {
    if (http.proxy.empty()) return "directly";
    const auto url = parse_url(http.proxy.reveal());
    const auto host = url.authority.substr(url.authority.rfind('@') + 1);  // npos + 1 = 0
    return fmt::format("by the proxy {}://{}", url.scheme, host);
}

}  // namespace quotafuse::notifiers
