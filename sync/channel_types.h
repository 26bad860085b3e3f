#pragma once

#include <string_view>

#include "sync/dialect.h"

namespace quotafuse::sync {

/// What a gateway's program calls a channel's type: the provider behind it. The numbers of the two
/// programs differ above 25. Empty for one that neither list has. Source: New API
/// constant/channel.go (2026-08), One API relay/channeltype/define.go (2025-02).
std::string_view channel_type_name(Gateway gateway, int type);

}  // namespace quotafuse::sync
