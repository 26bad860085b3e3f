#include <algorithm>

#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>
#include <fmt/format.h>

#include "sync/mysql_connection.h"
#include "sync/sources.h"

namespace quotafuse::sync {
namespace {

/// "`id` BETWEEN 3 AND 4 OR …", which MySQL reads by primary key alone.
std::string condition_of(std::span<const Gap> gaps) {
    std::string condition;
    for (const auto& gap : gaps) {
        condition += fmt::format("{}`id` BETWEEN {} AND {}", condition.empty() ? "" : " OR ",
                                 gap.first, gap.last);
    }
    return condition;
}

/// A prepared result is buffered whole, and a row has no bound; more rows than this are streamed.
constexpr std::size_t kPrepared = 500;

class MysqlSource final : public LogSource {
public:
    MysqlSource(const Dsn& dsn, std::optional<Gateway> forced, const SessionOptions& options)
        : connection_(dsn, options), forced_(forced) {}

    const Dialect& dialect() override {
        const MysqlConnection::Use use{connection_};
        try {
            // Asked anew now and then: an upgrade of the gateway adds columns while we are
            // connected.
            auto& connection = connection_.get();
            if (!dialect_ || probed_ != connection_.generation() || ++uses_ > kUsesOfDialect) {
                dialect_ = Dialect::detect(read_columns(connection), forced_);
                steps_ids_ = read_step(connection) > 1;
                probed_ = connection_.generation();
                uses_ = 0;
                poll_.reset();
            }
            return *dialect_;
        } catch (const sql::SQLException& e) {
            fail(e);
        }
    }

    std::size_t fetch(std::int64_t first, std::int64_t last, std::size_t limit,
                      const Visit& visit) override {
        const MysqlConnection::Use use{connection_};
        dialect();
        try {
            if (was_full_) {
                const auto count = stream(first, last, limit, visit);
                was_full_ = count == limit;
                return count;
            }
            std::int64_t reached = first - 1;
            const auto few = std::min(limit, kPrepared);
            auto count = poll(first, last, few, [&](const RawRow& row) {
                reached = row.number(Column::id);
                visit(row);
            });
            if (count == few && few < limit) count += stream(reached + 1, last, limit - few, visit);
            was_full_ = limit > kPrepared && count == limit;
            return count;
        } catch (const sql::SQLException& e) {
            fail(e);
        }
    }

    std::size_t fetch_gaps(std::span<const Gap> gaps, std::size_t limit,
                           const Visit& visit) override {
        const MysqlConnection::Use use{connection_};
        dialect();
        return read(fmt::format("WHERE {} ORDER BY `id` LIMIT {}", condition_of(gaps), limit),
                    visit);
    }

    std::size_t fetch_down(std::int64_t last, std::size_t limit, const Visit& visit) override {
        const MysqlConnection::Use use{connection_};
        dialect();
        return read(fmt::format("WHERE `id` <= {} ORDER BY `id` DESC LIMIT {}", last, limit),
                    visit);
    }

    std::int64_t last_id() override {
        const MysqlConnection::Use use{connection_};
        dialect();
        try {
            const std::unique_ptr<sql::Statement> statement{connection_.get().createStatement()};
            const std::unique_ptr<sql::ResultSet> result{
                statement->executeQuery("SELECT MAX(`id`) FROM `logs`")};
            return result->next() ? result->getInt64(1) : 0;
        } catch (const sql::SQLException& e) {
            fail(e);
        }
    }

    bool steps_ids() override {
        dialect();
        return steps_ids_;
    }

    void interrupt() noexcept override { connection_.interrupt(); }

private:
    std::set<std::string> read_columns(sql::Connection& connection) const {
        const std::unique_ptr<sql::Statement> statement{connection.createStatement()};
        const std::unique_ptr<sql::ResultSet> result{
            statement->executeQuery("SELECT column_name FROM information_schema.columns "
                                    "WHERE table_schema = DATABASE() AND table_name = 'logs'")};
        std::set<std::string> columns;
        while (result->next()) columns.insert(result->getString(1));
        if (columns.empty()) {
            throw GatewayError(
                GatewayError::Kind::schema,
                fmt::format("{}: there is no table `logs` that this account may read: "
                            "is it the gateway's database? `quotafuse grants` "
                            "prints what the account needs",
                            connection_.dsn().describe()));
        }
        return columns;
    }

