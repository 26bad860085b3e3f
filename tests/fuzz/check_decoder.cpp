#include "check_decoder.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <tuple>

#include "base/text.h"
#include "sync/row_decoder.h"

namespace quotafuse::fuzz {
namespace {

constexpr std::size_t kMostContent = 2000;
constexpr std::size_t kMostOther = 4096;

void demand(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "the decoder broke its word: %s\n", what);
    std::abort();
}

auto values_of(const sync::LogEntry& e) {
    return std::make_tuple(
        std::tie(e.id, e.created_at, e.kind, e.user, e.token, e.channel, e.username, e.token_name),
        std::tie(e.model, e.group, e.route, e.quota, e.prompt_tokens, e.completion_tokens),
        std::tie(e.cache_tokens, e.latency_ms, e.first_token_ms, e.stream, e.stream_end, e.status),
        std::tie(e.error_code, e.request_id, e.ip, e.attempts, e.channel_test, e.task),
        std::tie(e.content, e.other));
}

/// A byte that is no UTF-8 becomes a character of three.
std::size_t most_bytes(const sync::RawRow& raw) {
    std::size_t most = 0;
    for (const auto& text : raw.texts) most = std::max(most, text.value_or("").size());
    return 3 * most;
}

void check_texts(const sync::LogEntry& e, std::size_t most) {
    for (const auto* const text : {&e.username, &e.token_name, &e.model, &e.group, &e.route,
                                   &e.error_code, &e.ip, &e.content, &e.other}) {
        demand(base::valid_utf8(*text) == *text, "a text is not UTF-8");
        demand(text->size() <= most + 20, "a text is longer than what it was read from");
    }
    demand(e.content.size() <= kMostContent, "content is not cut");
    demand(e.other.size() <= kMostOther, "other is not cut");
}

void check_numbers(const sync::LogEntry& e) {
    demand(e.cache_tokens >= 0, "cache tokens below 0");
    demand(e.latency_ms >= sync::LogEntry::kUnknown, "a latency below 0");
    demand(e.first_token_ms > 0 || e.first_token_ms == sync::LogEntry::kUnknown,
           "a first token that came before the request");
    demand(e.stream || e.first_token_ms == sync::LogEntry::kUnknown,
           "a first token without a stream");
    demand(e.status == 0 || (e.status >= 100 && e.status < 600), "no status of HTTP");
    demand(e.attempts >= 1 && e.attempts <= 1000, "a number of attempts that cannot be");
}

}  // namespace

void check_decoder(sync::Gateway gateway, const sync::RawRow& raw) {
    sync::RowDecoder decoder{gateway};
    const auto first = decoder.decode(raw);
    const auto broken = decoder.broken_others();
    demand(broken == 0 || broken == 1, "one row is broken more than once");
    check_texts(first, most_bytes(raw));
    check_numbers(first);
    demand(first.kind == sync::Kind::error || first.latency_ms >= sync::kSlowMs ||
               (first.content.empty() && first.other.empty()),
           "texts of a row that is neither failed nor slow");

    sync::RawRow other;
    other.texts.back() = R"({"request_path":"/v1/x","frt":7,"status_code":429})";
    decoder.decode(other);
    const auto again = decoder.decode(raw);
    demand(values_of(first) == values_of(again), "a row reads otherwise after another one");
    demand(decoder.broken_others() == 2 * broken, "a row is broken only once");
}

}  // namespace quotafuse::fuzz
