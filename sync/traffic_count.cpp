#include "sync/traffic_count.h"

#include <algorithm>
#include <string>

#include "sync/store_tables.h"

namespace quotafuse::sync {
namespace {

constexpr auto kRequests =
    "SELECT grp, model FROM log INDEXED BY log_by_time WHERE created_at > ?1 AND created_at <= ?2 "
    "AND kind IN (?3, ?4) AND flags & ?5 = 0";

/// The second of a row, counted from one end of a time; of the index alone.
std::string nth_second(const char* order) {
    return std::string{
               "SELECT created_at FROM log INDEXED BY log_by_time WHERE created_at > ?1 "
               "AND created_at <= ?2 ORDER BY created_at "} +
           order + " LIMIT 1 OFFSET ?3";
}

bool is_request(const Row& row) {
    return (row.kind == Kind::consume || row.kind == Kind::error) && !row.channel_test;
}

std::uint64_t key_of(TextId group, TextId model) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(group)) << 32U) |
           static_cast<std::uint32_t>(model);
}

void add_to(std::unordered_map<std::uint64_t, std::int64_t>& counts, std::uint64_t key,
            std::int64_t times) {
    const auto at = counts.try_emplace(key, 0).first;
    at->second += times;
    if (at->second == 0) counts.erase(at);
}

/// Ends a statement's run, whatever ends the reading.
struct Reset {
    explicit Reset(SQLite::Statement& running) : statement(running) {}
    Reset(const Reset&) = delete;
    Reset& operator=(const Reset&) = delete;
    ~Reset() { statement.tryReset(); }
    SQLite::Statement& statement;
};

}  // namespace

TrafficCount::TrafficCount(base::Database& database)
    : rows_(database.handle(), kRequests),
      newest_(database.handle(), nth_second("DESC")),
      oldest_(database.handle(), nth_second("ASC")) {
    rows_.bind(3, static_cast<int>(Kind::consume));
    rows_.bind(4, static_cast<int>(Kind::error));
    rows_.bind(5, kChannelTestFlag);
}

void TrafficCount::add(const std::vector<Row>& stored) {
    count(stored, 1);
}

void TrafficCount::remove(const std::vector<Row>& gone) {
    count(gone, -1);
}

void TrafficCount::count(const std::vector<Row>& rows, std::int64_t times) {
    for (const auto& row : rows) {
        if (row.created_at > edge_ && is_request(row))
            add_to(counts_, key_of(row.group, row.model), times);
    }
}

bool TrafficCount::move_to(std::int64_t after, std::size_t most) {
    if (after == edge_) return true;
    const auto next = step_to(after, most);
    Counts between;
    count_between(between, std::min(next, edge_), std::max(next, edge_), next < edge_ ? 1 : -1);
    for (const auto& [key, requests] : between) add_to(counts_, key, requests);
    edge_ = next;
    return edge_ == after;
}

/// Where the next step ends.
std::int64_t TrafficCount::step_to(std::int64_t after, std::size_t most) {
    const bool back = after < edge_;
    auto& query = back ? newest_ : oldest_;
    const Reset reset{query};
    query.bind(1, std::min(after, edge_));
    query.bind(2, std::max(after, edge_));
    query.bind(3, static_cast<std::int64_t>(most));
    if (!query.executeStep()) return after;  // there are no more than `most`
    // The row after those is left for the next step, with its second; the first second is not.
    const auto second = query.getColumn(0).getInt64();
    return back ? std::min(second, edge_ - 1) : std::max(second - 1, edge_ + 1);
}

void TrafficCount::count_between(Counts& counts, std::int64_t after, std::int64_t until,
                                 std::int64_t times) {
    const Reset reset{rows_};
    rows_.bind(1, after);
    rows_.bind(2, until);
    while (rows_.executeStep())
        add_to(counts, key_of(rows_.getColumn(0).getInt(), rows_.getColumn(1).getInt()), times);
}

std::vector<TrafficCount::Pair> TrafficCount::pairs_after(std::int64_t after) {
    auto counts = counts_;
    if (after != edge_)
        count_between(counts, std::min(after, edge_), std::max(after, edge_),
                      after < edge_ ? 1 : -1);
    std::vector<Pair> pairs;
    pairs.reserve(counts.size());
    for (const auto& [key, requests] : counts) {
        pairs.push_back({static_cast<TextId>(static_cast<std::uint32_t>(key >> 32U)),
                         static_cast<TextId>(static_cast<std::uint32_t>(key)), requests});
    }
    return pairs;
}

}  // namespace quotafuse::sync
