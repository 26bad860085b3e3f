#include "circuit_breaker/target.h"

#include <cstdlib>

#include <fmt/format.h>

namespace quotafuse::circuit_breaker {

std::string describe(const Target& target) {
    switch (target.kind) {
        case Target::Kind::channel:
            return fmt::format("channel {}", target.channel);
        case Target::Kind::model:
            return fmt::format("model {} of channel {}", target.model, target.channel);
        case Target::Kind::token:
            if (target.token != 0) return fmt::format("key {}", target.token);
            return fmt::format("key '{}' of user {}", target.token_name, target.user);
    }
    std::abort();
}

std::string stored_key(const Target& target) {
    switch (target.kind) {
        case Target::Kind::channel:
            return fmt::format("c{}", target.channel);
        case Target::Kind::model:
            return fmt::format("m{}/{}", target.channel, target.model);
        case Target::Kind::token:
            if (target.token != 0) return fmt::format("t{}", target.token);
            return fmt::format("u{}/{}", target.user, target.token_name);
    }
    std::abort();
}

const char* grants_command(Target::Kind kind) {
    switch (kind) {
        case Target::Kind::channel:
            return "quotafuse grants";
        case Target::Kind::model:
            return "quotafuse grants --models";
        case Target::Kind::token:
            return "quotafuse grants --tokens";
    }
    std::abort();
}

const char* kind_name(Target::Kind kind) {
    switch (kind) {
        case Target::Kind::channel:
            return "channel";
        case Target::Kind::model:
            return "model";
        case Target::Kind::token:
            return "token";
    }
    std::abort();
}

}  // namespace quotafuse::circuit_breaker
