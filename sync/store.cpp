#include "sync/store.h"

namespace quotafuse::sync {
namespace {

// Ids and small integers take one byte or none in SQLite's records, so the columns need no packing.
constexpr auto kMigration1 = R"sql(
CREATE TABLE text(id INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE);
CREATE TABLE log(
    id INTEGER PRIMARY KEY, created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL,
    kind INTEGER NOT NULL, flags INTEGER NOT NULL, user INTEGER NOT NULL, token INTEGER NOT NULL,
    channel INTEGER NOT NULL, username INTEGER NOT NULL, token_name INTEGER NOT NULL,
    model INTEGER NOT NULL, grp INTEGER NOT NULL, route INTEGER NOT NULL, quota INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cache_tokens INTEGER NOT NULL,
    latency_ms INTEGER NOT NULL, first_token_ms INTEGER NOT NULL, status INTEGER NOT NULL,
    error_code INTEGER NOT NULL, request_id INTEGER NOT NULL, ip INTEGER NOT NULL, attempts INTEGER NOT NULL);
CREATE INDEX log_by_time ON log(created_at);
CREATE TABLE position(one INTEGER PRIMARY KEY CHECK(one = 1), cursor INTEGER NOT NULL, rows INTEGER NOT NULL);
INSERT INTO position VALUES(1, 0, 0);
CREATE TABLE gap(first INTEGER PRIMARY KEY, last INTEGER NOT NULL, deadline INTEGER NOT NULL);
)sql";

constexpr auto kColumnList =
    "id, created_at, seen_at, kind, flags, user, token, channel, username, token_name, model, grp, "
    "route, quota, prompt_tokens, completion_tokens, cache_tokens, latency_ms, first_token_ms, "
    "status, "
    "error_code, request_id, ip, attempts";

constexpr int kStream = 1;
constexpr int kChannelTest = 2;
constexpr int kTask = 4;
constexpr int kStreamEndShift = 3;

int flags_of(const Row& row) {
    return (row.stream ? kStream : 0) | (row.channel_test ? kChannelTest : 0) |
           (row.task ? kTask : 0) | (static_cast<int>(row.stream_end) << kStreamEndShift);
}

void bind(SQLite::Statement& statement, const Row& row) {
    int i = 0;
    for (const std::int64_t value : {row.id,
                                     row.created_at,
                                     row.seen_at,
                                     static_cast<std::int64_t>(row.kind),
                                     static_cast<std::int64_t>(flags_of(row)),
                                     row.user,
                                     row.token,
                                     row.channel,
                                     static_cast<std::int64_t>(row.username),
                                     static_cast<std::int64_t>(row.token_name),
                                     static_cast<std::int64_t>(row.model),
                                     static_cast<std::int64_t>(row.group),
                                     static_cast<std::int64_t>(row.route),
                                     row.quota,
                                     row.prompt_tokens,
                                     row.completion_tokens,
                                     row.cache_tokens,
                                     row.latency_ms,
                                     row.first_token_ms,
                                     static_cast<std::int64_t>(row.status),
                                     static_cast<std::int64_t>(row.error_code),
                                     static_cast<std::int64_t>(row.request_id),
                                     static_cast<std::int64_t>(row.ip),
                                     static_cast<std::int64_t>(row.attempts)}) {
        statement.bind(++i, value);
    }
}

Row read_row(SQLite::Statement& statement) {
    int i = -1;
    const auto next = [&] { return statement.getColumn(++i).getInt64(); };
    const auto text = [&] { return static_cast<TextId>(next()); };
    Row row;
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
    row.ip = text();
    row.attempts = static_cast<int>(next());
    row.stream = (flags & kStream) != 0;
    row.channel_test = (flags & kChannelTest) != 0;
    row.task = (flags & kTask) != 0;
    row.stream_end = static_cast<StreamEnd>(flags >> kStreamEndShift);
    return row;
}

std::int64_t read_integer(base::Database& database, const char* sql) {
    SQLite::Statement query{database.handle(), sql};
    return query.executeStep() ? query.getColumn(0).getInt64() : 0;
}

std::string insert_sql() {
    std::string marks = "?";
    for (int i = 1; i < 24; ++i) marks += ", ?";
    return std::string{"INSERT INTO log("} + kColumnList + ") VALUES(" + marks +
           ") ON CONFLICT(id) DO NOTHING";
}

}  // namespace

base::Schema Store::schema() {
    return {"sync", {kMigration1}};
}

