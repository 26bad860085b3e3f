#include "sync/tally.h"

#include <cstdlib>

namespace quotafuse::sync {
namespace {

/// Whether a failed attempt says nothing about the channel.
bool is_clients_doing(const Row& row, TextId prompt_blocked) {
    return row.status == 400 || row.status == 404 || row.status == 413 || row.status == 422 ||
           row.stream_end == StreamEnd::client_gone || row.error_code == prompt_blocked;
}

Tally of_consumed(const Row& row) {
    Tally tally;
    tally.prompt_tokens = row.prompt_tokens;
    tally.completion_tokens = row.completion_tokens;
    tally.cache_tokens = row.cache_tokens;
    tally.quota = row.quota;
    if (row.channel_test) return tally;
    tally.answers = 1;
    if (row.task) return tally;
    const bool nothing = row.completion_tokens == 0 && row.quota == 0;
    tally.empty_replies = nothing || row.stream_end == StreamEnd::broken ? 1 : 0;
    if (row.attempts != 1) return tally;
    if (row.latency_ms >= 0) tally.latency_ms = row.latency_ms;
    if (row.stream && row.first_token_ms > 0) tally.first_token_ms = row.first_token_ms;
    return tally;
}

}  // namespace

std::optional<Tally> tally_of(const Row& row, const Texts& texts) {
    return tally_of(row, texts.find("prompt_blocked"));
}

std::optional<Tally> tally_of(const Row& row, TextId prompt_blocked) {
    Tally tally;
    switch (row.kind) {
        case Kind::consume:
            return of_consumed(row);
        case Kind::error:
            if (row.channel_test) return std::nullopt;
            (is_clients_doing(row, prompt_blocked) ? tally.client_errors : tally.errors) = 1;
            return tally;
        case Kind::refund:
            tally.refund = row.quota;
            return tally;
        case Kind::test:
        case Kind::other:
            return std::nullopt;
    }
    std::abort();
}

}  // namespace quotafuse::sync
