#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include <SQLiteCpp/Statement.h>

#include "base/database.h"
#include "sync/row.h"

namespace quotafuse::sync {

/// Requests of each group × model that the log holds with created_at above an edge, on whatever
/// channel and without the gateway's own tests of channels. Rows are counted as they come and go,
/// so that an answer costs no reading; an entry of memory a pair. One thread, the writer's. Throws
/// SQLite::Exception; then nothing has changed.
class TrafficCount {
public:
    explicit TrafficCount(base::Database& database);

    /// Once rows have been stored; once they have been deleted.
    void add(const std::vector<Row>& stored);
    void remove(const std::vector<Row>& gone);

    /// A step of the edge towards `after` (unix seconds): reads about `most` rows at the most, but
    /// always whole seconds. True when it is there. At first nothing is counted.
    bool move_to(std::int64_t after, std::size_t most);

    struct Pair {
        TextId group;
        TextId model;
        std::int64_t requests;
    };
    /// With created_at > after; reads the rows between there and the edge. In no order.
    std::vector<Pair> pairs_after(std::int64_t after);

private:
    using Counts = std::unordered_map<std::uint64_t, std::int64_t>;  // by group and model
    void count(const std::vector<Row>& rows, std::int64_t times);
    void count_between(Counts& counts, std::int64_t after, std::int64_t until, std::int64_t times);
    std::int64_t step_to(std::int64_t after, std::size_t most);

    std::int64_t edge_ = INT64_MAX;
    Counts counts_;  // none is 0
    SQLite::Statement rows_;
    SQLite::Statement newest_;
    SQLite::Statement oldest_;
};

}  // namespace quotafuse::sync
