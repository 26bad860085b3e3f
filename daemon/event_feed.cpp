#include "daemon/event_feed.h"

#include <fmt/format.h>

namespace quotafuse::daemon {

std::optional<std::string> EventFeed::next(const StatusEvent& event) {
    const auto now = clock_.mono();
    if (told_ == event || (told_ && now - told_at_ < base::Seconds{1})) return std::nullopt;
    told_ = event;
    told_at_ = now;
    return fmt::format(R"({{"at":{},"rows":{},"firing":{},"open":{},"pending":{}}})",
                       base::unix_seconds(clock_.now()), event.rows, event.firing, event.open,
                       event.pending);
}

}  // namespace quotafuse::daemon
