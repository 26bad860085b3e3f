#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "daemon/config.h"
#include "daemon/wording.h"
#include "notifiers/message.h"

namespace quotafuse::daemon {

/// What every message ends with.
class MessageFrame {
public:
    explicit MessageFrame(const Config& config);

    /// Adds the link to the status page, where there is one, and the footer: site, id, and the time
    /// in `zone`.
    void close(notifiers::Message& message, std::string_view id, const base::TimeZone& zone,
               base::Second at) const;

private:
    std::string site_;
    std::string public_url_;
    Wording words_;
};

}  // namespace quotafuse::daemon
