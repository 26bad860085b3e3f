#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "alerts/rule.h"
#include "alerts/series_key.h"
#include "sync/directory.h"
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

/// What ids are called: by the gateway as it has them now, and where it does not say (a deleted
/// token, a user that may not be read) by the rows seen last. Pipeline thread only.
class Names {
public:
    /// `texts` must outlive it.
    explicit Names(const sync::Texts& texts) : texts_(texts) {}

    /// False when nothing differs from what was known.
    bool use(const sync::Directory& directory);
    const sync::Directory& directory() const { return directory_; }
    const sync::Texts& texts() const { return texts_; }
    void learn(const sync::Row& row);
    /// `former` is what the part was called before, for an id that nobody names any more.
    KeyName name(Dimension dimension, const KeyPart& part, const std::string& former = {}) const;
    /// `former` holds the displays of the parts, or is empty.
    std::vector<KeyName> name(const SeriesKey& key, const std::vector<Dimension>& by,
                              const std::vector<std::string>& former = {}) const;

private:
    struct Token {
        sync::TextId name = 0;
        sync::TextId owner = 0;
    };
    std::string channel(std::int64_t id) const;
    std::string token(const KeyPart& part) const;
    std::string user(std::int64_t id) const;

    const sync::Texts& texts_;
    sync::Directory directory_;
    std::unordered_map<std::int64_t, Token> tokens_;        // by the rows
    std::unordered_map<std::int64_t, sync::TextId> users_;  // by the rows
};

}  // namespace quotafuse::alerts
