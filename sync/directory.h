#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "sync/row.h"

namespace quotafuse::sync {

/// What the gateway calls its objects, as of the last snapshot; texts are ids of the store's
/// dictionary. What is not in here was deleted, or was not read yet, or may not be: see Extent.
struct Directory {
    struct Channel {
        std::string name;
        int status = 0;       // 1 enabled, 2 disabled by a person, 3 automatically
        TextId provider = 0;  // its type by name, e.g. "OpenAI"; 0 for one that is not known
        TextId tag = 0;
        bool operator==(const Channel&) const = default;
    };
    struct Token {
        std::string name;
        std::int64_t user = 0;
        bool operator==(const Token&) const = default;
    };
    struct User {
        std::string name;
        TextId group = 0;
        bool operator==(const User&) const = default;
    };
    bool known = false;  // false before the first snapshot
    std::map<std::int64_t, Channel> channels;
    std::unordered_map<std::int64_t, Token> tokens;
    std::unordered_map<std::int64_t, User> users;
    double quota_per_unit = 500'000;  // quota for one US dollar
    bool operator==(const Directory&) const = default;
};

}  // namespace quotafuse::sync
