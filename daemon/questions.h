#pragma once

#include <optional>
#include <string>

namespace quotafuse::daemon {

/// Whether somebody sits before stdin who can be asked.
bool on_a_terminal();

/// Asks on the terminal and waits for a line; a `secret` one is not shown while it is typed. Empty
/// at the end of the input (Ctrl-D). After Ctrl-C it says that nothing was written and ends the
/// process as the signal would have; the terminal shows again what is typed.
std::optional<std::string> ask(const std::string& question, bool secret);

}  // namespace quotafuse::daemon
