#include "alerts/row_slice.h"

#include <algorithm>
#include <utility>

namespace quotafuse::alerts {
namespace {

enum Flag : std::uint8_t { kStream = 1, kChannelTest = 2, kTask = 4, kWide = 8 };

/// Whether every number fits; each is stored as far as it does.
template <class Small>
bool fit(std::int64_t number, Small& small) {
    small = static_cast<Small>(number);
    return small == number;
}

}  // namespace

RowSlice::RowSlice(std::int64_t after) : after_(after) {}

bool RowSlice::pack(const sync::Row& row, Packed& packed) {
    packed.id = row.id;
    packed.request_id = row.request_id;
    packed.ip = row.ip;
    packed.username = row.username;
    packed.token_name = row.token_name;
    packed.model = row.model;
    packed.group = row.group;
    packed.route = row.route;
    packed.error_code = row.error_code;
    packed.kind = row.kind;
    packed.stream_end = row.stream_end;
    packed.flags =
        static_cast<std::uint8_t>((row.stream ? kStream : 0) |
                                  (row.channel_test ? kChannelTest : 0) | (row.task ? kTask : 0));
    std::int64_t delay = 0;
    return !__builtin_sub_overflow(row.seen_at, row.created_at, &delay) &&
           fit(delay, packed.seen_after_created) && fit(row.user, packed.user) &&
           fit(row.token, packed.token) && fit(row.channel, packed.channel) &&
           fit(row.quota, packed.quota) && fit(row.prompt_tokens, packed.prompt_tokens) &&
           fit(row.completion_tokens, packed.completion_tokens) &&
           fit(row.cache_tokens, packed.cache_tokens) && fit(row.latency_ms, packed.latency_ms) &&
           fit(row.first_token_ms, packed.first_token_ms) && fit(row.status, packed.status) &&
           fit(row.attempts, packed.attempts);
}

void RowSlice::unpack(const Packed& packed, sync::Row& row) const {
    if ((packed.flags & kWide) != 0) {
        row = wide_[static_cast<std::size_t>(packed.id)];
        return;
    }
    row.id = packed.id;
    row.created_at = after_ + packed.second;
    row.seen_at = row.created_at + packed.seen_after_created;
    row.user = packed.user;
    row.token = packed.token;
    row.channel = packed.channel;
    row.quota = packed.quota;
    row.prompt_tokens = packed.prompt_tokens;
    row.completion_tokens = packed.completion_tokens;
    row.cache_tokens = packed.cache_tokens;
    row.latency_ms = packed.latency_ms;
    row.first_token_ms = packed.first_token_ms;
    row.request_id = packed.request_id;
    row.username = packed.username;
    row.token_name = packed.token_name;
    row.model = packed.model;
    row.group = packed.group;
    row.route = packed.route;
    row.error_code = packed.error_code;
    row.ip = packed.ip;
    row.status = packed.status;
    row.attempts = packed.attempts;
    row.kind = packed.kind;
    row.stream_end = packed.stream_end;
    row.stream = (packed.flags & kStream) != 0;
    row.channel_test = (packed.flags & kChannelTest) != 0;
    row.task = (packed.flags & kTask) != 0;
}

void RowSlice::add(const sync::Row& row) {
    const auto second = row.created_at - after_;
    Packed packed{};
    if (!pack(row, packed)) {
        packed.flags = kWide;
        packed.id = static_cast<std::int64_t>(wide_.size());
        wide_.push_back(row);
    }
    packed.second = static_cast<std::uint8_t>(second);
    rows_.push_back(packed);
    ++first_[static_cast<std::size_t>(second)];
}

void RowSlice::finish() {
    rows_.shrink_to_fit();
    // first_[i] counted the rows of the second after_ + i; the sum up to it is where the next
    // begins.
    for (std::size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
}

std::size_t RowSlice::bytes() const {
    return sizeof(RowSlice) + rows_.capacity() * sizeof(Packed) +
           wide_.capacity() * sizeof(sync::Row);
}

sync::Row RowSlice::row(std::size_t at) const {
    sync::Row row;
    unpack(rows_[at], row);
    return row;
}

void RowSlice::each(std::int64_t after, std::int64_t until, std::int64_t seen_before,
                    const std::function<void(const sync::Row&)>& visit) const {
    const auto index = [&](std::int64_t t) {
        return first_[static_cast<std::size_t>(std::clamp<std::int64_t>(t - after_, 0, kSeconds))];
    };
    const auto end = index(until);
    sync::Row row;
    for (auto at = index(after); at < end; ++at) {
        unpack(rows_[at], row);
        if (row.seen_at < seen_before) visit(row);
    }
}

}  // namespace quotafuse::alerts
