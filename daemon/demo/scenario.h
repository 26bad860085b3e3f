#pragma once

#include <chrono>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/demo/generator.h"

namespace quotafuse::demo {

/// What happens at the demo's gateway at one moment.
struct Scene {
    double events_per_second = 0;  // ordinary traffic
    double leaked_per_second = 0;  // requests of the leaked key
    double leaked_size = 1;        // each this many times as big as usual
    std::vector<Trouble> troubles = {};
};

/// The story by the seconds since its start; before it (the history) and after it all is quiet.
Scene scene_at(std::chrono::seconds since_start);

/// What a person who watches should know at a moment of the story.
struct Chapter {
    std::chrono::seconds at;
    std::string_view text;
};
std::span<const Chapter> chapters();

/// Turns scenes into rows. Fractions of a request are kept, so that short steps lose nothing.
class Stage {
public:
    explicit Stage(RowGenerator& generator) : generator_(generator) {}
    /// The rows of `length` of this scene that ends at `at` (unix seconds).
    std::vector<LogInsert> play(const Scene& scene, std::int64_t at,
                                std::chrono::milliseconds length);

private:
    RowGenerator& generator_;
    double events_due_ = 0;
    double leaked_due_ = 0;
};

}  // namespace quotafuse::demo
