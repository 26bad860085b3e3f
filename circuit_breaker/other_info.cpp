#include "circuit_breaker/other_info.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace quotafuse::circuit_breaker {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kLongestReason = 500;

Json as_object(const std::optional<std::string>& text) {
    auto json = Json::parse(text.value_or(""), nullptr, false);
    return json.is_object() ? json : Json::object();
}

}  // namespace

std::string with_trip(const std::optional<std::string>& other_info, const std::string& trip_id,
                      const std::string& reason, std::int64_t now) {
    auto json = as_object(other_info);
    json["status_reason"] =
        base::cut_bytes("[quotafuse] " + base::valid_utf8(reason), kLongestReason);
    json["status_time"] = now;
    json["quotafuse"] = {{"trip", trip_id}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<std::string> trip_mark(const std::optional<std::string>& other_info) {
    const auto json = as_object(other_info);
    const auto mark = json.find("quotafuse");
    if (mark == json.end() || !mark->is_object()) return {};
    const auto trip = mark->find("trip");
    if (trip == mark->end() || !trip->is_string()) return {};
    return trip->get<std::string>();
}

}  // namespace quotafuse::circuit_breaker
