#pragma once

#include <optional>
#include <string>
#include <vector>

#include "alerts/rule.h"
#include "alerts/rule_loader.h"
#include "alerts/rule_test.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/time_zone.h"
#include "base/yaml.h"
#include "circuit_breaker/settings.h"
#include "daemon/access.h"
#include "notifiers/heartbeat_settings.h"
#include "notifiers/settings.h"
#include "sync/dialect.h"
#include "sync/dsn.h"
#include "sync/store.h"

namespace quotafuse::daemon {

enum class Language { chinese, english };
/// In what messages show amounts: as the gateway's own pages do, or always in one.
enum class CurrencyChoice { as_gateway, dollars, yuan };

struct SourceConfig {
    std::optional<sync::Dsn> main;  // empty: not configured yet; `run` refuses, `check` says so
    std::optional<sync::Dsn> logs;  // where the gateway keeps its logs elsewhere (LOG_SQL_DSN)
    std::optional<sync::Gateway> gateway;  // empty: told by its columns
    std::optional<sync::Tls> tls;  // for every account at the gateway; else what each DSN says
    std::string tls_ca;
    base::Milliseconds poll_interval{1000};
    base::Seconds since{30 * 86400};
    base::Seconds gap_timeout{60};        // how long every poll asks for a missing id
    std::int64_t catch_up_rate = 50'000;  // rows/s that the daemon reads at most in a backlog
    /// A newest row that is older makes the source count as stale (a replica that is behind).
    std::optional<base::Seconds> max_lag{};

    const std::optional<sync::Dsn>& log_source() const { return logs ? logs : main; }
};

/// Everything that the configuration says, checked and typed. A value: a reload makes a new one.
struct Config {
    std::string file;  // empty when everything came from the environment
    SourceConfig source;
    circuit_breaker::Settings breaker;
    std::string store = "/var/lib/quotafuse/quotafuse.db";
    sync::Keep keep;
    std::vector<std::string> rule_files;
    std::vector<alerts::Rule> rules;
    std::vector<alerts::RuleTest> rule_tests;
    std::vector<notifiers::Settings> notifiers;
    std::optional<notifiers::HeartbeatSettings> heartbeat;
    /// Notifiers that the built-in alerts go to; empty: all.
    std::vector<std::string> self_notify;
    std::string listen = "127.0.0.1:8787";
    std::string
        public_url;         // of the status page, for links in messages; without a slash at its end
    AccessSettings access;  // to the status page; its public_url is the same
    std::string control_socket = "/run/quotafuse/control.sock";
    std::string site;
    Language language = Language::chinese;
    CurrencyChoice currency = CurrencyChoice::as_gateway;
    base::TimeZone timezone;
    base::Seconds stale_after{60};  // where it is not given at least twice the poll_interval

    std::vector<std::string> notifier_names() const;
    /// Texts that no output may show.
    std::vector<std::string> secrets() const;
};

/// What rule files may refer to under this configuration and these names of notifiers.
alerts::LoadContext rule_context(const Config& config, std::vector<std::string> notifiers);

/// What an action that asks for `wanted` really gets: breaker.mode is a ceiling, the stricter wins.
circuit_breaker::Mode effective_mode(alerts::ActionMode wanted, const Config& config);

/// Null: there is no such rule (any more).
const alerts::Rule* find_rule(const std::string& name, const Config& config);
/// What the action of that rule really gets: off where it has none, or is not enabled.
circuit_breaker::Mode rule_mode(const std::string& name, const Config& config);
/// Whether an enabled rule may switch off a channel or a model, or would in shadow mode.
bool trips_channels(const Config& config);

/// Whether a trip would be written to the server that source.dsn names: the breaker is live, an
/// enabled rule asks for that, and its DSN (if any) names the same server.
bool trips_write_to_source(const Config& config);

/// Where the configuration is: a file that was named, the usual one, or none (then the
/// environment).
struct ConfigLocation {
    std::string file = "/etc/quotafuse/quotafuse.yaml";
    bool named = false;  // by --config: then it must exist
};

/// What a command needs of the notifiers.
enum class NotifierUse {
    tell,       // one that cannot tell anybody yet is left out
    find_chats  // a Telegram bot may still lack its chat_id: it is asked for its chats
};

/// Reads the configuration with its rule files and secrets. Every fault is told; the result counts
/// only when diagnostics.ok(). Variables come from `environment`, and from secrets.env beside the
/// file.
Config load_config(const ConfigLocation& location, base::Environment environment,
                   base::yaml::Diagnostics& diagnostics, NotifierUse use = NotifierUse::tell);

}  // namespace quotafuse::daemon
