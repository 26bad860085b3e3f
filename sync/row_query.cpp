#include "sync/row_query.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "sync/store_tables.h"

namespace quotafuse::sync {
namespace {

// The parameter that points to where the row goes: above all those of a statement's own.
constexpr int kRowParameter = 20;
constexpr auto kPointerType = "quotafuse row";
constexpr int kArguments = 1 + kRowColumns;

/// take_row(where, columns in the order of row_columns()).
void take_row(sqlite3_context* /*context*/, int /*arguments*/, sqlite3_value** values) {
    auto* const to = static_cast<Row*>(sqlite3_value_pointer(values[0], kPointerType));
    if (to == nullptr) return;
    int i = 0;
    const auto next = [&] { return sqlite3_value_int64(values[++i]); };
    const auto text = [&] { return static_cast<TextId>(next()); };
    auto& row = *to;
    row.id = next();
    row.created_at = next();
    row.seen_at = next();
    row.kind = static_cast<Kind>(next());
    const auto flags = static_cast<int>(next());
    row.user = next();
    row.token = next();
    row.channel = next();
    row.username = text();
    row.token_name = text();
    row.model = text();
    row.group = text();
    row.route = text();
    row.quota = next();
    row.prompt_tokens = next();
    row.completion_tokens = next();
    row.cache_tokens = next();
    row.latency_ms = next();
    row.first_token_ms = next();
    row.status = static_cast<int>(next());
    row.error_code = text();
    row.request_id = static_cast<std::uint64_t>(next());
    row.ip = next();
    row.attempts = static_cast<int>(next());
    apply_flags(flags, row);
}

/// Once for a connection: registering it again would make SQLite prepare all statements anew.
void add_function(sqlite3* db) {
    sqlite3_stmt* known = nullptr;
    constexpr auto kProbe = "SELECT 1 FROM pragma_function_list WHERE name = 'take_row'";
    int code = sqlite3_prepare_v2(db, kProbe, -1, &known, nullptr);
    if (code != SQLITE_OK) throw SQLite::Exception(db, code);
    const bool is_known = sqlite3_step(known) == SQLITE_ROW;
    sqlite3_finalize(known);
    if (is_known) return;
    code = sqlite3_create_function_v2(db, "take_row", kArguments, SQLITE_UTF8, nullptr, take_row,
                                      nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) throw SQLite::Exception(db, code);
}

/// Ends the statement's run, whatever ends the reading.
struct Reset {
    explicit Reset(sqlite3_stmt* running) : statement(running) {}
    Reset(const Reset&) = delete;
    Reset& operator=(const Reset&) = delete;
    ~Reset() {
        sqlite3_reset(statement);
        sqlite3_bind_null(statement, kRowParameter);  // the row is gone
    }
    sqlite3_stmt* statement;
};

}  // namespace

void RowQuery::Finalize::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

RowQuery::RowQuery(SQLite::Database& database, const std::string& from) {
    add_function(database.getHandle());
    const auto sql = fmt::format("SELECT take_row(?{}, {}) {}", kRowParameter, row_columns(), from);
    sqlite3_stmt* prepared = nullptr;
    const int code =
        sqlite3_prepare_v3(database.getHandle(), sql.c_str(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    if (code != SQLITE_OK) throw SQLite::Exception(database.getHandle(), code);
    statement_.reset(prepared);
}

std::size_t RowQuery::each(std::initializer_list<std::int64_t> arguments,
                           const std::function<void(const Row&)>& visit) {
    auto* const statement = statement_.get();
    const auto fail = [&](int code) {
        throw SQLite::Exception(sqlite3_db_handle(statement), code);
    };
    const Reset reset{statement};
    int at = 0;
    for (const auto argument : arguments) {
        if (const int code = sqlite3_bind_int64(statement, ++at, argument); code != SQLITE_OK)
            fail(code);
    }
    Row row;
    const int bound = sqlite3_bind_pointer(statement, kRowParameter, &row, kPointerType, nullptr);
    if (bound != SQLITE_OK) fail(bound);
    for (std::size_t count = 0;; ++count) {
        const int code = sqlite3_step(statement);
        if (code == SQLITE_DONE) return count;
        if (code != SQLITE_ROW) fail(code);
        visit(row);
    }
}

}  // namespace quotafuse::sync
