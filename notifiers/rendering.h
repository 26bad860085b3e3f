#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "notifiers/message.h"

namespace quotafuse::notifiers {

/// A sign for the eye in a list of chats: how loud a message is, or that all is well again.
std::string_view mark_of(const Message& message);

/// The message without markup: mark and title, facts, lines, footer. What it is given is what it
/// shows.
std::string plain_text(const Message& message);

/// Renders as much of the message as fits. First the texts are made valid UTF-8 in single lines
/// without control characters. Title and footer (300 bytes each) always stay; what is left goes to
/// the facts, then to the lines, in order; a last line "… +7" counts what had no room. `fits`
/// judges the rendered form, so that markup and escapes count; texts are cut before they are
/// rendered, so that no cut can fall into an escape or leave a tag open. `most_bytes`: never useful
/// to try more text.
std::string render_to_fit(const Message& message, std::size_t most_bytes,
                          const std::function<std::string(const Message&)>& render,
                          const std::function<bool(const std::string&)>& fits);

}  // namespace quotafuse::notifiers
