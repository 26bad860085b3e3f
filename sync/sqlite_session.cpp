#include <SQLiteCpp/Statement.h>

#include "sync/sessions.h"
#include "sync/sqlite_connection.h"

namespace quotafuse::sync {
namespace {

class SqliteSession final : public GatewaySession {
public:
    SqliteSession(const Dsn& dsn, const SessionOptions& options) : connection_(dsn, options) {}

    Dsn::Kind kind() const override { return Dsn::Kind::sqlite; }

    std::vector<Cells> query(const std::string& sql,
                             const std::vector<Argument>& arguments) override {
        try {
            SQLite::Statement statement{connection(), sql};
            bind(statement, arguments);
            std::vector<Cells> rows;
            while (statement.executeStep()) {
                auto& row = rows.emplace_back();
                for (int i = 0; i < statement.getColumnCount(); ++i) {
                    const auto column = statement.getColumn(i);
                    row.push_back(column.isNull() ? Cell{} : Cell{column.getString()});
                }
            }
            return rows;
        } catch (const SQLite::Exception& e) {
            connection_.raise(e);
        }
    }

    std::int64_t execute(const std::string& sql, const std::vector<Argument>& arguments) override {
        try {
            SQLite::Statement statement{connection(), sql};
            bind(statement, arguments);
            return statement.exec();
        } catch (const SQLite::Exception& e) {
            connection_.raise(e);
        }
    }

    // Takes the write lock at once: what is read afterwards cannot change before the commit.
    void begin() override {
        transaction_of_ = 0;
        execute("BEGIN IMMEDIATE", {});
        transaction_of_ = connection_.generation();
    }
    void commit() override {
        execute("COMMIT", {});
        transaction_of_ = 0;
    }
    void rollback() noexcept override {
        transaction_of_ = 0;
        try {
            if (connection_.connected()) execute("ROLLBACK", {});
        } catch (const GatewayError&) {
            connection_.drop();  // closing rolls back what was open
        }
    }
    void interrupt() noexcept override { connection_.interrupt(); }

private:
    /// Half a transaction in one file and half in the next would be no transaction.
    SQLite::Database& connection() {
        auto& db = connection_.get();
        if (transaction_of_ != 0 && transaction_of_ != connection_.generation()) {
            throw GatewayError(GatewayError::Kind::unreachable,
                               "the file was replaced inside a transaction");
        }
        return db;
    }
    static void bind(SQLite::Statement& statement, const std::vector<Argument>& arguments) {
        for (int i = 0; i < static_cast<int>(arguments.size()); ++i) {
            const auto& argument = arguments[static_cast<std::size_t>(i)];
            if (const auto* const number = std::get_if<std::int64_t>(&argument)) {
                statement.bind(i + 1, *number);
            } else if (const auto* const text = std::get_if<std::string>(&argument)) {
                statement.bind(i + 1, *text);
            } else {
                statement.bind(i + 1);
            }
        }
    }

    SqliteConnection connection_;
    std::uint64_t transaction_of_ =
        0;  // the opening that an open transaction belongs to, 0 for none
};

}  // namespace

std::unique_ptr<GatewaySession> make_sqlite_session(const Dsn& dsn, const SessionOptions& options) {
    return std::make_unique<SqliteSession>(dsn, options);
}

}  // namespace quotafuse::sync
