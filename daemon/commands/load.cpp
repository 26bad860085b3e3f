#include <fmt/format.h>

#include <iostream>

#include "base/failure.h"
#include "daemon/commands/commands.h"

namespace quotafuse::daemon {

Config load_or_fail(const Arguments& arguments) {
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
    throw base::Failure(base::ExitCode::config,
                        config.file.empty()
                            ? "no gateway is configured: set SQL_DSN, or write /etc/quotafuse/quotafuse.yaml"
                            : fmt::format("no gateway is configured: set SQL_DSN in secrets.env, or source.dsn in {}", config.file));
}

}  // namespace quotafuse::daemon
