#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "notifiers/http_client.h"
#include "notifiers/pacing.h"
#include "notifiers/provider.h"

namespace quotafuse::notifiers {

/// Where console notifiers print. The stream must outlive them, and only they may use it while they
/// send.
struct Console {
    std::ostream& out;
    bool colour;  // escape sequences for a terminal
};

/// What providers are made with. All of it must outlive them.
struct Tools {
    const base::Clock& clock;
    Console console;
};

/// The entry of one notifier, checked, and how to make its provider: what a provider's own file
/// knows of it. Immutable.
class Recipe {
public:
    Recipe() = default;
    Recipe(const Recipe&) = delete;
    Recipe& operator=(const Recipe&) = delete;
    virtual ~Recipe() = default;

    virtual std::unique_ptr<Provider> make(const Tools& tools) const = 0;
    /// How fast the service takes messages, and from whom it counts them.
    virtual Pace pace() const = 0;
    /// How many lines of 150 bytes fit into one message beside its title, link and footer.
    virtual std::size_t most_lines() const { return 20; }
    /// What no output may contain: tokens (also those inside of URLs), secrets, passwords.
    virtual std::vector<std::string> secrets() const = 0;
    /// "directly", "by the proxy socks5h://host:1080": never with a password.
    virtual std::string route() const = 0;
};

}  // namespace quotafuse::notifiers
