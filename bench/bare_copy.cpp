#include <filesystem>
#include <memory>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <cppconn/connection.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>
#include <fmt/format.h>
#include <mysql_driver.h>

#include "base/clock.h"
#include "bench/catch_up.h"

namespace quotafuse::bench {
namespace {

constexpr int kNumbers = 11;
constexpr int kTexts = 7;
constexpr int kRowsOfTransaction = 5000;  // as the follower's batches
constexpr auto kColumns =
    "`id`, `created_at`, `type`, `user_id`, `channel_id`, `token_id`, `quota`, `prompt_tokens`, "
    "`completion_tokens`, `use_time`, `is_stream`, `username`, `token_name`, `model_name`, "
    "`group`, `ip`, "
    "`request_id`, `other`";

std::unique_ptr<sql::Connection> connect(const sync::Dsn& dsn) {
    sql::ConnectOptionsMap options;
    options["hostName"] = sql::SQLString{fmt::format("tcp://{}:{}", dsn.host, dsn.port)};
    options["userName"] = sql::SQLString{dsn.user};
    options["password"] = sql::SQLString{dsn.password.reveal()};
    options["schema"] = sql::SQLString{dsn.database};
    options["OPT_CHARSET_NAME"] = sql::SQLString{"utf8mb4"};
    return std::unique_ptr<sql::Connection>{sql::mysql::get_driver_instance()->connect(options)};
}

void copy_row(const sql::ResultSet& row, SQLite::Statement& insert) {
    for (int i = 1; i <= kNumbers; ++i)
        insert.bind(i, static_cast<std::int64_t>(row.getInt64(static_cast<unsigned>(i))));
    for (int i = kNumbers + 1; i <= kNumbers + kTexts; ++i) {
        const auto text = row.getString(static_cast<unsigned>(i));
        insert.bind(i, text.asStdString());
    }
    insert.exec();
    insert.reset();
}

}  // namespace

Copied bare_copy(const sync::Dsn& dsn, const std::string& path) {
    const base::SystemClock clock;
    Copied copied;
    {
        SQLite::Database db{path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
        db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
        db.exec(fmt::format("CREATE TABLE logs({})", kColumns));
        SQLite::Statement insert{db, fmt::format("INSERT INTO logs VALUES(?{})", [] {
                                     std::string marks;
                                     for (int i = 1; i < kNumbers + kTexts; ++i) marks += ", ?";
                                     return marks;
                                 }())};
        const auto connection = connect(dsn);
        const auto start = clock.mono();
        const std::unique_ptr<sql::Statement> statement{connection->createStatement()};
        statement->setResultSetType(sql::ResultSet::TYPE_FORWARD_ONLY);
        const std::unique_ptr<sql::ResultSet> result{
            statement->executeQuery(fmt::format("SELECT {} FROM `logs` ORDER BY `id`", kColumns))};
        db.exec("BEGIN");
        while (result->next()) {
            copy_row(*result, insert);
            if (++copied.rows % kRowsOfTransaction == 0) db.exec("COMMIT; BEGIN");
        }
        db.exec("COMMIT");
        copied.seconds = std::chrono::duration<double>(clock.mono() - start).count();
        db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    copied.bytes = static_cast<std::int64_t>(std::filesystem::file_size(path));
    return copied;
}

}  // namespace quotafuse::bench
