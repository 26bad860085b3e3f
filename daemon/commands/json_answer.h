#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "base/time_zone.h"
#include "circuit_breaker/pause.h"
#include "circuit_breaker/target.h"

namespace quotafuse::daemon {

// What commands read in the answers of a daemon about the breaker (see breaker_json.h).

/// In one line of UTF-8; invalid bytes become U+FFFD.
std::string dump(const nlohmann::json& json);
/// Empty where there is no such text.
std::string text_of(const nlohmann::json& object, const char* key);
/// 0 where there is no such whole number.
std::int64_t number_of(const nlohmann::json& object, const char* key);
/// A time in the zone.
std::string time_of(const nlohmann::json& object, const char* key, const base::TimeZone& zone);
/// Of an open circuit or an entry.
circuit_breaker::Target target_of(const nlohmann::json& object);
/// Of an answer with a key `paused`: the pause_text(); empty where nothing is paused.
std::string paused_text(const nlohmann::json& answer, const base::TimeZone& zone);

}  // namespace quotafuse::daemon
