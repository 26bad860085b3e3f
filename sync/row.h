#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sync/address.h"
#include "sync/log_entry.h"

namespace quotafuse::sync {

/// A text that repeats (model, group, token name …), stored once. 0 is the empty text.
using TextId = std::int32_t;

// A gateway that truncates, restores or replaces its table gives ids again. What the store calls a
// row id is therefore epoch · 2^48 + the gateway's id.
inline constexpr int kEpochShift = 48;
inline constexpr std::int64_t kHighestId = (std::int64_t{1} << kEpochShift) - 1;  // of a gateway
constexpr std::int64_t row_id(std::int64_t epoch, std::int64_t id) {
    return (epoch << kEpochShift) + id;
}
constexpr std::int64_t epoch_of(std::int64_t row) {
    return row >> kEpochShift;
}
constexpr std::int64_t gateway_id(std::int64_t row) {
    return row & kHighestId;
}

/// A log entry as the store keeps it and the windows read it: texts are ids of the store's
/// dictionary.
struct Row {
    std::int64_t id = 0;  // see row_id()
    std::int64_t created_at = 0;
    /// The engine's second (unix) in which quotafuse took it in: seconds after it count the row.
    /// That of a back-filled one is created_at.
    std::int64_t seen_at = 0;
    std::int64_t user = 0;
    std::int64_t token = 0;
    std::int64_t channel = 0;
    std::int64_t quota = 0;
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t cache_tokens = 0;
    std::int64_t latency_ms = LogEntry::kUnknown;
    std::int64_t first_token_ms = LogEntry::kUnknown;
    std::uint64_t request_id = 0;
    TextId username = 0;
    TextId token_name = 0;
    TextId model = 0;
    TextId group = 0;
    TextId route = 0;
    TextId error_code = 0;
    Address ip = 0;
    int status = 0;
    int attempts = 1;
    Kind kind = Kind::other;
    StreamEnd stream_end = StreamEnd::unknown;
    bool stream = false;
    bool channel_test = false;
    bool task = false;
};

/// The dictionary in memory: ids count up from 1 and never change. Not thread-safe: it belongs to
/// the pipeline.
class Texts {
public:
    Texts() { add(""); }
    Texts(const Texts&) = delete;
    Texts& operator=(const Texts&) = delete;

    const std::string& text(TextId id) const {
        const auto& text = texts_.at(static_cast<std::size_t>(id));
        return text ? *text : *texts_.front();
    }
    /// The id of a known text; -1 for one that no row has had yet.
    TextId find(std::string_view text) const {
        const auto at = ids_.find(text);
        return at == ids_.end() ? -1 : at->second;
    }
    /// The id of a text, known or new.
    TextId add(std::string_view text) {
        if (const auto known = find(text); known >= 0) return known;
        const auto id = static_cast<TextId>(texts_.size());
        texts_.push_back(std::make_unique<std::string>(text));
        ids_.emplace(*texts_.back(), id);
        return id;
    }
    /// A text that is stored under this id, ≥ size(). Ids that are left out are
    /// empty.
    void restore(TextId id, std::string_view text) {
        texts_.resize(static_cast<std::size_t>(id));
        add(text);
    }
    /// Forgets the texts with ids ≥ size, which no row has.
    void shrink(std::size_t size) {
        while (texts_.size() > size) {
            if (texts_.back()) ids_.erase(*texts_.back());
            texts_.pop_back();
        }
    }
    /// One above the highest id.
    std::size_t size() const { return texts_.size(); }
    /// How many texts there are.
    std::size_t count() const { return ids_.size(); }

private:
    std::vector<std::unique_ptr<std::string>> texts_;  // stable addresses for the views below
    std::unordered_map<std::string_view, TextId> ids_;
};

}  // namespace quotafuse::sync
