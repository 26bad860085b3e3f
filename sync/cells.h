#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sync/gateway_session.h"

namespace quotafuse::sync {

/// What a cell of the gateway's tables says; NULL and nonsense are 0, or nothing.
std::int64_t to_integer(const Cell& cell);
std::optional<double> to_number(const Cell& cell);
/// A time that may not be set: 0 or -1.
std::optional<std::int64_t> to_time(const Cell& cell);
/// Valid UTF-8, whatever the table holds.
std::string to_text(const Cell& cell);

}  // namespace quotafuse::sync
