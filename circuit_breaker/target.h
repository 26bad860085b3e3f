#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace quotafuse::circuit_breaker {

/// What is switched off at the gateway: a channel, one model of a channel, or an API key.
struct Target {
    enum class Kind { channel, model, token };
    Kind kind = Kind::channel;
    std::int64_t channel = 0;  // of a channel and a model
    std::string model{};       // as the gateway's `abilities` and `models` have it
    std::int64_t token = 0;    // id of the key; 0 on One API, whose logs have only …
    std::int64_t user = 0;     // … its owner …
    std::string token_name{};  // … and its name
    bool operator==(const Target&) const = default;

    static Target of_channel(std::int64_t id) { return {.channel = id}; }
    static Target of_model(std::int64_t channel, std::string model) {
        return {.kind = Kind::model, .channel = channel, .model = std::move(model)};
    }
    static Target of_token(std::int64_t id) { return {.kind = Kind::token, .token = id}; }
};

/// "channel 3", "model gpt-4o of channel 3", "key 17", "key 'ci' of user 4": for logs and errors.
std::string describe(const Target& target);
/// "c3", "m3/gpt-4o", "t17", "u4/ci": the same for the same object, stored.
std::string stored_key(const Target& target);
/// "quotafuse grants --tokens": what prints the rights that the breaker's account needs for this
/// kind, whether a rule or a person asks.
const char* grants_command(Target::Kind kind);
/// "channel", "model", "token".
const char* kind_name(Target::Kind kind);

}  // namespace quotafuse::circuit_breaker
