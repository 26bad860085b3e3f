#pragma once

#include <string>
#include <string_view>

namespace quotafuse::daemon {

/// The page of a path in a map of pages: its own, or else that of the longest beginning that ends
/// with a slash; end() where there is neither.
template <class Pages>
auto find_page(const Pages& pages, std::string_view path) {
    auto found = pages.find(std::string{path});
    for (auto cut = path.size(); found == pages.end() && cut > 0;) {
        cut = path.rfind('/', cut - 1);
        if (cut == std::string_view::npos) break;
        found = pages.find(std::string{path.substr(0, cut + 1)});
    }
    return found;
}

}  // namespace quotafuse::daemon
