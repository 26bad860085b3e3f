#pragma once

namespace quotafuse::daemon {

inline constexpr const char* kVersion = QUOTAFUSE_VERSION;

}  // namespace quotafuse::daemon
