#pragma once

#include <csignal>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "support/mariadb.h"
#include "support/program.h"

namespace quotafuse::tests {

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// A gateway on SQLite, and a daemon that tells its console, or whom `notifiers` says.
class Site {
public:
    explicit Site(const std::string& rules, const std::string& program = "newapi_2026",
                  const std::string& notifiers = "{screen: {type: console}}") {
        SQLite::Database gateway{folder_.file("one-api.db"),
                                 SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
        gateway.exec(sqlite_ddl(program));
        gateway.exec(
            "INSERT INTO channels(id, name, `key`, status) VALUES(3, 'azure-eu', 'sk', 1)");
        write_rules(rules);
        write_file(config(),
                   fmt::format("source: {{dsn: \"{}\", poll_interval: 200ms}}\n"
                               "store: {{path: {}}}\ncontrol: {{socket: {}}}\n"
                               "status: {{listen: \"127.0.0.1:{}\"}}\nrules: [rules.yaml]\n"
                               "notifiers: {}\nlanguage: en\n",
                               folder_.file("one-api.db"), store(), folder_.file("c.sock"), port_,
                               notifiers));
    }

    void write_rules(const std::string& rules) const {
        write_file(folder_.file("rules.yaml"), "rules:\n" + rules);
    }
    std::string config() const { return folder_.file("quotafuse.yaml"); }
    std::string store() const { return folder_.file("store.db"); }
    int port() const { return port_; }

    std::unique_ptr<Program> start() const {
        auto daemon =
            std::make_unique<Program>(std::vector<std::string>{"run", "--config", config()});
        REQUIRE_MESSAGE(eventually([&] { return http_get(port_, "/readyz").status == 200; }),
                        daemon->err());
        return daemon;
    }
    Ran run(std::vector<std::string> command) const {
        command.insert(command.end(), {"--config", config()});
        return run_program(std::move(command));
    }
    void gateway(const std::string& sql) const {
        SQLite::Database db{folder_.file("one-api.db"), SQLite::OPEN_READWRITE, 5000};
        db.exec(sql);
    }
    void request(int tokens) const {
        gateway(
            fmt::format("INSERT INTO logs(created_at, type, prompt_tokens, channel_id, "
                        "model_name, token_name, token_id, other) "
                        "VALUES({}, 2, {}, 3, 'm', 'k', 1, '')",
                        std::time(nullptr), tokens));
    }
    nlohmann::json status() const {
        return nlohmann::json::parse(http_get(port_, "/api/v1/status").body, nullptr, false);
    }
    /// Until the rules have looked at what is there now.
    void settle() const {
        const auto now = std::time(nullptr);
        REQUIRE(eventually([&] { return status().value("engine_time", std::int64_t{0}) > now; }));
    }

private:
    TempDir folder_;
    int port_ = free_port();
};

inline const std::string kBurn =
    "  - {name: burn, metric: tokens, by: [channel], window: 1h, above: 1000}\n";

}  // namespace quotafuse::tests
