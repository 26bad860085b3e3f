#include "daemon/commands/json_answer.h"

#include "base/clock.h"
#include "daemon/breaker_json.h"

namespace quotafuse::daemon {

using Json = nlohmann::json;

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_of(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::int64_t number_of(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::string time_of(const Json& object, const char* key, const base::TimeZone& zone) {
    return zone.format(base::from_unix(number_of(object, key)));
}

circuit_breaker::Target target_of(const Json& object) {
    using Kind = circuit_breaker::Target::Kind;
    circuit_breaker::Target target;
    const auto kind = text_of(object, "kind");
    if (kind == "model") target.kind = Kind::model;
    if (kind == "token") target.kind = Kind::token;
    target.channel = number_of(object, "channel");
    target.model = text_of(object, "model");
    target.token = number_of(object, "token");
    target.user = number_of(object, "user");
    target.token_name = text_of(object, "token_name");
    return target;
}

std::string paused_text(const Json& answer, const base::TimeZone& zone) {
    const auto found = answer.find("paused");
    if (found == answer.end() || !found->is_object()) return {};
    return pause_text({base::from_unix(number_of(*found, "since")),
                       base::from_unix(number_of(*found, "until")), text_of(*found, "reason")},
                      zone);
}

}  // namespace quotafuse::daemon
