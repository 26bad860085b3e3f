#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "notifiers/outbox.h"

namespace quotafuse::daemon {

/// Has dead letters sent again: {"id": 17}, or {} for all → {"retried": 1, "not_configured": 0}.
/// Only for `notifiers`, those that are configured; `not_configured` counts the dead letters of
/// others, which stay. Throws Failure: usage for an id that is none of them and for what is no such
/// request, io_error when the store cannot be written.
std::string retry_letters(notifiers::Outbox& outbox, const std::vector<std::string>& notifiers,
                          const std::string& request_json);

}  // namespace quotafuse::daemon
