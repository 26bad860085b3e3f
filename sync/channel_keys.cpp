#include "sync/channel_keys.h"

#include <charconv>
#include <limits>

#include <simdjson.h>

namespace quotafuse::sync {
namespace {

namespace json = simdjson::dom;

/// Keys that were taken out of the channel may still be listed: indexes count up from 0.
bool is_below(std::string_view index, std::int64_t size) {
    std::int64_t number = -1;
    const auto end = index.data() + index.size();
    const auto [at, error] = std::from_chars(index.data(), end, number);
    return error == std::errc{} && at == end && number >= 0 && number < size;
}

}  // namespace

std::optional<int> count_dead_keys(std::string_view channel_info) {
    json::parser parser;
    json::object info;
    const simdjson::padded_string text{channel_info};
    if (parser.parse(text).get(info) != simdjson::SUCCESS) return std::nullopt;
    bool multi = false;
    if (info["is_multi_key"].get(multi) != simdjson::SUCCESS || !multi) return std::nullopt;
    std::int64_t size = 0;
    if (info["multi_key_size"].get(size) != simdjson::SUCCESS || size <= 0)
        size = std::numeric_limits<std::int64_t>::max();
    json::object states;
    if (info["multi_key_status_list"].get(states) != simdjson::SUCCESS) return 0;
    int dead = 0;
    for (const auto state : states) {
        std::int64_t status = 1;
        if (state.value.get(status) == simdjson::SUCCESS && status != 1 &&
            is_below(state.key, size))
            ++dead;
    }
    return dead;
}

}  // namespace quotafuse::sync
