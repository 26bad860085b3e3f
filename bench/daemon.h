#pragma once

#include <memory>
#include <string>

#include "bench/gateway.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace quotafuse::bench {

/// The real `quotafuse run` beside a gateway.
class Daemon {
public:
    /// `rules` is the text of a rule file, `more` goes into the configuration. Returns when /readyz
    /// says so; throws std::runtime_error when it never does.
    Daemon(const Gateway& gateway, const std::string& rules, const std::string& more);

    pid_t pid() const { return program_->pid(); }

private:
    tests::TempDir folder_;
    std::unique_ptr<tests::Program> program_;
};

}  // namespace quotafuse::bench
