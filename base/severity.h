#pragma once

namespace quotafuse::base {

/// How loud a rule is. Orders from quiet to loud.
enum class Severity { info, warning, critical };

}  // namespace quotafuse::base
