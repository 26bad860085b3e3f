#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "sync/sources.h"
#include "sync/sqlite_connection.h"

namespace quotafuse::sync {
namespace {

class SqliteSource final : public LogSource {
public:
    SqliteSource(const Dsn& dsn, std::optional<Gateway> forced, const SessionOptions& options)
        : connection_(dsn, options), forced_(forced) {}

    const Dialect& dialect() override {
        const auto opened = connection_.generation();
        if (dialect_ && probed_ == opened && ++uses_ <= kUsesOfDialect) return *dialect_;
        try {
            std::set<std::string> columns;
            SQLite::Statement statement{connection_.get(),
                                        "SELECT name FROM pragma_table_info('logs')"};
            while (statement.executeStep()) columns.insert(statement.getColumn(0).getString());
            if (columns.empty())
                throw GatewayError(
                    GatewayError::Kind::schema,
                    fmt::format("{}: it has no table `logs`: is it the gateway's own file?",
                                connection_.dsn().describe()));
            dialect_ = Dialect::detect(columns, forced_);
            probed_ = connection_.generation();
            uses_ = 0;
            return *dialect_;
        } catch (const SQLite::Exception& e) {
            connection_.raise(e);
        }
    }

    std::size_t fetch(std::int64_t first, std::int64_t last, std::size_t limit,
                      const Visit& visit) override {
        return read("WHERE `id` >= ? AND `id` <= ? ORDER BY `id` LIMIT ?",
                    {first, last, static_cast<std::int64_t>(limit)}, visit);
    }

    std::size_t fetch_down(std::int64_t last, std::size_t limit, const Visit& visit) override {
        return read("WHERE `id` <= ? ORDER BY `id` DESC LIMIT ?",
                    {last, static_cast<std::int64_t>(limit)}, visit);
    }

    /// Gap by gap: within the process a statement costs little, while SQLite would answer many
    /// ranges at once with a scan of the table.
    std::size_t fetch_gaps(std::span<const Gap> gaps, std::size_t limit,
                           const Visit& visit) override {
        std::size_t count = 0;
        for (const auto& gap : gaps) {
            if (count == limit) break;
            count += fetch(gap.first, gap.last, limit - count, visit);
        }
        return count;
    }

    std::int64_t last_id() override {
        dialect();
        try {
            SQLite::Statement statement{connection_.get(), "SELECT MAX(`id`) FROM `logs`"};
            return statement.executeStep() ? statement.getColumn(0).getInt64() : 0;
        } catch (const SQLite::Exception& e) {
            connection_.raise(e);
        }
    }

    bool steps_ids() override { return false; }

    void interrupt() noexcept override { connection_.interrupt(); }

private:
    std::size_t read(const char* rest, std::initializer_list<std::int64_t> arguments,
                     const Visit& visit) {
        const auto& list = dialect().select_list();
        try {
            SQLite::Statement statement{connection_.get(),
                                        fmt::format("SELECT {} FROM `logs` {}", list, rest)};
            int index = 0;
            for (const auto argument : arguments) statement.bind(++index, argument);
            std::size_t count = 0;
            for (; statement.executeStep(); ++count) visit_one(statement, visit);
            return count;
        } catch (const SQLite::Exception& e) {
            dialect_.reset();  // the gateway may have been upgraded: look at its columns again
            connection_.raise(e);
        }
    }

    static void visit_one(SQLite::Statement& statement, const Visit& visit) {
        RawRow row;
        const auto numbers = static_cast<int>(row.numbers.size());
        for (int i = 0; i < numbers; ++i) {
            const auto column = statement.getColumn(i);
            if (!column.isNull()) row.numbers[static_cast<std::size_t>(i)] = column.getInt64();
        }
        for (int i = 0; i < static_cast<int>(row.texts.size()); ++i) {
            const auto column = statement.getColumn(numbers + i);
            if (column.isNull()) continue;
            const char* const text =
                column.getText();  // first: it decides the encoding that is counted
            row.texts[static_cast<std::size_t>(i)] =
                std::string_view{text, static_cast<std::size_t>(column.getBytes())};
        }
        visit(row);
    }

    SqliteConnection connection_;
    std::optional<Gateway> forced_;
    std::optional<Dialect> dialect_;
    std::uint64_t probed_ = 0;
    int uses_ = 0;
};

}  // namespace

std::unique_ptr<LogSource> make_sqlite_source(const Dsn& dsn, std::optional<Gateway> forced,
                                              const SessionOptions& options) {
    return std::make_unique<SqliteSource>(dsn, forced, options);
}

}  // namespace quotafuse::sync
