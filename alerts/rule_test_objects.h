#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "alerts/rule_test.h"
#include "base/yaml.h"

namespace quotafuse::alerts {

/// What a test calls channels, keys and users: by the keys `channels`, `tokens` and `users`, or as
/// rows name them. Tells every fault with its place.
class TestObjects {
public:
    /// The three keys of a test, before its rows.
    void read(base::yaml::Mapping& test_map, RuleTest& test);
    /// A row's `token` or `user`. A whole number is an id; a name has that of the object which is
    /// called so, or one of its own. Leaves both as they are where the row does not say.
    void read_id(base::yaml::Mapping& row, std::string_view kind, std::int64_t& id,
                 std::string& name);
    /// What an expectation calls a channel, key or user must be an id, or the name of one that the
    /// test has: after its rows.
    void check_name(base::yaml::Mapping& key, std::string_view kind) const;

private:
    template <class Read>
    void each(base::yaml::Mapping& test_map, std::string_view key, std::int64_t most, Read read);
    void call(std::string_view kind, std::int64_t id, const std::string& name);

    std::map<std::string, std::int64_t> ids_;   // by "token k1"
    std::map<std::string, std::string> names_;  // by "token 7"
    std::int64_t next_ = 0;
};

}  // namespace quotafuse::alerts
