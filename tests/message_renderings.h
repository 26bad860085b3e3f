#pragma once

#include <string>
#include <vector>

#include "notifiers/message.h"

namespace quotafuse::tests {

/// A message as one provider sends it: what the service gets, without what differs from send to
/// send (tokens, signatures, times).
struct Rendering {
    std::string provider;
    std::string text;
    std::vector<std::string> mentioned;  // whom the service would call; of chats only
    std::string shown;                   // what a reader sees; of chats only
};
/// By every provider, in the order of the documentation. Chats are real requests to a double with
/// the service's own rules, which must accept them.
std::vector<Rendering> render_everywhere(const notifiers::Message& message);

}  // namespace quotafuse::tests
