#pragma once

#include <string>

#include "daemon_alerts_site.h"

namespace quotafuse::tests {

/// A daemon whose status page has a password, and what `more` says (", key: value").
class PasswordSite : public Site {
public:
    explicit PasswordSite(const std::string& password, const std::string& more = {}) : Site(kBurn) {
        auto text = read_file(config());
        const std::string listen = "status: {listen:";
        const auto at = text.find(listen);
        REQUIRE(at != std::string::npos);
        text.replace(at, listen.size(),
                     "status: {password: '" + password + "'" + more + ", listen:");
        write_file(config(), text);
    }
};

}  // namespace quotafuse::tests
