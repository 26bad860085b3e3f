#include <doctest/doctest.h>

#include "sync/tally.h"

using namespace quotafuse::sync;

namespace {

Row answered() {
    Row row;
    row.kind = Kind::consume;
    row.prompt_tokens = 60;
    row.completion_tokens = 40;
    row.cache_tokens = 7;
    row.quota = 500;
    row.latency_ms = 3000;
    row.first_token_ms = 400;
    row.stream = true;
    return row;
}

Row failed(int status) {
    Row row;
    row.kind = Kind::error;
    row.status = status;
    row.latency_ms = 3000;
    return row;
}

}  // namespace

TEST_CASE("an answer counts as one, with its tokens, its quota and its times") {
    const Texts texts;
    const auto tally = tally_of(answered(), texts);
    REQUIRE(tally.has_value());
    CHECK(tally->answers == 1);
    CHECK(tally->errors + tally->client_errors + tally->empty_replies + tally->refund == 0);
    CHECK(tally->prompt_tokens == 60);
    CHECK(tally->completion_tokens == 40);
    CHECK(tally->cache_tokens == 7);
    CHECK(tally->quota == 500);
    CHECK(tally->latency_ms == 3000);
    CHECK(tally->first_token_ms == 400);
}

TEST_CASE("a retried answer has no times: they would include the channels that failed") {
    const Texts texts;
    auto row = answered();
    row.attempts = 2;
    const auto tally = tally_of(row, texts);
    CHECK(tally->answers == 1);
    CHECK(tally->quota == 500);
    CHECK(tally->latency_ms == LogEntry::kUnknown);
    CHECK(tally->first_token_ms == LogEntry::kUnknown);
}

TEST_CASE("a first token is one of a stream and took some time") {
    const Texts texts;
    auto row = answered();
    row.stream = false;
    CHECK(tally_of(row, texts)->first_token_ms == LogEntry::kUnknown);
    row.stream = true;
    row.first_token_ms = 0;
    CHECK(tally_of(row, texts)->first_token_ms == LogEntry::kUnknown);
    row.latency_ms = 0;  // less than a second, in whole seconds
    CHECK(tally_of(row, texts)->latency_ms == 0);
}

TEST_CASE("a reply is empty without completion and price, or when its stream broke off") {
    const Texts texts;
    auto row = answered();
    row.completion_tokens = 0;
    CHECK(tally_of(row, texts)->empty_replies == 0);  // an embedding
    row.quota = 0;
    CHECK(tally_of(row, texts)->empty_replies == 1);
    row.task = true;
    CHECK(tally_of(row, texts)->empty_replies == 0);
    CHECK(tally_of(row, texts)->answers == 1);
    row = answered();
    row.stream_end = StreamEnd::broken;
    CHECK(tally_of(row, texts)->empty_replies == 1);
    row.stream_end = StreamEnd::client_gone;
    CHECK(tally_of(row, texts)->empty_replies == 0);
}

TEST_CASE("an error is the channel's, but for those that the client made") {
    Texts texts;
    for (const int status : {0, 401, 403, 429, 500, 503}) {
        const auto tally = tally_of(failed(status), texts);
        CHECK(tally->errors == 1);
        CHECK(tally->client_errors == 0);
        CHECK(tally->latency_ms == LogEntry::kUnknown);
    }
    for (const int status : {400, 404, 413, 422}) {
        CHECK(tally_of(failed(status), texts)->client_errors == 1);
        CHECK(tally_of(failed(status), texts)->errors == 0);
    }
    auto blocked = failed(500);
    blocked.error_code = texts.add("prompt_blocked");
    CHECK(tally_of(blocked, texts)->client_errors == 1);
    auto hung_up = failed(500);
    hung_up.stream_end = StreamEnd::client_gone;
    CHECK(tally_of(hung_up, texts)->client_errors == 1);
}

TEST_CASE("a refund gives back money and is no request") {
    const Texts texts;
    auto row = answered();
    row.kind = Kind::refund;
    const auto tally = tally_of(row, texts);
    CHECK(tally->refund == 500);
    CHECK(tally->quota == 0);
    CHECK(tally->answers + tally->errors + tally->client_errors == 0);
    CHECK(tally->prompt_tokens + tally->completion_tokens == 0);
}

TEST_CASE("a channel test is no traffic, but it is billed") {
    const Texts texts;
    auto row = answered();
    row.channel_test = true;
    const auto tally = tally_of(row, texts);
    REQUIRE(tally.has_value());
    CHECK(tally->answers == 0);
    CHECK(tally->quota == 500);
    CHECK(tally->prompt_tokens == 60);
    CHECK(tally->latency_ms == LogEntry::kUnknown);
    auto failure = failed(500);
    failure.channel_test = true;
    CHECK_FALSE(tally_of(failure, texts).has_value());
}

TEST_CASE("chores of the gateway count for nothing") {
    const Texts texts;
    for (const auto kind : {Kind::other, Kind::test}) {
        auto row = answered();
        row.kind = kind;
        CHECK_FALSE(tally_of(row, texts).has_value());
    }
}
