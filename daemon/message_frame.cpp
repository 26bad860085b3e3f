#include "daemon/message_frame.h"

#include <fmt/format.h>

namespace quotafuse::daemon {

MessageFrame::MessageFrame(const Config& config)
    : site_(config.site), public_url_(config.public_url), words_(config.language) {}

void MessageFrame::close(notifiers::Message& message, std::string_view id,
                         const base::TimeZone& zone, base::Second at) const {
    if (!public_url_.empty()) {
        message.link = notifiers::Message::Link{
            std::string{words_.say("打开状态页", "Status page")}, public_url_};
    }
    message.footer = fmt::format("{} · #{} · {} {}", site_, id, zone.format(at), zone.name());
}

}  // namespace quotafuse::daemon
