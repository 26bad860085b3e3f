#include <cstdlib>

#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>
#include <cppconn/resultset_metadata.h>
#include <cppconn/statement.h>

#include "sync/mysql_connection.h"
#include "sync/sessions.h"

namespace quotafuse::sync {
namespace {

void bind(sql::PreparedStatement& statement, const std::vector<Argument>& arguments) {
    for (unsigned i = 0; i < arguments.size(); ++i) {
        const auto& argument = arguments[i];
        if (const auto* const number = std::get_if<std::int64_t>(&argument)) {
            statement.setInt64(i + 1, *number);
        } else if (const auto* const text = std::get_if<std::string>(&argument)) {
            statement.setString(i + 1, *text);
        } else {
            statement.setNull(i + 1, 0);
        }
    }
}

class MysqlSession final : public GatewaySession {
public:
    MysqlSession(const Dsn& dsn, const SessionOptions& options) : connection_(dsn, options) {}

    Dsn::Kind kind() const override { return Dsn::Kind::mysql; }

    std::vector<Cells> query(const std::string& sql,
                             const std::vector<Argument>& arguments) override {
        const MysqlConnection::Use use{connection_};
        try {
            const auto statement = prepare(sql, arguments);
            const std::unique_ptr<sql::ResultSet> result{statement->executeQuery()};
            const auto columns = result->getMetaData()->getColumnCount();
            std::vector<Cells> rows;
            while (result->next()) {
                auto& row = rows.emplace_back();
                for (unsigned i = 1; i <= columns; ++i) {
                    const auto text = result->getString(i);
                    row.push_back(result->wasNull() ? Cell{} : Cell{std::string{text}});
                }
            }
            return rows;
        } catch (const sql::SQLException& e) {
            fail(e);
        }
    }

    std::int64_t execute(const std::string& sql, const std::vector<Argument>& arguments) override {
        const MysqlConnection::Use use{connection_};
        try {
            return prepare(sql, arguments)->executeUpdate();
        } catch (const sql::SQLException& e) {
            fail(e);
        }
    }

    void begin() override {
        in_transaction_ = false;
        plain("START TRANSACTION");
        in_transaction_ = true;
    }
    void commit() override {
        plain("COMMIT");
        in_transaction_ = false;
    }
    void rollback() noexcept override {
        in_transaction_ = false;
        if (!connection_.connected()) return;
        const MysqlConnection::Use use{connection_};
        try {
            const std::unique_ptr<sql::Statement> statement{connection_.get().createStatement()};
            statement->execute("ROLLBACK");
        } catch (const std::exception&) {
            connection_.drop();  // the server rolls back what its lost client had open
        }
    }
    void interrupt() noexcept override { connection_.interrupt(); }

private:
    std::unique_ptr<sql::PreparedStatement> prepare(const std::string& sql,
                                                    const std::vector<Argument>& arguments) {
        std::unique_ptr<sql::PreparedStatement> statement{connection().prepareStatement(sql)};
        bind(*statement, arguments);
        return statement;
    }
    void plain(const std::string& sql) {
        const MysqlConnection::Use use{connection_};
        try {
            const std::unique_ptr<sql::Statement> statement{connection().createStatement()};
            statement->execute(sql);
        } catch (const sql::SQLException& e) {
            fail(e);
        }
    }
    /// Half a transaction on one connection and half on the next would be no transaction.
    sql::Connection& connection() {
        if (in_transaction_ && !connection_.connected()) {
            throw GatewayError(GatewayError::Kind::unreachable,
                               "the connection broke inside a transaction");
        }
        return connection_.get();
    }
    [[noreturn]] void fail(const sql::SQLException& e) { connection_.raise(e); }

    MysqlConnection connection_;
    bool in_transaction_ = false;
};

}  // namespace

std::unique_ptr<GatewaySession> make_mysql_session(const Dsn& dsn, const SessionOptions& options) {
    return std::make_unique<MysqlSession>(dsn, options);
}

std::unique_ptr<GatewaySession> make_session(const Dsn& dsn, const SessionOptions& options) {
    switch (dsn.kind) {
        case Dsn::Kind::mysql:
            return make_mysql_session(dsn, options);
        case Dsn::Kind::sqlite:
            return make_sqlite_session(dsn, options);
    }
    std::abort();
}

}  // namespace quotafuse::sync