Store::Store(base::Database& database)
    : database_(database),
      insert_row_(database.handle(), insert_sql()),
      insert_text_(database.handle(), "INSERT INTO text(id, value) VALUES(?, ?)"),
      read_rows_(database.handle(),
                 std::string{"SELECT "} + kColumnList +
                     " FROM log WHERE created_at > ? AND created_at <= ? ORDER BY created_at") {
    SQLite::Statement texts{database.handle(), "SELECT value FROM text ORDER BY id"};
    while (texts.executeStep()) texts_.add(texts.getColumn(0).getString());
    stored_texts_ = texts_.size();
    SQLite::Statement gaps{database.handle(),
                           "SELECT first, last, deadline FROM gap ORDER BY first"};
    while (gaps.executeStep()) {
        position_.gaps.push_back({gaps.getColumn(0).getInt64(), gaps.getColumn(1).getInt64(),
                                  gaps.getColumn(2).getInt64()});
    }
    position_.cursor = read_integer(database, "SELECT cursor FROM position");
    rows_ = read_integer(database, "SELECT rows FROM position");
    newest_ = read_integer(database, "SELECT max(created_at) FROM log");
}

std::vector<Row> Store::append(const Batch& batch, base::Second seen) {
    std::vector<Row> added;
    if (batch.entries.empty() && batch.position == position_) return added;
    base::WriteTransaction transaction{database_};
    for (const auto& entry : batch.entries) {
        auto row = to_row(entry, base::unix_seconds(seen));
        insert_row_.tryReset();  // also after a failed append, whose error was told then
        bind(insert_row_, row);
        const bool is_new = insert_row_.exec() == 1;
        if (is_new) added.push_back(row);
    }
    store_texts();
    store_position(batch.position, rows_ + static_cast<std::int64_t>(added.size()));
    transaction.commit();
    stored_texts_ = texts_.size();
    position_ = batch.position;
    rows_ += static_cast<std::int64_t>(added.size());
    for (const auto& row : added) newest_ = std::max(newest_, row.created_at);
    return added;
}

Row Store::to_row(const LogEntry& entry, std::int64_t seen_at) {
    Row row;
    row.id = entry.id;
    row.created_at = entry.created_at;
    row.seen_at = seen_at;
    row.user = entry.user;
    row.token = entry.token;
    row.channel = entry.channel;
    row.quota = entry.quota;
    row.prompt_tokens = entry.prompt_tokens;
    row.completion_tokens = entry.completion_tokens;
    row.cache_tokens = entry.cache_tokens;
    row.latency_ms = entry.latency_ms;
    row.first_token_ms = entry.first_token_ms;
    row.request_id = entry.request_id;
    row.username = texts_.add(entry.username);
    row.token_name = texts_.add(entry.token_name);
    row.model = texts_.add(entry.model);
    row.group = texts_.add(entry.group);
    row.route = texts_.add(entry.route);
    row.error_code = texts_.add(entry.error_code);
    row.ip = texts_.add(entry.ip);
    row.status = entry.status;
    row.attempts = entry.attempts;
    row.kind = entry.kind;
    row.stream_end = entry.stream_end;
    row.stream = entry.stream;
    row.channel_test = entry.channel_test;
    row.task = entry.task;
    return row;
}

/// Texts that memory knows and the file does not yet. After a rollback they are simply written next
/// time.
void Store::store_texts() {
    for (auto id = stored_texts_; id < texts_.size(); ++id) {
        insert_text_.tryReset();
        insert_text_.bind(1, static_cast<std::int64_t>(id));
        insert_text_.bind(2, texts_.text(static_cast<TextId>(id)));
        insert_text_.exec();
    }
}

void Store::store_position(const Position& position, std::int64_t rows) {
    SQLite::Statement set{database_.handle(), "UPDATE position SET cursor = ?, rows = ?"};
    set.bind(1, position.cursor);
    set.bind(2, rows);
    set.exec();
    if (position.gaps == position_.gaps) return;
    database_.handle().exec("DELETE FROM gap");
    SQLite::Statement insert{database_.handle(), "INSERT INTO gap VALUES(?, ?, ?)"};
    for (const auto& gap : position.gaps) {
        insert.bind(1, gap.first);
        insert.bind(2, gap.last);
        insert.bind(3, gap.deadline);
        insert.exec();
        insert.reset();
    }
}

void Store::read(std::int64_t after, std::int64_t until,
                 const std::function<void(const Row&)>& visit) {
    read_rows_.tryReset();
    read_rows_.bind(1, after);
    read_rows_.bind(2, until);
    while (read_rows_.executeStep()) visit(read_row(read_rows_));
    read_rows_.reset();
}

std::vector<Store::Served> Store::served(std::int64_t after) {
    // + keeps SQLite from grouping by a scan of everything ever stored.
    SQLite::Statement query{
        database_.handle(),
        "SELECT grp, model, count(*) FROM log WHERE created_at > ? "
        "AND kind IN (?, ?) AND flags & ? = 0 GROUP BY +grp, +model ORDER BY 3 DESC"};
    query.bind(1, after);
    query.bind(2, static_cast<int>(Kind::consume));
    query.bind(3, static_cast<int>(Kind::error));
    query.bind(4, kChannelTest);
    std::vector<Served> served;
    while (query.executeStep()) {
        served.push_back({texts_.text(query.getColumn(0).getInt()),
                          texts_.text(query.getColumn(1).getInt()), query.getColumn(2).getInt64()});
    }
    return served;
}

}  // namespace quotafuse::sync
