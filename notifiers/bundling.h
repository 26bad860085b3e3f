#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "notifiers/outbox.h"

namespace quotafuse::notifiers {

/// What a letter that waits is to the choice of what goes out with it.
struct Waiting {
    std::int64_t id = 0;
    std::string alert;    // as of Letter
    std::string batch;    // as of Letter
    bool listed = false;  // one line says it all; a report, for one, would be lost in a list
    bool begins = false;  // tells that its alert began
    bool ends = false;    // tells that its alert is over
    bool expired = false;
};

struct Choice {
    std::optional<Bundle::Why> why;     // nothing: one letter, as it is
    std::vector<std::int64_t> letters;  // in order of put(); its first is the first that waits
};

/// Which letters of a notifier go out together with the first that waits, and why. `waiting` is not
/// empty, in order of put(), and all of it may go out now.
///
/// Too old to be news: all such in one digest. Else letters belong together that tell the beginning
/// and the end of one alert, and those of one batch. Where that leaves more messages than should be
/// read one by one, they become one list; an alert that began and ended is not torn apart by it.
/// What is told of an alert is not too old while something that was told of it before is not: the
/// end never comes before the beginning.
/// In a list or a batch at most `most` (≥ 2) go out together. Of expired ones, and of one alert
/// from its beginning to its end, all do: those are told as one line, or counted.
Choice choose(const std::vector<Waiting>& waiting, std::size_t most);

}  // namespace quotafuse::notifiers
