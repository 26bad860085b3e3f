#pragma once

#include <cstdint>

#include "sync/dialect.h"
#include "sync/log_entry.h"
#include "sync/row.h"

namespace quotafuse::sync {

/// What tells two rows of one id apart: none of it ever changes in a gateway, or reads otherwise
/// after an upgrade of it (a row's type does: 5 is a test in One API and an error in New API).
struct Fingerprint {
    std::int64_t created_at = 0;
    std::int64_t user = 0;
    std::int64_t token = 0;
    std::int64_t channel = 0;
    std::int64_t quota = 0;
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    bool operator==(const Fingerprint&) const = default;
};

/// Whether two fingerprints are of one row. A zero says nothing: a column that a gateway got later,
/// or that the account could not read at the time, reads as 0.
inline bool same_row(const Fingerprint& a, const Fingerprint& b) {
    const auto agree = [](std::int64_t x, std::int64_t y) { return x == y || x == 0 || y == 0; };
    return a.created_at == b.created_at && agree(a.user, b.user) && agree(a.token, b.token) &&
           agree(a.channel, b.channel) && agree(a.quota, b.quota) &&
           agree(a.prompt_tokens, b.prompt_tokens) &&
           agree(a.completion_tokens, b.completion_tokens);
}

/// Of a row as it comes from the gateway.
inline Fingerprint fingerprint_of(const RawRow& raw) {
    return {raw.created_at(),
            raw.number(Column::user_id),
            raw.number(Column::token_id),
            raw.number(Column::channel_id),
            raw.number(Column::quota),
            raw.number(Column::prompt_tokens),
            raw.number(Column::completion_tokens)};
}

/// Of a LogEntry or a Row.
template <class Entry>
Fingerprint fingerprint_of(const Entry& entry) {
    return {entry.created_at,       entry.user,  entry.token,
            entry.channel,          entry.quota, entry.prompt_tokens,
            entry.completion_tokens};
}

}  // namespace quotafuse::sync
