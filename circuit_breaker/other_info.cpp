#include "circuit_breaker/other_info.h"

#include <string_view>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace quotafuse::circuit_breaker {
namespace {

using Json = nlohmann::ordered_json;
using Text = std::optional<std::string>;
constexpr std::size_t kLongestReason = 500;
/// Written out again deeper than this, it would end our stack.
constexpr int kDeepest = 200;
constexpr std::string_view kPrefix = "[quotafuse] ";
constexpr const char* kMark = "quotafuse";
constexpr const char* kReason = "status_reason";
constexpr const char* kTime = "status_time";

Json as_object(const Text& text) {
    bool too_deep = false;
    const auto watch = [&](int depth, Json::parse_event_t, const Json&) {
        too_deep = too_deep || depth > kDeepest;
        return !too_deep;
    };
    auto json = Json::parse(text.value_or(""), watch, false);
    return json.is_object() && !too_deep ? json : Json::object();
}

/// Escaped to ASCII: a column of an older character set would refuse the rest, and with it the
/// trip.
std::string to_text(const Json& json) {
    return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

/// What is neither ours nor the gateway's words on the status. Sorted, so that it compares.
nlohmann::json foreign(const Json& info) {
    auto rest = nlohmann::json::parse(to_text(info));
    rest.erase(kMark);
    rest.erase(kReason);
    rest.erase(kTime);
    return rest;
}

bool has_our_reason(const Json& info) {
    const auto reason = info.find(kReason);
    return reason != info.end() && reason->is_string() &&
           reason->get<std::string>().starts_with(kPrefix);
}

void copy_key(const char* key, const Json& from, Json& to) {
    to.erase(key);
    if (const auto at = from.find(key); at != from.end()) to[key] = *at;
}

}  // namespace

std::optional<Mark> read_mark(const Text& other_info) {
    const auto info = as_object(other_info);
    const auto json = info.find(kMark);
    if (json == info.end() || !json->is_object()) return {};
    const auto trip = json->find("trip");
    if (trip == json->end() || !trip->is_string()) return {};
    Mark mark{.trip = trip->get<std::string>()};
    const auto trial = json->find("trial");
    mark.trial = trial != json->end() && *trial == Json(true);
    if (const auto kept = json->find("kept"); kept != json->end()) mark.kept = to_text(*kept);
    const auto off = json->find("off");
    if (off == json->end() || !off->is_array()) return mark;
    for (const auto& pair : *off) {
        const bool valid =
            pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_string();
        if (valid) mark.off.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
    }
    return mark;
}

std::string with_mark(const Text& other_info, const Mark& mark, const std::string& reason,
                      std::int64_t now) {
    auto info = as_object(other_info);
    info[kReason] =
        base::cut_bytes(std::string{kPrefix} + base::valid_utf8(reason), kLongestReason);
    info[kTime] = now;
    Json json{{"trip", mark.trip}};
    if (mark.trial) json["trial"] = true;
    if (!mark.kept.empty()) json["kept"] = Json::parse(mark.kept);
    for (const auto& [group, model] : mark.off) json["off"].push_back(Json::array({group, model}));
    info[kMark] = json;
    return to_text(info);
}

Text without_mark(const Text& other_info, const std::optional<Text>& before) {
    auto info = as_object(other_info);
    const auto former = as_object(before.value_or(std::nullopt));
    if (before && foreign(info) == foreign(former)) return *before;
    if (before || has_our_reason(info)) {
        copy_key(kReason, former, info);
        copy_key(kTime, former, info);
    }
    info.erase(kMark);
    return to_text(info);
}

bool is_without_mark(const Text& other_info, const std::optional<Text>& before) {
    if (before && other_info == *before) return true;
    const auto info = as_object(other_info);
    if (info.contains(kMark) || has_our_reason(info)) return false;
    if (!before) return true;
    const auto former = as_object(*before);
    return info.value(kReason, Json()) == former.value(kReason, Json());
}

}  // namespace quotafuse::circuit_breaker
