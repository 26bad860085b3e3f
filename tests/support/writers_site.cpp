#include "support/writers_site.h"

#include <csignal>
#include <filesystem>
#include <stdexcept>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "support/demo_session.h"

namespace quotafuse::tests {
namespace {

constexpr auto kFlavour = demo::Flavour::new_api_2026;

// A daemon that starts after a kill holds the whole file while it recovers the journal.
constexpr int kBusyTimeoutMs = 10'000;

}  // namespace

WritersSite::WritersSite(MariaDb& server, const std::string& database,
                         std::chrono::seconds gap_timeout)
    : address_(server.dsn("root", "", database)) {
    server.sql(fmt::format("DROP DATABASE IF EXISTS `{0}`; CREATE DATABASE `{0}`", database));
    demo::create_gateway(*session(), kFlavour);
    write_file(folder_.file("q.yaml"),
               fmt::format("source: {{dsn: \"{}\", poll_interval: 200ms, gap_timeout: {}s}}\n"
                           "store: {{path: {}}}\ncontrol: {{socket: {}}}\n"
                           "status: {{listen: \"127.0.0.1:{}\"}}\n",
                           address_, gap_timeout.count(), store_path(),
                           folder_.file("control.sock"), free_port()));
}

std::unique_ptr<sync::GatewaySession> WritersSite::session() const {
    return mysql_gateway(address_);
}

std::unique_ptr<demo::Writers> WritersSite::write(const demo::WritersOptions& options,
                                                  const base::Clock& clock) const {
    std::vector<std::unique_ptr<sync::GatewaySession>> sessions;
    for (int i = 0; i < kWriters; ++i) sessions.push_back(session());
    return std::make_unique<demo::Writers>(std::move(sessions), kFlavour,
                                           demo::DemoGateway::of_story(), options, clock);
}

void WritersSite::start() {
    program_ = std::make_unique<Program>(
        std::vector<std::string>{"run", "--config", folder_.file("q.yaml")});
}

void WritersSite::kill() {
    program_->signal(SIGKILL);
    if (program_->wait() != 128 + SIGKILL)
        throw std::runtime_error("the daemon ended before it was killed: " + program_->err());
}

bool WritersSite::has_store() const {
    return std::filesystem::exists(store_path());
}

std::set<std::int64_t> WritersSite::source_ids() const {
    std::set<std::int64_t> ids;
    for (const auto& row : session()->query("SELECT `id` FROM `logs`"))
        ids.insert(std::stoll(row.at(0).value()));
    return ids;
}

std::set<std::int64_t> WritersSite::stored_ids() const {
    std::set<std::int64_t> ids;
    const SQLite::Database store{store_path(), SQLite::OPEN_READONLY, kBusyTimeoutMs};
    SQLite::Statement rows{store, "SELECT id FROM log"};
    while (rows.executeStep()) ids.insert(rows.getColumn(0).getInt64());
    return ids;
}

std::string difference(const std::set<std::int64_t>& source, const std::set<std::int64_t>& store) {
    std::string text;
    for (const auto id : source) {
        if (!store.contains(id)) text += fmt::format("{} is missing; ", id);
    }
    for (const auto id : store) {
        if (!source.contains(id)) text += fmt::format("{} is too much; ", id);
    }
    return text;
}

}  // namespace quotafuse::tests
