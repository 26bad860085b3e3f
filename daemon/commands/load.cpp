#include <cerrno>
#include <iostream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/failure.h"
#include "daemon/commands/commands.h"
#include "daemon/control_client.h"

namespace quotafuse::daemon {
namespace {

constexpr base::Milliseconds kPatience{3000};

/// What there is of it, and whether it has faults, which are printed.
std::pair<Config, bool> load(const Arguments& arguments, NotifierUse use = NotifierUse::tell) {
    if (arguments.config.named && ::access(arguments.config.file.c_str(), F_OK) != 0 &&
        errno == ENOENT) {
        throw base::Failure(base::ExitCode::no_input,
                            fmt::format("there is no file {}", arguments.config.file));
    }
    base::yaml::Diagnostics diagnostics;
    auto config = load_config(arguments.config, base::Environment::of_process(), diagnostics, use);
    for (const auto& line : diagnostics.lines()) std::cerr << line << '\n';
    return {std::move(config), !diagnostics.ok()};
}

}  // namespace

Config load_or_fail(const Arguments& arguments, NotifierUse use) {
    auto [config, faulty] = load(arguments, use);
    if (faulty) throw base::Failure(base::ExitCode::config, "the configuration has faults");
    return std::move(config);
}

Config load_to_ask(const Arguments& arguments) {
    auto [config, faulty] = load(arguments);
    if (faulty) {
        if (!ask_daemon(config.control_socket, R"({"command":"status"})", kPatience))
            throw base::Failure(base::ExitCode::config, "the configuration has faults");
        std::cerr << "the configuration has faults: what runs is older than its files\n";
    }
    return std::move(config);
}

std::optional<std::string> ask_if_running(const Config& config, const std::string& request_json) {
    auto answer = ask_daemon(config.control_socket, request_json, kPatience);
    if (!answer) return std::nullopt;
    const auto parsed = nlohmann::json::parse(*answer, nullptr, false);
    if (const auto error = parsed.is_object() ? parsed.find("error") : parsed.end();
        error != parsed.end() && error->is_object() && error->contains("message")) {
        throw base::Failure(static_cast<base::ExitCode>(error->value("code", 1)),
                            error->at("message").get<std::string>());
    }
    return answer;
}

Heard ask_patiently(const Config& config, const std::string& request_json) {
    try {
        auto answer = ask_if_running(config, request_json);
        // A daemon that ends in good order takes its socket with it.
        const bool left = !answer && ::access(config.control_socket.c_str(), F_OK) == 0;
        return {std::move(answer), left};
    } catch (const NoReply&) {
        return {{}, true};
    } catch (const base::Failure& e) {
        if (e.code() != base::ExitCode::unavailable) throw;
        return {};  // it is stopping, or busy
    }
}

std::string ask_or_fail(const Config& config, const std::string& request_json) {
    auto answer = ask_if_running(config, request_json);
    if (!answer) {
        throw base::Failure(
            base::ExitCode::unavailable,
            fmt::format("no daemon answers at {}: is it running (systemctl status quotafuse)?",
                        config.control_socket));
    }
    return std::move(*answer);
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
