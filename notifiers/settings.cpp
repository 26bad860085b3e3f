#include "notifiers/settings.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>

#include <fmt/format.h>

#include "base/text.h"
#include "base/yaml.h"

namespace quotafuse::notifiers {
namespace {

namespace yaml = base::yaml;

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kWordCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

bool consists_of(std::string_view text, std::string_view characters) {
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

/// The parts of "scheme://authority/path?query"; empty ones where the text has none.
struct Url {
    std::string_view scheme;
    std::string_view authority;
    std::string_view path;  // with its slash
    std::string_view query;
};

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

/// No blanks or control characters, which libcurl refuses later and a terminal shows too well.
bool is_url(std::string_view text, std::initializer_list<std::string_view> schemes) {
    const auto url = parse_url(text);
    const bool printable =
        std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != 0x7f; });
    return printable && !url.authority.empty() &&
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

/// Tells what is no map. Mapping would quote it, and a text here is likely a token or a webhook.
bool is_map(const std::string& file, const yaml::Node& node, const std::string& what,
            yaml::Diagnostics& diagnostics) {
    if (node.kind == yaml::Node::Kind::map) return true;
    const auto found = node.kind == yaml::Node::Kind::scalar ? "a text" : node.describe();
    diagnostics.error(file, node.place,
                      fmt::format("{} must be a map of keys and values, not {}", what, found));
    return false;
}

std::string describe_entry(const yaml::Member& member) {
    return fmt::format("the notifier '{}'", member.key);
}

/// Reads one entry of the map. No message may show a value that can be secret.
class Entry {
public:
    Entry(const std::string& file, const yaml::Member& member, yaml::Diagnostics& diagnostics)
        : node_(member.value), map_(file, member.value, describe_entry(member), diagnostics) {
        settings_.name = member.key;
        if (!consists_of(member.key, kWordCharacters)) {
            map_.error(member.key_place, "a notifier's name consists of letters, digits, - and _");
        }
    }

    std::optional<Settings> read() {
        using Type = Settings::Type;
        if (node_.find("type") == nullptr) {
            map_.require("type");  // tells that it is missing
            return std::nullopt;
        }
        const auto type = map_.choice("type", {"telegram", "feishu", "wecom", "console"});
        if (!type) return std::nullopt;  // which keys it knows is unknown, so no more complaints
        settings_.type = static_cast<Type>(*type);
        if (const auto severity = map_.choice("min_severity", {"info", "warning", "critical"})) {
            settings_.min_severity = static_cast<base::Severity>(*severity);
        }
        switch (settings_.type) {
            case Type::telegram:
                telegram();
                break;
            case Type::feishu:
                feishu();
                break;
            case Type::wecom:
                wecom();
                break;
            case Type::console:
                break;
        }
        if (settings_.type != Type::console) transport();
        map_.refuse_unknown();
        return settings_;
    }

private:
    /// A text that must be there and not be empty, with its place for further complaints.
    const yaml::Node* needed(std::string_view key) {
        const auto* const node = map_.require(key);
        if (node == nullptr) return nullptr;
        if (node->kind == yaml::Node::Kind::scalar && !node->text.empty()) return node;
        map_.error(node->place, fmt::format("{} must be a text that is not empty", key));
        return nullptr;
    }

    void telegram() {
        if (const auto* const token = needed("bot_token")) {
            const auto parts = base::split(token->text, ':');
            if (parts.size() != 2 || !consists_of(parts[0], kDigits) ||
                !consists_of(parts[1], kWordCharacters)) {
                map_.error(token->place,
                           "bot_token must have the form 123456789:AbC…, as @BotFather gives it");
            }
            settings_.bot_token = base::Secret{token->text};
        }
        if (const auto* const chat = needed("chat_id")) {
            std::string_view id = chat->text;
            const bool name = id.starts_with('@') && consists_of(id.substr(1), kWordCharacters);
            if (id.starts_with('-')) id.remove_prefix(1);
            if (!name && (!consists_of(id, kDigits) || id.size() > 16)) {
                // Unquoted: what stands in the wrong variable may be the token.
                map_.error(chat->place,
                           "chat_id must be a number such as -1001234567890, or @channel");
            }
            settings_.chat_id = chat->text;
        }
        if (const auto thread = map_.integer("thread_id", 1, std::numeric_limits<int>::max())) {
            if (*thread == 1) {
                map_.error(place_of("thread_id"),
                           "thread_id 1 is the General topic, which Telegram wants left out");
            }
            settings_.thread_id = static_cast<int>(*thread);
        }
        settings_.base_url = map_.text("base_url").value_or("https://api.telegram.org");
        while (settings_.base_url.ends_with('/')) settings_.base_url.pop_back();
        if (!is_url(settings_.base_url, {"http", "https"})) {
            map_.error(place_of("base_url"), "base_url must be an http:// or https:// URL");
        }
    }

