#include "circuit_breaker/stored_json.h"

#include <array>
#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

namespace quotafuse::circuit_breaker {
namespace {

using Json = nlohmann::json;
using Kind = base::Recovery::Kind;

constexpr std::array<std::pair<Kind, const char*>, 5> kKinds{{{Kind::manual, "manual"},
                                                              {Kind::after, "after"},
                                                              {Kind::tomorrow, "tomorrow"},
                                                              {Kind::next_month, "next_month"},
                                                              {Kind::half_open, "half_open"}}};

std::string to_text(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const char* name_of(Kind kind) {
    for (const auto& [known, name] : kKinds) {
        if (known == kind) return name;
    }
    return "manual";
}

Kind kind_from(const std::string& name) {
    for (const auto& [kind, known] : kKinds) {
        if (name == known) return kind;
    }
    return Kind::manual;
}

std::string text_in(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

std::int64_t number_in(const Json& json, const char* key, std::int64_t otherwise) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>()
                                                             : otherwise;
}

int count_in(const Json& json, const char* key, int otherwise) {
    return static_cast<int>(number_in(json, key, otherwise));
}

}  // namespace

std::string stored(const base::Recovery& recovery) {
    return to_text({{"kind", name_of(recovery.kind)},
                    {"wait", recovery.wait.count()},
                    {"longest", recovery.longest.count()},
                    {"attempts", recovery.attempts},
                    {"most_errors", recovery.most_errors},
                    {"probe_time", recovery.probe_time.count()}});
}

base::Recovery recovery_from(const std::string& text) {
    const auto json = Json::parse(text, nullptr, false);
    base::Recovery recovery;
    if (!json.is_object()) return recovery;
    recovery.kind = kind_from(text_in(json, "kind"));
    recovery.wait = base::Seconds{number_in(json, "wait", recovery.wait.count())};
    recovery.longest = base::Seconds{number_in(json, "longest", recovery.longest.count())};
    recovery.attempts = count_in(json, "attempts", recovery.attempts);
    recovery.most_errors = count_in(json, "most_errors", recovery.most_errors);
    recovery.probe_time = base::Seconds{number_in(json, "probe_time", recovery.probe_time.count())};
    return recovery;
}

std::string stored(const std::optional<LeadingKey>& leading) {
    if (!leading) return "";
    return to_text({{"id", leading->id}, {"name", leading->name}, {"share", leading->share}});
}

std::optional<LeadingKey> leading_from(const std::string& text) {
    const auto json = Json::parse(text, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    LeadingKey leading{.id = text_in(json, "id"),
                       .name = text_in(json, "name"),
                       .share = count_in(json, "share", 0)};
    if (leading.id.empty()) return std::nullopt;
    return leading;
}

std::string stored(const std::vector<std::string>& names) {
    return to_text(Json(names));
}

std::vector<std::string> names_from(const std::string& text) {
    std::vector<std::string> names;
    for (const auto& item : Json::parse(text, nullptr, false)) {
        if (item.is_string()) names.push_back(item.get<std::string>());
    }
    return names;
}

}  // namespace quotafuse::circuit_breaker
