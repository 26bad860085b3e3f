#include <cerrno>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "base/failure.h"
#include "daemon/commands/commands.h"

namespace quotafuse::daemon {

Config load_or_fail(const Arguments& arguments) {
    if (arguments.config.named && ::access(arguments.config.file.c_str(), F_OK) != 0 &&
        errno == ENOENT) {
        throw base::Failure(base::ExitCode::no_input,
                            fmt::format("there is no file {}", arguments.config.file));
    }
    base::yaml::Diagnostics diagnostics;
    auto config = load_config(arguments.config, base::Environment::of_process(), diagnostics);
    for (const auto& line : diagnostics.lines()) std::cerr << line << '\n';
    if (!diagnostics.ok()) {
        throw base::Failure(base::ExitCode::config, "the configuration has faults");
    }
    return config;
}

const sync::Dsn& require_source(const Config& config) {
    if (config.source.main) return *config.source.main;
    throw base::Failure(
        base::ExitCode::config,
        config.file.empty()
            ? "no gateway is configured: set SQL_DSN, or write /etc/quotafuse/quotafuse.yaml"
            : fmt::format(
                  "no gateway is configured: set SQL_DSN in secrets.env, or source.dsn in {}",
                  config.file));
}

}  // namespace quotafuse::daemon
