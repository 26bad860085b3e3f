#include "alerts/rule_test_objects.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "alerts/rule_parts.h"
#include "alerts/test_gauges.h"
#include "base/text.h"
#include "sync/channel_types.h"

namespace quotafuse::alerts {
namespace {

using base::yaml::Mapping;
using base::yaml::Node;

/// Keys and users that a test calls by name alone have ids from here on.
constexpr std::int64_t kFirstNamedId = 1'000'000;
/// Channels have no such ids.
constexpr std::int64_t kMostChannel = 1'000'000'000;

std::string text_of(Mapping& map, std::string_view key) {
    return base::valid_utf8(map.text(key).value_or(""));
}

/// Of both gateways: a test does not say whose it is.
const std::vector<std::string_view>& providers() {
    static const auto kProviders = [] {
        constexpr int kMoreThanThereAre = 256;
        std::vector<std::string_view> names;
        for (const auto gateway : {sync::Gateway::new_api, sync::Gateway::one_api}) {
            for (int type = 0; type < kMoreThanThereAre; ++type) {
                const auto name = sync::channel_type_name(gateway, type);
                if (!name.empty()) names.push_back(name);
            }
        }
        std::sort(names.begin(), names.end());
        names.erase(std::unique(names.begin(), names.end()), names.end());
        return names;
    }();
    return kProviders;
}

std::string read_provider(Mapping& map) {
    const auto name = map.text("provider");
    if (!name) return {};
    const auto& known = providers();
    if (!std::binary_search(known.begin(), known.end(), std::string_view{*name})) {
        map.error(map.find("provider")->place,
                  fmt::format("no provider is called '{}'{}", *name, suggest(*name, known)));
    }
    return *name;
}

}  // namespace

void TestObjects::call(std::string_view kind, std::int64_t id, const std::string& name) {
    if (name.empty()) return;
    ids_.emplace(fmt::format("{} {}", kind, name), id);
    names_[fmt::format("{} {}", kind, id)] = name;
}

/// Of a map of ids, each with a map of what the object is called.
template <class Read>
void TestObjects::each(Mapping& test_map, std::string_view key, std::int64_t most, Read read) {
    const auto* const node = test_map.find(key);
    if (node == nullptr || node->kind == Node::Kind::null) return;
    if (node->kind != Node::Kind::map) {
        test_map.error(node->place,
                       fmt::format("{} must be a map of ids, not {}", key, node->describe()));
        return;
    }
    for (const auto& member : node->members) {
        const auto id = as_id(member.key).value_or(0);
        if (id < 1 || id > most) {
            test_map.error(member.key_place, fmt::format("{} have ids from 1 to {}, not '{}'", key,
                                                         most, member.key));
            continue;
        }
        Mapping map{test_map.file(), member.value, std::string{key}, test_map.diagnostics()};
        read(map, id);
        map.refuse_unknown();
    }
}

void TestObjects::read(Mapping& test_map, RuleTest& test) {
    each(test_map, "channels", kMostChannel, [&](Mapping& map, std::int64_t id) {
        test.channels[id] = {text_of(map, "name"), read_provider(map), text_of(map, "tag")};
        call("channel", id, test.channels[id].name);
    });
    each(test_map, "users", kFirstNamedId - 1, [&](Mapping& map, std::int64_t id) {
        test.users[id] = {text_of(map, "name"), text_of(map, "group")};
        call("user", id, test.users[id].name);
    });
    each(test_map, "tokens", kFirstNamedId - 1, [&](Mapping& map, std::int64_t id) {
        auto& token = test.tokens[id];
        token.name = text_of(map, "name");
        std::string owner;
        read_id(map, "user", token.user, owner);
        call("token", id, token.name);
    });
}

void TestObjects::read_id(Mapping& row, std::string_view kind, std::int64_t& id,
                          std::string& name) {
    const auto* const node = row.find(kind);
    if (node == nullptr) return;
    const auto number = base::yaml::as_integer(*node);
    if (number && *number >= 0 && *number < kFirstNamedId) {
        id = *number;
        const auto called = names_.find(fmt::format("{} {}", kind, id));
        name = called == names_.end() ? fmt::format("{}-{}", kind, id) : called->second;
        call(kind, id, name);
    } else if (node->kind == Node::Kind::scalar && !node->text.empty() && !number) {
        name = base::valid_utf8(node->text);
        const auto [known, is_new] =
            ids_.emplace(fmt::format("{} {}", kind, name), kFirstNamedId + next_);
        if (is_new) ++next_;
        id = known->second;
    } else {
        row.error(node->place, fmt::format("{} must be a name, or an id under {}, not {}", kind,
                                           kFirstNamedId, node->describe()));
    }
}

void TestObjects::check_name(Mapping& key, std::string_view kind) const {
    const auto* const node = key.find(kind);
    if (node == nullptr || as_id(node->text)) return;
    if (ids_.contains(fmt::format("{} {}", kind, base::valid_utf8(node->text)))) return;
    key.error(node->place, fmt::format("no {} of this test is called '{}'", kind, node->text));
}

}  // namespace quotafuse::alerts
