#pragma once

#include <stdexcept>
#include <string>

namespace quotafuse::base {

/// Exit codes of every command, after sysexits(3).
enum class ExitCode : int {
    ok = 0,
    failed = 1,
    usage = 64,
    no_input = 66,
    unavailable = 69,
    io_error = 74,
    config = 78,
};

/// Ends a command with a text for people and an exit code. Not for what a loop can retry.
class Failure : public std::runtime_error {
public:
    Failure(ExitCode code, const std::string& what) : std::runtime_error(what), code_(code) {}
    ExitCode code() const { return code_; }

private:
    ExitCode code_;
};

}  // namespace quotafuse::base
