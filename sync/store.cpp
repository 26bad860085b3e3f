#include "sync/store.h"

#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <utility>

#include <sqlite3.h>

#include "base/text.h"
#include "sync/store_tables.h"

namespace quotafuse::sync {
namespace {

// What clients choose freely must not fill the dictionary, which is in memory and never shrinks.
// However many names a gateway has: they leave routes and error codes their room.
constexpr std::size_t kLongestRoute = 200;
constexpr std::size_t kMostBoundedTexts = 20'000;
constexpr auto kOtherText = "(other)";

/// Does something at the end of its scope, unless what it stands for is kept.
class Undo {
public:
    explicit Undo(std::function<void()> undo) : undo_(std::move(undo)) {}
    Undo(const Undo&) = delete;
    Undo& operator=(const Undo&) = delete;
    ~Undo() {
        if (undo_) undo_();
    }
    void keep() { undo_ = nullptr; }

private:
    std::function<void()> undo_;
};

}  // namespace

base::Schema Store::schema() {
    return store_schema();
}

Store::Store(base::Database& database, Keep keep, base::TimeZone zone)
    : database_(database),
      keep_(keep),
      traffic_(database),
      insert_row_(database.handle(), insert_row_sql()),
      insert_text_(database.handle(), "INSERT INTO text(id, value, bounded) VALUES(?, ?, ?)"),
      insert_row_text_(database.handle(),
                       "INSERT INTO row_text(id, created_at, content, other) VALUES(?, ?, ?, ?)"),
      read_rows_(database.handle(), kRowsByTime),
      read_seen_after_(database.handle(), kRowsSeenAfter),
      read_late_(database.handle(), kLateRows),
      slowest_(database) {
    read_texts();
    read_position();
    newest_ = database.handle().execAndGet("SELECT ifnull(max(created_at), 0) FROM log").getInt64();
    rollups_.emplace(database, texts_, std::move(zone));
    base::WriteTransaction transaction{database};
    rollups_->follow_zone();
    transaction.commit();
}

void Store::read_texts() {
    SQLite::Statement query{database_.handle(), "SELECT id, value, bounded FROM text ORDER BY id"};
    while (query.executeStep()) {
        const TextId id = query.getColumn(0).getInt();
        texts_.restore(id, query.getColumn(1).getString());
        if (query.getColumn(2).getInt() != 0) bounded_texts_.push_back(id);
    }
}

void Store::read_position() {
    SQLite::Statement query{
        database_.handle(),
        std::string{"SELECT cursor, rows, epoch, first, rolled_up, roll_up_to, kept_since, "} +
            "anchor_created_at, anchor_user, anchor_token, anchor_channel, anchor_quota, "
            "anchor_prompt_tokens, anchor_completion_tokens "
            "FROM position JOIN epoch ON number = epoch JOIN upkeep"};
    query.executeStep();
    position_.cursor = query.getColumn(0).getInt64();
    rows_ = query.getColumn(1).getInt64();
    position_.epoch = query.getColumn(2).getInt64();
    position_.first = query.getColumn(3).getInt64();
    marks_ = {query.getColumn(4).getInt64(), query.getColumn(5).getInt64(),
              query.getColumn(6).getInt64()};
    if (!query.isColumnNull(7)) position_.anchor = read_fingerprint(query, 7);
    position_.gaps = read_gaps(database_);
}

/// Whoever interned texts may have rolled them back: then the file has fewer than memory.
void Store::settle_texts() {
    if (!interned_) return;
    SQLite::Statement query{database_.handle(), "SELECT ifnull(max(id), 0) FROM text"};
    query.executeStep();
    forget_texts(static_cast<std::size_t>(query.getColumn(0).getInt64()) + 1);
    interned_ = sqlite3_get_autocommit(database_.handle().getHandle()) == 0;
}

TextId Store::intern(std::string_view text) {
    settle_texts();
    if (const auto known = texts_.find(text); known >= 0) return known;
    const auto known = texts_.size();
    Undo forget{[&] { forget_texts(known); }};
    const auto id = texts_.add(text);
    interned_ = true;
    store_texts(known);
    forget.keep();
    return id;
}

std::vector<Row> Store::append(const Batch& batch, base::Second now,
                               std::optional<base::Second> seen) {
    std::vector<Row> added;
    if (batch.entries.empty() && batch.position == position_) return added;
    auto position = batch.position;  // copied while that may still fail
    auto newest = newest_;
    settle_texts();
    const auto known = texts_.size();
    Undo forget{[&] { forget_texts(known); }};
    base::WriteTransaction transaction{database_};
    begin_epoch(position, now);
    for (const auto& entry : batch.entries) {
        if (entry.created_at < marks_.kept_since) continue;
        const auto row =
            to_row(entry, position.epoch, seen ? base::unix_seconds(*seen) : entry.created_at);
        if (!insert(row, entry, now)) continue;
        added.push_back(row);
        newest = std::max(newest, row.created_at);
    }
    store_texts(known);
    add_up(added, now);
    slowest_.add(added);
    const auto rows = rows_ + static_cast<std::int64_t>(added.size());
    store_position(position, rows);
    transaction.commit();
    forget.keep();
    std::swap(position_, position);
    rows_ = rows;
    newest_ = newest;
    unlooked_ += added.size();
    traffic_.add(added);
    return added;
}

void Store::begin_epoch(const Position& next, base::Second now) {
    if (next.epoch < position_.epoch) throw std::invalid_argument("an epoch that is over");
    if (next.epoch == position_.epoch && next.first == position_.first) return;
    SQLite::Statement put{database_.handle(),
                          "INSERT INTO epoch(number, first, noticed_at) VALUES(?, ?, ?) "
                          "ON CONFLICT(number) DO UPDATE SET first = excluded.first"};
    put.bind(1, next.epoch);
    put.bind(2, next.first);
    put.bind(3, base::unix_seconds(now));
    put.exec();
}

Row Store::to_row(const LogEntry& entry, std::int64_t epoch, std::int64_t seen_at) {
    Row row;
    row.id = row_id(epoch, entry.id);
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
    row.route = bounded_text(entry.route);
    row.error_code = bounded_text(entry.error_code);
    row.ip = parse_address(entry.ip);
    row.status = entry.status;
    row.attempts = entry.attempts;
    row.kind = entry.kind;
    row.stream_end = entry.stream_end;
    row.stream = entry.stream;
    row.channel_test = entry.channel_test;
    row.task = entry.task;
    return row;
}

/// The id of a route or an error code.
TextId Store::bounded_text(const std::string& text) {
    if (text.size() > kLongestRoute) return bounded_text(base::cut_bytes(text, kLongestRoute));
    if (const auto known = texts_.find(text); known >= 0) return known;
    if (bounded_texts_.size() >= kMostBoundedTexts) return texts_.add(kOtherText);
    bounded_texts_.push_back(static_cast<TextId>(texts_.size()));
    return texts_.add(text);
}

/// Takes back what a failed append added to the dictionary.
void Store::forget_texts(std::size_t known) {
    texts_.shrink(known);
    while (!bounded_texts_.empty() && bounded_texts_.back() >= static_cast<TextId>(known)) {
        bounded_texts_.pop_back();
    }
}

/// False when the row was there before.
bool Store::insert(const Row& row, const LogEntry& entry, base::Second now) {
    insert_row_.tryReset();  // also after a failed append, whose error was told then
    bind_row(insert_row_, row);
    if (insert_row_.exec() != 1) return false;
    const bool kept = row.created_at >= base::unix_seconds(now - keep_.texts);
    if (!kept || (entry.content.empty() && entry.other.empty())) return true;
    insert_row_text_.tryReset();
    insert_row_text_.bind(1, row.id);
    insert_row_text_.bind(2, row.created_at);
    insert_row_text_.bind(3, entry.content);
    insert_row_text_.bind(4, entry.other);
    insert_row_text_.exec();
    return true;
}

/// Puts new rows into the rollups, but for those that the pass over an older version's rows has
/// before it.
void Store::add_up(const std::vector<Row>& added, base::Second now) {
    const auto minutes_since = base::unix_seconds(now - keep_.minutes);
    if (marks_.rolled_up >= marks_.roll_up_to) {
        if (!added.empty()) rollups_->add(added, minutes_since, base::unix_seconds(now));
        return;
    }
    std::vector<Row> at_once;
    std::copy_if(added.begin(), added.end(), std::back_inserter(at_once), [&](const Row& row) {
        return row.id <= marks_.rolled_up || row.id > marks_.roll_up_to;
    });
    if (!at_once.empty()) rollups_->add(at_once, minutes_since, base::unix_seconds(now));
}

void Store::store_texts(std::size_t known) {
    for (auto id = static_cast<TextId>(known); id < static_cast<TextId>(texts_.size()); ++id) {
        const bool bounded = std::binary_search(bounded_texts_.begin(), bounded_texts_.end(), id);
        insert_text_.tryReset();
        insert_text_.bind(1, id);
        insert_text_.bind(2, texts_.text(id));
        insert_text_.bind(3, bounded ? 1 : 0);
        insert_text_.exec();
    }
}

void Store::store_position(const Position& position, std::int64_t rows) {
    SQLite::Statement set{
        database_.handle(),
        "UPDATE position SET cursor = ?, rows = ?, epoch = ?, anchor_created_at = ?, "
        "anchor_user = ?, anchor_token = ?, anchor_channel = ?, anchor_quota = ?, "
        "anchor_prompt_tokens = ?, anchor_completion_tokens = ?"};
    set.bind(1, position.cursor);
    set.bind(2, rows);
    set.bind(3, position.epoch);
    if (position.anchor) bind_fingerprint(set, 4, *position.anchor);
    set.exec();
    write_gaps(database_, position_.gaps, position.gaps);
}

std::optional<Store::RowTexts> Store::texts_of(std::int64_t row) {
    SQLite::Statement query{database_.handle(), "SELECT content, other FROM row_text WHERE id = ?"};
    query.bind(1, row);
    if (!query.executeStep()) return std::nullopt;
    return RowTexts{query.getColumn(0).getString(), query.getColumn(1).getString()};
}

std::optional<base::Second> Store::epoch_since() {
    if (position_.epoch == 0) return std::nullopt;
    SQLite::Statement query{database_.handle(), "SELECT noticed_at FROM epoch WHERE number = ?"};
    query.bind(1, position_.epoch);
    if (!query.executeStep()) return std::nullopt;
    return base::from_unix(query.getColumn(0).getInt64());
}

std::optional<std::int64_t> Store::first_row() {
    const auto oldest = database_.handle().execAndGet("SELECT min(created_at) FROM log");
    return oldest.isNull() ? std::nullopt : std::optional{oldest.getInt64()};
}

void Store::read(std::int64_t after, std::int64_t until,
                 const std::function<void(const Row&)>& visit) {
    read_rows_.each({after, until}, visit);
}

void Store::read_late(std::int64_t after, std::int64_t until, std::int64_t seen,
                      const std::function<void(const Row&)>& visit) {
    // Rows this old that were seen after `seen` have the index of late rows; younger ones were
    // nearly all seen after it.
    const auto old = std::min(until, seen - kLateBy);
    if (after < old) visit_late_rows(read_late_, after, old, seen, visit);
    if (old < until) read_seen_after_.each({std::max(after, old), until, seen}, visit);
}

bool Store::count_traffic(std::int64_t after, std::size_t most) {
    return traffic_.move_to(after, most);
}

std::vector<Store::Served> Store::served(std::int64_t after) {
    std::vector<Served> served;
    for (const auto& [group, model, requests] : traffic_.pairs_after(after))
        served.push_back({texts_.text(group), texts_.text(model), requests});
    std::ranges::sort(served, {}, [](const Served& one) {
        return std::tuple{-one.requests, std::string_view{one.group}, std::string_view{one.model}};
    });
    return served;
}

}  // namespace quotafuse::sync
