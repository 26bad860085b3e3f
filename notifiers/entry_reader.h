#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/severity.h"
#include "base/yaml.h"
#include "notifiers/http_client.h"
#include "notifiers/message.h"

namespace quotafuse::notifiers {

/// Whom a message calls by name, and from which severity on. Resolved ones and digests call nobody,
/// a test does where it is critical, whatever `from` says: somebody wants to see that it works.
struct Mentions {
    std::vector<std::string> who;  // as the service writes people; "all" where it has that
    base::Severity from = base::Severity::critical;

    /// Those of `who` that this message calls: all or none.
    std::vector<std::string> called_by(const Message& message) const;
};

/// Reads the keys of one notifier for its provider. No message may show a value that can be secret.
class EntryReader {
public:
    EntryReader(const std::string& file, const base::yaml::Member& member,
                base::yaml::Diagnostics& diagnostics);
    /// `what` names the map in messages.
    EntryReader(const std::string& file, const base::yaml::Node& node, std::string what,
                base::yaml::Diagnostics& diagnostics);

    base::yaml::Mapping& map() { return map_; }
    /// A text that must be there and not be empty, with its place for further complaints.
    const base::yaml::Node* needed(std::string_view key);
    /// A chat that is missing is no fault while the bot is only asked which chats there are.
    void seek_chats(bool seeks) { seeks_chats_ = seeks; }
    bool seeks_chats() const { return seeks_chats_; }
    /// Of a key that is there.
    base::yaml::Place place_of(std::string_view key) const;
    void error(base::yaml::Place place, std::string text) { map_.error(place, std::move(text)); }

    /// `proxy`, `ca_file` and `timeout`.
    HttpOptions transport();
    /// `mention` and `mention_from`.
    Mentions mentions();
    /// `keyword`: what a bot demands in every message.
    std::string keyword();

private:
    const base::yaml::Node& node_;
    base::yaml::Mapping map_;
    bool seeks_chats_ = false;
};

/// The parts of "scheme://authority/path?query"; empty ones where the text has none.
struct Url {
    std::string_view scheme;
    std::string_view authority;
    std::string_view path;  // with its slash
    std::string_view query;
};
Url parse_url(std::string_view text);
/// Not empty, of letters and digits of ASCII and the characters of `more` alone.
bool is_word(std::string_view text, std::string_view more = "");
/// No blanks or control characters, which libcurl refuses later and a terminal shows too well.
bool is_url(std::string_view text, std::initializer_list<std::string_view> schemes);
std::string_view last_segment(std::string_view path);
std::string_view query_value(std::string_view query, std::string_view key);
/// User and password of a proxy's URL: secrets.
std::vector<std::string> secrets_of(const HttpOptions& http);
/// For Recipe::route().
std::string route_of(const HttpOptions& http);

}  // namespace quotafuse::notifiers
