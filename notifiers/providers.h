#pragma once

#include <iosfwd>
#include <memory>

#include "base/clock.h"
#include "notifiers/provider.h"
#include "notifiers/settings.h"

namespace quotafuse::notifiers {

/// Where console notifiers print. The stream must outlive them, and only they may use it while they
/// send.
struct Console {
    std::ostream& out;
    bool colour;  // escape sequences for a terminal
};

/// The provider of that type. `clock` must outlive it.
std::unique_ptr<Provider> make_provider(const Settings& settings, const base::Clock& clock,
                                        Console console);

std::unique_ptr<Provider> make_telegram(const Settings& settings);
std::unique_ptr<Provider> make_feishu(const Settings& settings, const base::Clock& clock);
std::unique_ptr<Provider> make_wecom(const Settings& settings);
std::unique_ptr<Provider> make_console(Console console);

}  // namespace quotafuse::notifiers
