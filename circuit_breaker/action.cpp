#include "circuit_breaker/action.h"

#include <cstdlib>

namespace quotafuse::circuit_breaker {

std::string_view mode_name(Mode mode) {
    switch (mode) {
        case Mode::off:
            return "off";
        case Mode::shadow:
            return "shadow";
        case Mode::live:
            return "live";
    }
    std::abort();
}

std::string_view kind_name(TripResult::Kind kind) {
    switch (kind) {
        case TripResult::Kind::tripped:
            return "tripped";
        case TripResult::Kind::would_trip:
            return "would_trip";
        case TripResult::Kind::refused:
            return "refused";
        case TripResult::Kind::already_off:
            return "already_off";
        case TripResult::Kind::lost_race:
            return "lost_race";
        case TripResult::Kind::failed:
            return "failed";
        case TripResult::Kind::unknown:
            return "unknown";
    }
    std::abort();
}

}  // namespace quotafuse::circuit_breaker
