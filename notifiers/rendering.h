#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "notifiers/message.h"

namespace quotafuse::notifiers {

/// What a message is to the eye before it is read. Each service has its own colours for these.
enum class Tone {
    good,     // all is well again
    calm,     // of severity info
    warning,  // of severity warning
    alarm,    // of severity critical
    action,   // the breaker did something
    report,   // a digest
    trial,    // a test
};
Tone tone_of(const Message& message);

/// A sign for the eye in a list of chats: what kind of message it is, and how loud.
std::string_view mark_of(const Message& message);

/// Valid UTF-8 in one line: control characters and line separators become blanks, what changes the
/// direction of writing becomes U+FFFD, so that nothing is read in another order than it is stored.
std::string one_line(std::string_view text);

/// What stands between a label and its value: "：" behind Chinese, ": " behind all else.
std::string_view colon_after(std::string_view label);

/// Text for markdown that knows no escapes: what could be read as markup becomes its full-width
/// twin, which looks alike and means nothing.
std::string neutral_markdown(std::string_view text);

/// The message without markup: mark and title, facts, sections, link, footer. What it is given is
/// what it shows.
std::string plain_text(const Message& message);

/// Renders as much of the message as fits. First the texts are made one_line(), and the link is
/// percent-encoded, so that no markup ends in it, or left out where it is none or too long. Title
/// and footer (300 bytes each) and the link always stay; what is left goes to the facts, then to
/// the sections, in order; a last line "… +7" counts what had no room. `fits` judges the rendered
/// form, so that markup and escapes count; texts are cut before they are rendered, so that no cut
/// can fall into an escape or leave a tag open. `most_bytes`: never useful to try more text.
std::string render_to_fit(const Message& message, std::size_t most_bytes,
                          const std::function<std::string(const Message&)>& render,
                          const std::function<bool(const std::string&)>& fits);

/// The message with `keyword` in its title, for bots that refuse every text without theirs.
Message with_keyword(Message message, const std::string& keyword);

}  // namespace quotafuse::notifiers
