#pragma once

#include <span>
#include <string_view>

namespace quotafuse::daemon {

/// openapi.json, as it stands in this folder.
struct OpenApiFile {
    std::string_view name;
    std::string_view content;
};
std::span<const OpenApiFile> openapi_files();

}  // namespace quotafuse::daemon
