#include "support/test_gateway.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

namespace quotafuse::tests {
namespace {

std::vector<std::vector<std::string>> sqlite_rows(SQLite::Database& db, const std::string& text) {
    SQLite::Statement statement{db, text};
    std::vector<std::vector<std::string>> rows;
    while (statement.executeStep()) {
        auto& row = rows.emplace_back();
        for (int i = 0; i < statement.getColumnCount(); ++i) {
            const auto column = statement.getColumn(i);
            row.push_back(column.isNull() ? "NULL" : column.getString());
        }
    }
    return rows;
}

}  // namespace

TestGateway::TestGateway(Engine engine, const std::string& schema)
    : engine_(engine), schema_(schema) {
    if (engine_ == Engine::sqlite) {
        SQLite::Database db{folder_.file("gateway.db"),
                            SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
        db.exec("PRAGMA synchronous = OFF; BEGIN;" + sqlite_ddl(schema) + "COMMIT");
        return;
    }
    static int number = 0;
    database_ = fmt::format("new-api-{}", ++number);
    shared_mariadb().load_ddl(database_, schema);
}

std::string TestGateway::describe() const {
    return schema_ + (engine_ == Engine::sqlite ? " on SQLite" : " on MariaDB");
}

std::vector<std::vector<std::string>> TestGateway::sql(const std::string& text) {
    if (engine_ == Engine::sqlite) {
        SQLite::Database db{folder_.file("gateway.db"), SQLite::OPEN_READWRITE, 5000};
        db.exec("PRAGMA synchronous = OFF");
        if (text.starts_with("SELECT")) return sqlite_rows(db, text);
        db.exec(text);
        return {};
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& row : shared_mariadb().sql(text, database_)) {
        auto& cells = rows.emplace_back();
        for (const auto& cell : row) cells.push_back(cell.value_or("NULL"));
    }
    return rows;
}

std::string TestGateway::contents() {
    const auto channels = new_api()
                              ? "SELECT id, status, models, other_info FROM channels ORDER BY id"
                              : "SELECT id, status, models FROM channels ORDER BY id";
    auto rows = sql(channels);
    const auto abilities =
        sql("SELECT `group`, model, channel_id, enabled FROM abilities ORDER BY 1, 2, 3");
    rows.insert(rows.end(), abilities.begin(), abilities.end());
    const auto tokens = sql("SELECT id, status FROM tokens ORDER BY id");
    rows.insert(rows.end(), tokens.begin(), tokens.end());
    std::string text;
    for (const auto& row : rows) {
        for (const auto& cell : row) text += cell + "|";
        text += "\n";
    }
    return text;
}

void TestGateway::add_channel(std::int64_t id, const std::vector<std::string>& groups,
                              const std::vector<std::string>& models) {
    const auto join = [](const std::vector<std::string>& texts) {
        std::string joined;
        for (const auto& text : texts) joined += (joined.empty() ? "" : ",") + text;
        return joined;
    };
    auto text = fmt::format(
        "INSERT INTO channels(id, type, `key`, status, name, `group`, models) "
        "VALUES({0}, 1, 'sk-secret-{0}', 1, 'channel-{0}', '{1}', '{2}')",
        id, join(groups), join(models));
    for (const auto& group : groups) {
        for (const auto& model : models) {
            text += fmt::format(
                "; INSERT INTO abilities(`group`, model, channel_id, enabled) "
                "VALUES('{}', '{}', {}, 1)",
                group, model, id);
        }
    }
    sql(text);
}

void TestGateway::set_rank(std::int64_t channel, std::int64_t priority, std::int64_t weight) {
    sql(fmt::format(
        "UPDATE channels SET priority = {0}, weight = {1} WHERE id = {2}; "
        "UPDATE abilities SET priority = {0}{3} WHERE channel_id = {2}",
        priority, weight, channel, new_api() ? fmt::format(", weight = {}", weight) : ""));
}

void TestGateway::add_token(std::int64_t id, std::int64_t user, const std::string& name) {
    sql(fmt::format(
        "INSERT INTO tokens(id, user_id, `key`, status, name) VALUES({0}, {1}, 'secret-{0}', 1, "
        "'{2}')",
        id, user, name));
}

std::set<std::int64_t> TestGateway::candidates(Cache cache, const std::string& group,
                                               const std::string& model) {
    const auto contains = [](const std::string& list, const std::string& word) {
        return ("," + list + ",").find("," + word + ",") != std::string::npos;
    };
    std::set<std::int64_t> found;
    if (cache == Cache::off) {
        for (const auto& row :
             sql(fmt::format("SELECT channel_id FROM abilities WHERE `group` = '{}' "
                             "AND model = '{}' AND enabled = 1",
                             group, model))) {
            found.insert(std::stoll(row[0]));
        }
        return found;
    }
    for (const auto& row : sql("SELECT id, `group`, models FROM channels WHERE status = 1")) {
        if (contains(row[1], group) && contains(row[2], model)) found.insert(std::stoll(row[0]));
    }
    return found;
}

sync::Dsn TestGateway::dsn(const std::string& user, const std::string& password) const {
    const auto text = engine_ == Engine::sqlite ? folder_.file("gateway.db")
                                                : shared_mariadb().dsn(user, password, database_);
    auto parsed = sync::parse_dsn(text);
    if (!parsed.dsn) throw std::runtime_error(parsed.error);
    return *parsed.dsn;
}

std::unique_ptr<sync::GatewaySession> TestGateway::session(const std::string& user,
                                                           const std::string& password,
                                                           bool read_only) const {
    sync::SessionOptions options;
    options.read_only = read_only;
    return sync::make_session(dsn(user, password), options);
}

std::vector<std::unique_ptr<TestGateway>> every_gateway() {
    std::vector<std::unique_ptr<TestGateway>> gateways;
    for (const auto engine : {TestGateway::Engine::mariadb, TestGateway::Engine::sqlite}) {
        for (const auto* schema : {"newapi_2025", "newapi_2026", "oneapi"}) {
            gateways.push_back(std::make_unique<TestGateway>(engine, schema));
        }
    }
    return gateways;
}

std::vector<sync::Cells> AccidentSession::query(const std::string& sql,
                                                const std::vector<sync::Argument>& arguments) {
    if (before) before(sql);
    return inner_->query(sql, arguments);
}

std::int64_t AccidentSession::execute(const std::string& sql,
                                      const std::vector<sync::Argument>& arguments) {
    if (before) before(sql);
    if (sql.starts_with("UPDATE")) ++writes;
    return inner_->execute(sql, arguments);
}

void AccidentSession::begin() {
    if (before) before("BEGIN");
    inner_->begin();
}

void AccidentSession::commit() {
    if (before) before("COMMIT");
    switch (lost_commit) {
        case Lost::no:
            inner_->commit();
            break;
        case Lost::before_it_took_effect:
            inner_->rollback();
            break;
        case Lost::after_it_took_effect:
            inner_->commit();
            break;
        case Lost::still_on_its_way:
            dying = std::exchange(inner_, reconnect());
            break;
    }
    if (after_commit) std::exchange(after_commit, nullptr)();
    if (std::exchange(lost_commit, Lost::no) != Lost::no) {
        throw sync::GatewayError(sync::GatewayError::Kind::unreachable, "the server has gone away");
    }
}

}  // namespace quotafuse::tests
