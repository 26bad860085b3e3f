#include "daemon/api/parameters.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"

namespace quotafuse::daemon::api {

Parameters::Parameters(const HttpRequest& request, std::initializer_list<std::string_view> known,
                       std::span<const std::string_view> more)
    : request_(request) {
    std::vector<std::string_view> all{known};
    all.insert(all.end(), more.begin(), more.end());
    for (const auto& [name, value] : request.query) {
        if (std::find(all.begin(), all.end(), name) != all.end()) continue;
        if (all.empty()) throw BadParameter{"there are no parameters here"};
        throw BadParameter{fmt::format("the parameters are {}", fmt::join(all, ", "))};
    }
}

std::optional<std::string> Parameters::text(const std::string& name) const {
    const auto [first, last] = request_.query.equal_range(name);
    if (first == last) return std::nullopt;
    if (std::next(first) != last)
        throw BadParameter{fmt::format("{} is given more than once", name)};
    return first->second;
}

std::optional<std::string> Parameters::words(const std::string& name, std::size_t most) const {
    const auto value = text(name);
    if (!value) return std::nullopt;
    const bool controls = std::any_of(value->begin(), value->end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (value->size() > most || controls || base::valid_utf8(*value) != *value) {
        throw BadParameter{fmt::format(
            "{} must be UTF-8 text of at most {} bytes without control characters", name, most)};
    }
    return value;
}

std::optional<std::int64_t> Parameters::whole_number(const std::string& name, std::int64_t least,
                                                     std::int64_t most) const {
    const auto value = text(name);
    if (!value) return std::nullopt;
    std::int64_t number = 0;
    const auto* const end = value->data() + value->size();
    const auto [stop, error] = std::from_chars(value->data(), end, number);
    if (error != std::errc{} || stop != end || number < least || number > most) {
        throw BadParameter{
            fmt::format("{} must be a whole number from {} to {}", name, least, most)};
    }
    return number;
}

std::string_view Parameters::choice(const std::string& name,
                                    std::initializer_list<std::string_view> choices) const {
    const auto value = text(name);
    if (!value) return *choices.begin();
    const auto* const found = std::find(choices.begin(), choices.end(), *value);
    if (found == choices.end()) {
        throw BadParameter{fmt::format("{} must be one of {}", name, fmt::join(choices, ", "))};
    }
    return *found;
}

}  // namespace quotafuse::daemon::api
