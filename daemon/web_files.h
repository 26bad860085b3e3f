#pragma once

#include <span>
#include <string_view>

namespace quotafuse::daemon {

struct WebFile {
    std::string_view name;  // as in daemon/web/
    std::string_view content;
};

/// The files of the status page, embedded at build time (cmake/embed.cmake).
std::span<const WebFile> web_files();

}  // namespace quotafuse::daemon
