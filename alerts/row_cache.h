#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "sync/row_reader.h"

namespace quotafuse::alerts {

/// Rows that windows have just read and will read again: the last ones, which leave short windows
/// and enter those that are some seconds behind, and those around each place where rows leave.
/// Exact as long as each row that is stored or deleted is told.
class RowCache {
public:
    using Visit = std::function<void(const sync::Row&)>;

    /// Keeps about so many rows. `reader` must outlive it.
    RowCache(sync::RowReader& reader, std::size_t most_rows);

    /// Rows with after < created_at ≤ until. Throws what the reader throws, before the first visit.
    /// The range is short: at most some minutes.
    void each(std::int64_t after, std::int64_t until, const Visit& visit);
    void feed(const sync::Row& row);
    void forget(const sync::Row& row);
    /// Lets go of what has not been asked for lately when there is too much of it; once a second,
    /// or for each minute of a longer move.
    void trim();
    void clear();

private:
    static constexpr std::int64_t kBlock = 16;  // seconds
    /// All rows of its first `loaded` seconds.
    struct Block {
        std::vector<sync::Row> rows;  // oldest first
        /// Of the first row of each second; as many as there are from `loaded` on.
        std::array<std::uint32_t, kBlock + 1> first{};
        std::vector<sync::Row> late;  // that came after their second was read, as they came
        std::int64_t loaded = 0;
        std::int64_t used = 0;  // tick

        std::size_t size() const { return rows.size() + late.size(); }
    };
    static std::int64_t block_of(std::int64_t second);
    Block& block(std::int64_t number);
    void load(std::int64_t number, std::int64_t until);
    static void file(Block& block, std::int64_t number);
    static void index(Block& block, std::int64_t number, std::int64_t from);
    bool is_dense(std::int64_t number) const;
    Block* holder_of(std::int64_t second);
    void drop(std::int64_t number);

    sync::RowReader& reader_;
    const std::size_t most_rows_;
    std::unordered_map<std::int64_t, Block> blocks_;
    std::vector<sync::Row> read_;  // scratch
    std::vector<Block> spare_;     // empty ones, with their memory
    std::size_t rows_ = 0;
    bool dense_ = false;  // rows are many where was read last
    std::int64_t tick_ = 0;
    std::int64_t trimmed_ = 0;
};

}  // namespace quotafuse::alerts
