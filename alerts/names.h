#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "alerts/rule.h"
#include "alerts/series_key.h"
#include "sync/gateway_info.h"
#include "sync/row.h"

namespace quotafuse::alerts {

/// One part of a series' key as people read it.
struct KeyName {
    Dimension dimension;
    std::optional<std::int64_t> id;  // of a channel, token or user; the status
    std::string text;                // of the others, and of a token without id
    std::string display;             // "3 (azure-eu)", "k1 (alice)", "gpt-4o"; never empty
    bool operator==(const KeyName&) const = default;
};

/// "channel 3 (azure-eu), model gpt-4o"; empty for the one series of a rule without `by`.
std::string describe(const std::vector<KeyName>& key);

/// What ids are called: channels by the gateway, tokens and users by the rows seen last.
class Names {
public:
    explicit Names(const sync::Texts& texts) : texts_(texts) {}

    void use_channels(const std::map<std::int64_t, sync::Channel>& channels);
    /// Whether the gateway had no such channel when its channels were last read.
    bool is_deleted(std::int64_t channel) const;
    void learn(const sync::Row& row);
    /// `former` is what the part was called before, for an id whose rows are not in memory.
    KeyName name(Dimension dimension, const KeyPart& part, const std::string& former) const;

private:
    struct Token {
        sync::TextId name;
        sync::TextId owner;
    };
    std::string channel(std::int64_t id) const;
    std::string token(const KeyPart& part) const;
    std::string user(std::int64_t id) const;

    const sync::Texts& texts_;
    std::map<std::int64_t, std::string> channels_;
    std::unordered_map<std::int64_t, Token> tokens_;
    std::unordered_map<std::int64_t, sync::TextId> users_;
};

}  // namespace quotafuse::alerts
