#pragma once

#include <vector>

#include "base/database.h"

namespace quotafuse::daemon {

/// The tables of every room, as the one store file holds them.
std::vector<base::Schema> all_schemas();

}  // namespace quotafuse::daemon
