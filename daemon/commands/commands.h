#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "alerts/rule_loader.h"
#include "base/environment.h"
#include "base/log.h"
#include "daemon/arguments.h"
#include "daemon/config.h"

namespace quotafuse::daemon {

// One function a command, each in a file of its name. They print to stdout, explain to stderr,
// return an exit code, and throw base::Failure where a command cannot go on.
int backup_command(const Arguments& arguments);
int breaker_command(const Arguments& arguments);
/// `quotafuse breaker list`, and what it asks a daemon for.
int breaker_list(const Arguments& arguments);
std::string breaker_list_request(std::int64_t limit);
/// `quotafuse breaker report`.
int breaker_report(const Arguments& arguments);
int check_command(const Arguments& arguments);
int demo_command(const Arguments& arguments);
int grants_command(const Arguments& arguments);
int init_command(const Arguments& arguments);
int notify_command(const Arguments& arguments);
int password_command(const Arguments& arguments);
int replay_command(const Arguments& arguments);
int run_command(const Arguments& arguments);
int silence_command(const Arguments& arguments);
int status_command(const Arguments& arguments);
int sync_command(const Arguments& arguments);
/// What `sync` does with a configuration that was read.
int copy_rows(const Config& config, bool json);
int test_rules_command(const Arguments& arguments);
int version_command(const Arguments& arguments);

/// The configuration, or Failure(config) after every fault was printed to stderr. Warnings are
/// printed, too.
Config load_or_fail(const Arguments& arguments, NotifierUse use = NotifierUse::tell);
/// The same for commands that ask the running daemon: with faults they need no more than its
/// control socket, and go on where it answers.
Config load_to_ask(const Arguments& arguments);
/// Failure(config) unless the gateway's database is configured; says what to set.
const sync::Dsn& require_source(const Config& config);

/// The rules of these files with their tests; without files those of the configuration.
/// Failure(config) after every fault was printed to stderr.
alerts::RuleSet load_rules_or_fail(const Config& config, const std::vector<std::string>& files);
/// Failure(usage) for a name that no rule has, with the nearest one.
const alerts::Rule& rule_or_fail(const std::vector<alerts::Rule>& rules, const std::string& name);

/// The running daemon's answer to one request of the control socket, both JSON; nothing where no
/// daemon is there. Throws Failure as the daemon says.
std::optional<std::string> ask_if_running(const Config& config, const std::string& request_json);
/// The same, and Failure (unavailable) where no daemon is there.
std::string ask_or_fail(const Config& config, const std::string& request_json);
/// The same of a daemon that may be on its way out or in: where it cannot answer now, no exception
/// tells it, only what it says of the request itself.
struct Heard {
    std::optional<std::string> answer{};
    bool gone = false;  // it left its socket behind, or hung up: a reload does not look like that
                        // more than once
};
Heard ask_patiently(const Config& config, const std::string& request_json);
/// One line for a silence as the daemon answers it (see silences_json).
std::string silence_text(const std::string& json, const base::TimeZone& zone);

}  // namespace quotafuse::daemon
