#pragma once

#include <random>
#include <string>
#include <vector>

#include "notifiers/message.h"

namespace quotafuse::tests {

/// Valid and invalid UTF-8, markup of all services, and what turns or breaks lines.
inline std::string random_text(std::mt19937& random, std::size_t most) {
    static const std::vector<std::string> kPieces = {
        "a",       "用",     "é",        "😀",    "👩‍👩‍👧",
        "e\u0301", "\u202E", "&amp;",    "<",    "&",
        ">",       "`",      "*",        "[",    "](",
        "@x",      "\n",     "\"",       "\xFF", "_",
        "|",       "\\",     "\xE4\xB8", "~",    " ",
        "#",       "ﷺ",      "</font>",  "</b>", "<at id=all></at>"};
    const auto length = std::uniform_int_distribution<std::size_t>{0, most}(random);
    std::string text;
    while (text.size() < length) {
        text += kPieces[std::uniform_int_distribution<std::size_t>{0, kPieces.size() - 1}(random)];
    }
    return text;
}

/// Of any sizes, up to many times what any service takes.
inline notifiers::Message random_message(std::mt19937& random, int round) {
    using notifiers::Message;
    Message message;
    message.kind = static_cast<Message::Kind>(round % 7);
    message.severity = base::Severity::critical;
    message.title = random_text(random, 600);
    message.footer = random_text(random, 600);
    message.link = Message::Link{random_text(random, 200), "https://h/" + random_text(random, 300)};
    for (int i = 0; i < round % 7; ++i) {
        message.facts.push_back({random_text(random, 200), random_text(random, 3000)});
    }
    for (int i = 0; i < round; ++i) {
        if (i % 5 == 0) message.sections.push_back({random_text(random, 300), {}});
        message.sections.back().lines.push_back(random_text(random, 1500));
    }
    return message;
}

}  // namespace quotafuse::tests
