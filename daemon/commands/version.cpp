#include "daemon/version.h"

#include <iostream>

#include <SQLiteCpp/Database.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "daemon/commands/commands.h"

namespace quotafuse::daemon {

int version_command(const Arguments& arguments) {
    const auto* const curl = curl_version_info(CURLVERSION_NOW);
    if (arguments.json) {
        std::cout << nlohmann::json{{"version", kVersion},
                                    {"sqlite", SQLite::getLibVersion()},
                                    {"libcurl", curl->version},
                                    {"compiler", __VERSION__}}
                  << '\n';
    } else {
        std::cout << fmt::format("quotafuse {} (SQLite {}, libcurl {}, compiler {})\n", kVersion,
                                 SQLite::getLibVersion(), curl->version, __VERSION__);
    }
    return 0;
}

}  // namespace quotafuse::daemon
