#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "sync/log_source.h"
#include "sync/row_decoder.h"

namespace quotafuse::tests {

inline sync::Dsn dsn_of(const std::string& text) {
    auto result = sync::parse_dsn(text);
    REQUIRE_MESSAGE(result.dsn.has_value(), result.error);
    return *result.dsn;
}

using Ids = std::vector<std::int64_t>;

/// Rows from `first` on; nothing of a call that fails, as the mirror does it.
inline Ids fetch_ids(sync::LogSource& source, std::int64_t first, std::size_t limit) {
    Ids ids;
    source.fetch(first, std::int64_t{1} << 47, limit,
                 [&](const sync::RawRow& raw) { ids.push_back(raw.number(sync::Column::id)); });
    return ids;
}

/// All rows of a source, decoded as its dialect says.
inline std::vector<sync::LogEntry> entries_of(sync::LogSource& source,
                                              std::int64_t* broken_others = nullptr) {
    sync::RowDecoder decoder{source.dialect().gateway()};
    std::vector<sync::LogEntry> entries;
    source.fetch(1, std::int64_t{1} << 47, 10'000,
                 [&](const sync::RawRow& raw) { entries.push_back(decoder.decode(raw)); });
    if (broken_others != nullptr) *broken_others = decoder.broken_others();
    return entries;
}

/// The error of a call that must fail.
template <class Call>
sync::GatewayError error_of(const Call& call) {
    try {
        call();
    } catch (const sync::GatewayError& e) {
        return e;
    }
    FAIL("no error");
    return {sync::GatewayError::Kind::rejected, ""};
}

inline const char* kind_name(sync::GatewayError::Kind kind) {
    using Kind = sync::GatewayError::Kind;
    switch (kind) {
        case Kind::unreachable:
            return "unreachable";
        case Kind::stalled:
            return "stalled";
        case Kind::locked:
            return "locked";
        case Kind::denied:
            return "denied";
        case Kind::schema:
            return "schema";
        case Kind::rejected:
            return "rejected";
        case Kind::interrupted:
            return "interrupted";
    }
    std::abort();
}

/// "kind: text".
inline std::string told(const sync::GatewayError& e) {
    return std::string{kind_name(e.kind())} + ": " + e.what();
}

}  // namespace quotafuse::tests
