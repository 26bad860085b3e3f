#pragma once

#include "base/environment.h"
#include "base/log.h"
#include "daemon/arguments.h"
#include "daemon/config.h"

namespace quotafuse::daemon {

// One function a command, each in a file of its name. They print to stdout, explain to stderr,
// return an exit code, and throw base::Failure where a command cannot go on.
int backup_command(const Arguments& arguments);
int check_command(const Arguments& arguments);
int demo_command(const Arguments& arguments);
int grants_command(const Arguments& arguments);
int notify_command(const Arguments& arguments);
int run_command(const Arguments& arguments);
int status_command(const Arguments& arguments);
int sync_command(const Arguments& arguments);
int version_command(const Arguments& arguments);

/// The configuration, or Failure(config) after every fault was printed to stderr. Warnings are
/// printed, too.
Config load_or_fail(const Arguments& arguments);
/// Failure(config) unless the gateway's database is configured; says what to set.
const sync::Dsn& require_source(const Config& config);

}  // namespace quotafuse::daemon
