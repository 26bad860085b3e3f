#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "notifiers/provider.h"

namespace quotafuse::notifiers {

struct Mailbox {
    std::string name;     // UTF-8; may be empty
    std::string address;  // printable ASCII, nothing that could end it or begin a command
};
/// "Name <a@example.com>" or "a@example.com"; nothing when it is neither, or has an address that a
/// server would have to guess at.
std::optional<Mailbox> parse_mailbox(std::string_view text);

/// The whole mail: headers and the message as text and as HTML, CRLF only, ASCII only. The same
/// bytes in each attempt. Mails about one alert refer to one Message-ID, so that readers show them
/// together.
std::string compose_mail(const Mail& mail, const Mailbox& from, const std::vector<Mailbox>& to);

}  // namespace quotafuse::notifiers
