#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "daemon/http_message.h"
#include "notifiers/outbox.h"

namespace quotafuse::daemon {

/// "waiting", "delivered" or "dead".
std::string_view state_name(notifiers::Filed::State state);

/// A letter as `quotafuse notify --list --json` and /api/v1/outbox show it; times are Unix seconds.
/// `about` is what its title tells of: {kind (as a webhook has it), rule (or null), labels}, of the
/// first alert where there are several; null where a message has none.
nlohmann::ordered_json to_json(const notifiers::Filed& letter);

/// Answers /api/v1/outbox?state=waiting|delivered|dead&limit=1…200&cursor=ID with
/// {"letters": […], "next_cursor": ID or null}, the newest first; each parameter may be absent.
/// 400 says which parameter is wrong. Reads the store on a connection of its own, that of one
/// request. Any thread.
HttpReply answer_outbox(const std::string& store, const HttpRequest& request);

}  // namespace quotafuse::daemon
