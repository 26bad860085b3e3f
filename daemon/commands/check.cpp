#include <cstdlib>
#include <functional>
#include <iostream>

#include <fmt/format.h>
#include <unistd.h>

#include "base/failure.h"
#include "daemon/accounts.h"
#include "daemon/blind_spots.h"
#include "daemon/commands/commands.h"
#include "daemon/http_server.h"
#include "daemon/info_needs.h"
#include "daemon/status_server.h"
#include "notifiers/entry_reader.h"
#include "sync/gateway_info.h"
#include "sync/history.h"
#include "sync/info_reader.h"
#include "sync/log_source.h"

namespace quotafuse::daemon {
namespace {

/// Enough for every kind of every gateway: a check looks once.
constexpr int kStatements = 100;

std::string plural(std::size_t count, const std::string& word) {
    return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

void print_summary(const Config& config) {
    std::cout << fmt::format("configuration  {}\n",
                             config.file.empty() ? "from the environment" : config.file);
    std::cout << fmt::format("gateway        {}\n",
                             config.source.main
                                 ? config.source.main->describe()
                                 : "not configured yet: set SQL_DSN in secrets.env, or source.dsn");
    if (config.source.logs)
        std::cout << fmt::format("logs           {}\n", config.source.logs->describe());
    std::cout << fmt::format("store          {}\n", config.store);
    const bool builtin = config.file.empty() && config.rule_files.empty();
    std::cout << fmt::format(
        "rules          {} in {}\n", config.rules.size(),
        builtin ? "the built-in copy" : plural(config.rule_files.size(), "file"));
    std::vector<std::string> names;
    for (const auto& notifier : config.notifiers) names.push_back(notifier.name);
    std::cout << fmt::format("notifiers      {}\n",
                             names.empty() ? "none: alerts will only be seen on the status page"
                                           : fmt::format("{}", fmt::join(names, ", ")));
    std::cout << fmt::format("breaker        {}\n",
                             circuit_breaker::mode_name(config.breaker.mode));
}

/// Rules that ask for more than the configuration allows would otherwise surprise at the worst
/// moment.
void print_modes(const Config& config) {
    for (const auto& rule : config.rules) {
        if (!rule.action || !rule.enabled) continue;
        const auto effective = effective_mode(rule.action->mode, config);
        const bool less = rule.action->mode == alerts::ActionMode::live &&
                          effective != circuit_breaker::Mode::live;
        std::cout << fmt::format("  rule {}: {}{}\n", rule.name,
                                 circuit_breaker::mode_name(effective),
                                 less ? fmt::format(" (it asks for live; breaker.mode allows {})",
                                                    circuit_breaker::mode_name(config.breaker.mode))
                                      : "");
    }
}

/// One guesser could keep everybody out.
void print_proxies(const Config& config) {
    const auto& access = config.access;
    const bool proxied = !config.public_url.empty() &&
                         !is_loopback_host(parse_public_url(config.public_url).authority) &&
                         parse_listen_address(config.listen).is_loopback();
    if (!proxied || !access.trusted_proxies.empty()) return;
    std::cout << "  warning: status.trusted_proxies is not set: wrong passwords count for the "
                 "proxy, and slow down all who come through it; name it (127.0.0.1 for one on this "
                 "host)\n";
}

void print_spots(const std::vector<std::string>& spots) {
    for (const auto& spot : spots) std::cout << "  blind spot: " << spot << '\n';
}

/// Runs one look at the gateway; says how it went.
bool look(const std::string& what, const std::function<std::string()>& act) {
    try {
        std::cout << fmt::format("{:<14} {}\n", what, act());
        return true;
    } catch (const sync::GatewayError& e) {
        std::cout << fmt::format("{:<14} FAILED: {}\n", what, e.what());
        return false;
    }
}

std::string look_at_logs(const Config& config) {
    const auto source = sync::make_source(*config.source.log_source(), config.source.gateway, {});
    const auto last = source->last_id();
    return fmt::format("{}, {}", sync::gateway_name(source->dialect().gateway()),
                       last == 0 ? "no rows yet" : fmt::format("rows up to id {}", last));
}

/// The newest rows only: a look at all of them would be a load for the gateway.
void count_errors(const Config& config, GatewaySight& sight) {
    const auto source = sync::make_source(*config.source.log_source(), config.source.gateway, {});
    source->last_id();
    sight.gateway = source->dialect().gateway();
    const auto session = sync::make_session(*config.source.log_source(), {});
    const auto counts = session->query(
        fmt::format("SELECT COUNT(*), SUM(CASE WHEN type = 5 THEN 1 ELSE 0 END) FROM (SELECT type "
                    "FROM logs ORDER BY id DESC LIMIT {}) AS newest",
                    kRowsLookedAt));
    const auto number = [](const sync::Cell& cell) {
        return cell ? std::strtoll(cell->c_str(), nullptr, 10) : 0;
    };
    sight.rows = number(counts.at(0).at(0));
    sight.errors = number(counts.at(0).at(1));
}

std::string look_at_objects(const Config& config, GatewaySight& sight) {
    const auto session = sync::make_session(*config.source.main, {});
    sync::InfoReader reader{*session, config.source.main->database, needs_of(config.rules),
                            kStatements};
    if (sight.gateway) reader.set_gateway(*sight.gateway);
    sight.troubles = reader.read().troubles;
    return sight.troubles.empty() ? "what the rules need of them can be read"
                                  : "not all that the rules need can be read, see below";
}

std::vector<std::string> look_at_store(const Config& config) {
    if (::access(config.store.c_str(), F_OK) != 0) return {};
    try {
        const base::SystemClock clock;
        const auto range = sync::History{config.store}.range();
        return blind_spots(config, range ? std::optional{range->first} : std::nullopt, clock.now());
    } catch (const base::Failure& e) {
        return {e.what()};
    }
}

std::string look_at_channels(const Config& config) {
    const auto session = sync::make_session(*config.source.main, {});
    const auto info = sync::read_gateway_info(*session, config.source.main->database);
    if (info.read_only && trips_write_to_source(config)) {
        throw sync::GatewayError(sync::GatewayError::Kind::rejected,
                                 "this server takes no writes, and the breaker is live: set "
                                 "breaker.dsn to a server that does");
    }
    const std::string_view unreadable = "not (see `quotafuse grants`)";
    return fmt::format("{} readable, options {}, counts of requests {}{}",
                       plural(info.channels.size(), "channel"),
                       info.auto_enable ? "too" : unreadable, info.requests ? "too" : unreadable,
                       info.read_only ? "; the server takes no writes" : "");
}

bool check_online(const Config& config) {
    require_source(config);
    bool ok = look("logs", [&] { return look_at_logs(config); });
    ok = look("channels", [&] { return look_at_channels(config); }) && ok;
    GatewaySight sight;
    if (ok) {
        ok = look("objects", [&] {
            count_errors(config, sight);
            return look_at_objects(config, sight);
        });
    }
    ok = prove_accounts(config, sight.gateway, std::cout) && ok;
    print_spots(blind_spots(config, sight));
    print_spots(look_at_store(config));
    return ok;
}

}  // namespace

int check_command(const Arguments& arguments) {
    const auto config = load_or_fail(arguments);
    parse_listen_address(config.listen);
    print_summary(config);
    print_modes(config);
    print_proxies(config);
    print_spots(blind_spots(config));
    if (!arguments.online) return 0;
    return check_online(config) ? 0 : static_cast<int>(base::ExitCode::unavailable);
}

}  // namespace quotafuse::daemon