    static std::int64_t read_step(sql::Connection& connection) {
        const std::unique_ptr<sql::Statement> statement{connection.createStatement()};
        const std::unique_ptr<sql::ResultSet> result{
            statement->executeQuery("SELECT @@GLOBAL.auto_increment_increment")};
        return result->next() ? result->getInt64(1) : 1;
    }

    /// New API's index (id, created_at) begins like the primary key, but knows no other column: an
    /// optimizer that takes it reads each row twice.
    std::string select() const {
        return fmt::format("SELECT {} FROM `logs` FORCE INDEX (PRIMARY) ", dialect_->select_list());
    }

    /// Text results can be streamed, which the connector cannot do with prepared ones: memory is
    /// that of a row.
    std::size_t read(const std::string& rest, const Visit& visit) {
        try {
            const std::unique_ptr<sql::Statement> statement{connection_.get().createStatement()};
            statement->setResultSetType(sql::ResultSet::TYPE_FORWARD_ONLY);
            const std::unique_ptr<sql::ResultSet> result{statement->executeQuery(select() + rest)};
            return visit_all(*result, visit);
        } catch (const sql::SQLException& e) {
            fail(e);
        }
    }

    /// Prepared once: an idle poll costs the server no parsing.
    std::size_t poll(std::int64_t first, std::int64_t last, std::size_t limit, const Visit& visit) {
        if (!poll_) {
            poll_.reset(connection_.get().prepareStatement(
                select() + "WHERE `id` >= ? AND `id` <= ? ORDER BY `id` LIMIT ?"));
            connection_.answered();
        }
        poll_->setInt64(1, first);
        poll_->setInt64(2, last);
        poll_->setInt64(3, static_cast<std::int64_t>(limit));
        const std::unique_ptr<sql::ResultSet> result{poll_->executeQuery()};
        return visit_all(*result, visit);
    }

    std::size_t stream(std::int64_t first, std::int64_t last, std::size_t limit,
                       const Visit& visit) {
        return read(fmt::format("WHERE `id` >= {} AND `id` <= {} ORDER BY `id` LIMIT {}", first,
                                last, limit),
                    visit);
    }

    std::size_t visit_all(sql::ResultSet& result, const Visit& visit) {
        std::size_t count = 0;
        RawRow row;
        std::array<sql::SQLString, std::tuple_size_v<decltype(row.texts)>> texts;
        const auto numbers = static_cast<unsigned>(row.numbers.size());
        for (; result.next(); ++count) {
            for (unsigned i = 0; i < numbers; ++i) {
                const auto value = result.getInt64(i + 1);
                row.numbers[i] = result.wasNull() ? std::nullopt : std::optional{value};
            }
            for (unsigned i = 0; i < texts.size(); ++i) {
                texts[i] = result.getString(numbers + i + 1);
                if (result.wasNull())
                    row.texts[i] = std::nullopt;
                else
                    row.texts[i] = std::string_view{texts[i].c_str(), texts[i].length()};
            }
            visit(row);
            connection_.answered();
        }
        return count;
    }

    [[noreturn]] void fail(const sql::SQLException& e) {
        poll_.reset();
        dialect_.reset();  // the gateway may have been upgraded: look at its columns again
        was_full_ = false;
        connection_.raise(e);
    }

    MysqlConnection connection_;
    std::optional<Gateway> forced_;
    std::optional<Dialect> dialect_;
    std::uint64_t probed_ = 0;
    int uses_ = 0;
    std::unique_ptr<sql::PreparedStatement> poll_;  // after connection_: it must go first
    bool was_full_ = false;
    bool steps_ids_ = false;
};

}  // namespace

std::unique_ptr<LogSource> make_mysql_source(const Dsn& dsn, std::optional<Gateway> forced,
                                             const SessionOptions& options) {
    return std::make_unique<MysqlSource>(dsn, forced, options);
}

}  // namespace quotafuse::sync