    void feishu() {
        if (const auto* const node = needed("webhook")) {
            const auto url = parse_url(node->text);
            if (url.path.starts_with("/open-apis/bot/hook/")) {
                map_.error(node->place,
                           "webhook is of the legacy protocol (/open-apis/bot/hook/…); "
                           "create a custom bot, whose URL has /open-apis/bot/v2/hook/…");
            } else if (!is_url(node->text, {"http", "https"}) || last_segment(url.path).empty() ||
                       url.path.find("/bot/v2/hook/") == std::string_view::npos) {
                map_.error(node->place,
                           "webhook must be the whole URL of the bot, such as "
                           "https://open.feishu.cn/open-apis/bot/v2/hook/…");
            }
            settings_.webhook = base::Secret{node->text};
        }
        settings_.secret = base::Secret{map_.text("secret").value_or("")};
    }

    void wecom() {
        if (const auto* const node = needed("webhook")) {
            if (!is_url(node->text, {"http", "https"}) ||
                query_value(parse_url(node->text).query, "key").empty()) {
                map_.error(node->place,
                           "webhook must be the whole URL of the robot, such as "
                           "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…");
            }
            settings_.webhook = base::Secret{node->text};
        }
    }

    void transport() {
        using namespace std::chrono_literals;
        settings_.http.proxy = base::Secret{map_.text("proxy").value_or("")};
        const auto& proxy = settings_.http.proxy.reveal();
        if (!proxy.empty() && !is_url(proxy, {"http", "https", "socks5", "socks5h"})) {
            map_.error(place_of("proxy"),
                       "proxy must be an http://, https://, socks5h:// or socks5:// URL");
        }
        settings_.http.ca_file = map_.text("ca_file").value_or("");
        if (const auto& ca = settings_.http.ca_file; !ca.empty() && !std::ifstream{ca}) {
            map_.error(place_of("ca_file"), fmt::format("ca_file '{}' cannot be read", ca));
        }
        settings_.http.timeout = map_.duration("timeout", 1s, 60s).value_or(15s);
    }

    /// Of a key that is there.
    yaml::Place place_of(std::string_view key) const { return node_.find(key)->place; }

    const yaml::Node& node_;
    yaml::Mapping map_;
    Settings settings_;
};

}  // namespace

std::vector<Settings> load_settings(const std::string& file, const yaml::Node& map,
                                    yaml::Diagnostics& diagnostics) {
    std::vector<Settings> all;
    if (!is_map(file, map, "notifiers", diagnostics)) return all;
    for (const auto& member : map.members) {
        if (!is_map(file, member.value, describe_entry(member), diagnostics)) continue;
        if (auto settings = Entry{file, member, diagnostics}.read())
            all.push_back(std::move(*settings));
    }
    return all;
}

std::vector<std::string> secrets_of(const Settings& settings) {
    std::vector<std::string> secrets;
    const auto add = [&](std::string_view text) {
        if (!text.empty()) secrets.emplace_back(text);
    };
    add(settings.bot_token.reveal());
    add(settings.secret.reveal());
    const auto webhook = parse_url(settings.webhook.reveal());
    if (settings.type == Settings::Type::feishu) add(last_segment(webhook.path));
    if (settings.type == Settings::Type::wecom) add(query_value(webhook.query, "key"));
    const auto proxy = parse_url(settings.http.proxy.reveal()).authority;
    if (const auto at = proxy.rfind('@'); at != std::string_view::npos) {
        const auto user = proxy.substr(0, at);
        add(user);
        add(user.substr(std::min(user.find(':'), user.size() - 1) + 1));
    }
    return secrets;
}

}  // namespace quotafuse::notifiers
