#pragma once

#include <cstdint>
#include <string>

namespace quotafuse::sync {

/// What a row of the gateway's log means, after the dialect has read its type.
enum class Kind : std::uint8_t {
    other,    // top-ups, logins, management, text of unknown types: stored, counted in no metric
    consume,  // an answered request that was billed
    error,    // one failed upstream attempt (New API)
    refund,   // money given back; quota is positive
    test,     // a channel test of One API
};

/// How a streamed answer ended, where the gateway tells (New API since 2026-03).
enum class StreamEnd : std::uint8_t { unknown, complete, broken, client_gone };

/// One row of the gateway's log in quotafuse's terms. Values that the gateway does not have are 0,
/// empty or kUnknown. Texts are valid UTF-8.
struct LogEntry {
    static constexpr std::int64_t kUnknown = -1;

    std::int64_t id = 0;          // the gateway's
    std::int64_t created_at = 0;  // unix seconds of the gateway's clock: the end of the request
    Kind kind = Kind::other;
    std::int64_t user = 0;
    std::int64_t token = 0;  // the API key's id; 0 where the gateway stores only its name
    std::int64_t channel = 0;
    std::string username;
    std::string token_name;
    std::string model;  // what the client asked for
    std::string group;
    std::string route;  // request path
    std::int64_t quota = 0;
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t cache_tokens = 0;
    std::int64_t latency_ms = kUnknown;      // whole request, retries included
    std::int64_t first_token_ms = kUnknown;  // streams only
    bool stream = false;
    StreamEnd stream_end = StreamEnd::unknown;
    int status = 0;  // HTTP status of an error row
    std::string error_code;
    std::uint64_t request_id = 0;  // 64-bit hash, 0 when the row has none
    std::string ip;
    int attempts = 1;           // channels that the request went through
    bool channel_test = false;  // the gateway's own test traffic
    bool task = false;          // an asynchronous task: billed at submission, no latency, no tokens

    // The texts of failed and slow requests, cut; empty in all other rows.
    std::string content;
    std::string other;
};

/// A request that took at least this long is slow: its texts are kept.
inline constexpr std::int64_t kSlowMs = 30'000;

}  // namespace quotafuse::sync
