#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "sync/row.h"

namespace quotafuse::alerts {

/// The rows of one minute by created_at, in two thirds of the memory that they take as sync::Row,
/// and found by their second without a search. Filled once, then only read.
class RowSlice {
public:
    static constexpr std::int64_t kSeconds = 60;

    /// For rows with after < created_at ≤ after + kSeconds.
    explicit RowSlice(std::int64_t after);

    /// Oldest first. finish() comes after the last one.
    void add(const sync::Row& row);
    void finish();

    std::int64_t after() const { return after_; }
    std::int64_t until() const { return after_ + kSeconds; }
    std::size_t size() const { return rows_.size(); }
    std::size_t bytes() const;
    sync::Row row(std::size_t at) const;
    std::int64_t created_at(std::size_t at) const { return after_ + rows_[at].second; }

    /// Visits rows with after < created_at ≤ until and seen_at < seen_before, oldest first.
    void each(std::int64_t after, std::int64_t until, std::int64_t seen_before,
              const std::function<void(const sync::Row&)>& visit) const;

private:
    /// Numbers of real rows fit into 32 bits. A row of which one does not stands in wide_, and `id`
    /// is where.
    struct Packed {
        std::int64_t id;
        std::uint64_t request_id;
        sync::Address ip;
        std::int32_t seen_after_created;
        std::int32_t user;
        std::int32_t token;
        std::int32_t channel;
        std::int32_t quota;
        std::int32_t prompt_tokens;
        std::int32_t completion_tokens;
        std::int32_t cache_tokens;
        std::int32_t latency_ms;
        std::int32_t first_token_ms;
        sync::TextId username;
        sync::TextId token_name;
        sync::TextId model;
        sync::TextId group;
        sync::TextId route;
        sync::TextId error_code;
        std::int16_t status;
        std::int16_t attempts;
        sync::Kind kind;
        sync::StreamEnd stream_end;
        std::uint8_t flags;
        std::uint8_t second;  // 1 … kSeconds after the slice's beginning
    };
    static_assert(sizeof(Packed) == 96);

    static bool pack(const sync::Row& row, Packed& packed);
    void unpack(const Packed& packed, sync::Row& row) const;

    std::int64_t after_;
    std::vector<Packed> rows_;
    std::vector<sync::Row> wide_;
    /// Of the first row after the second after_ + i.
    std::array<std::uint32_t, kSeconds + 1> first_{};
};

}  // namespace quotafuse::alerts
