#pragma once

#include <span>
#include <string_view>

namespace quotafuse::daemon {

struct WebFile {
    std::string_view name;  // below daemon/web/, with its folder
    std::string_view content;
    std::string_view packed;  // the content as gzip, or nothing where that is not smaller
};

/// The files of the status page and Chart.js, embedded at build time (cmake/embed.cmake).
std::span<const WebFile> web_files();

/// The one of that name, or nullptr.
const WebFile* find_web_file(std::string_view name);

}  // namespace quotafuse::daemon
