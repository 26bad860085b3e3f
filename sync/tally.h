#pragma once

#include <cstdint>
#include <optional>

#include "sync/log_entry.h"
#include "sync/row.h"

namespace quotafuse::sync {

/// What one row counts for: the one place that knows. Requests are answers + errors + client
/// errors; upstream attempts are answers + errors. A channel test is no traffic, but it is billed:
/// it has quota and tokens only.
struct Tally {
    std::int64_t answers = 0;
    std::int64_t errors = 0;         // failed attempts that are not the client's doing
    std::int64_t client_errors = 0;  // those that are
    std::int64_t empty_replies = 0;  // answers with nothing in them, or that broke off
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t cache_tokens = 0;
    std::int64_t quota = 0;   // charged
    std::int64_t refund = 0;  // given back
    // Times of answers that took one attempt: those of a retried request include the channels that
    // failed before. kUnknown where there is none.
    std::int64_t latency_ms = LogEntry::kUnknown;
    std::int64_t first_token_ms = LogEntry::kUnknown;
};

/// Empty for a row that counts in no metric: chores of the gateway and tests that are not billed.
std::optional<Tally> tally_of(const Row& row, const Texts& texts);
/// The same, for whoever knows the id of the text "prompt_blocked" (-1: no row has it).
std::optional<Tally> tally_of(const Row& row, TextId prompt_blocked);

}  // namespace quotafuse::sync
