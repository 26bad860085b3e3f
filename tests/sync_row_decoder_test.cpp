#include <map>

#include <doctest/doctest.h>

#include "sync/row_decoder.h"

using namespace quotafuse::sync;

namespace {

/// A raw row that keeps the texts its views point into.
class Raw {
public:
    Raw& with(Column column, std::int64_t value) {
        row_.numbers[static_cast<std::size_t>(column)] = value;
        return *this;
    }
    Raw& with(Column column, std::string text) {
        texts_[column] = std::move(text);
        row_.texts[static_cast<std::size_t>(column) - row_.numbers.size()] = texts_[column];
        return *this;
    }
    const RawRow& row() const { return row_; }

private:
    RawRow row_;
    std::map<Column, std::string> texts_;
};

LogEntry new_api(const Raw& raw) {
    return RowDecoder{Gateway::new_api}.decode(raw.row());
}
LogEntry one_api(const Raw& raw) {
    return RowDecoder{Gateway::one_api}.decode(raw.row());
}

}  // namespace

TEST_CASE("a billed stream of New API is read with all that its other tells") {
    const auto entry = new_api(
        Raw{}
            .with(Column::id, 7)
            .with(Column::created_at, 1'700'000'000)
            .with(Column::type, 2)
            .with(Column::user_id, 3)
            .with(Column::channel_id, 12)
            .with(Column::token_id, 9)
            .with(Column::quota, 1500)
            .with(Column::prompt_tokens, 100)
            .with(Column::completion_tokens, 50)
            .with(Column::use_time, 4)
            .with(Column::is_stream, 1)
            .with(Column::username, "alice")
            .with(Column::token_name, "k1")
            .with(Column::model_name, "gpt-4o")
            .with(Column::group, "vip")
            .with(Column::ip, "10.0.0.1")
            .with(Column::request_id, "2026…")
            .with(
                Column::other,
                R"({"admin_info":{"use_channel":["3","12"]},"cache_tokens":64,"frt":812.5,)"
                R"("request_path":"/v1/chat/completions","stream_status":{"end_reason":"done","status":"ok"}})"));
    CHECK(entry.kind == Kind::consume);
    CHECK(entry.created_at == 1'700'000'000);
    CHECK(entry.channel == 12);
    CHECK(entry.model == "gpt-4o");
    CHECK(entry.group == "vip");
    CHECK(entry.latency_ms == 4000);
    CHECK(entry.first_token_ms == 812);
    CHECK(entry.cache_tokens == 64);
    CHECK(entry.route == "/v1/chat/completions");
    CHECK(entry.attempts == 2);
    CHECK(entry.stream_end == StreamEnd::complete);
    CHECK(entry.request_id != 0);
    CHECK_FALSE(entry.channel_test);
}

TEST_CASE("a row of nothing but NULLs is a row") {
    RawRow empty;
    RowDecoder decoder{Gateway::new_api};
    const auto entry = decoder.decode(empty);
    CHECK(entry.kind == Kind::other);
    CHECK(entry.model.empty());
    CHECK(entry.latency_ms == LogEntry::kUnknown);
    CHECK(decoder.broken_others() == 0);
}

TEST_CASE("error rows give status and code, from other or from the text") {
    const auto entry =
        new_api(Raw{}
                    .with(Column::type, 5)
                    .with(Column::user_id, 1)
                    .with(Column::token_id, 4)
                    .with(Column::token_name, "k")
                    .with(Column::other, R"({"status_code":429,"error_code":"rate_limit"})"));
    CHECK(entry.kind == Kind::error);
    CHECK(entry.status == 429);
    CHECK(entry.error_code == "rate_limit");
    CHECK(entry.latency_ms == LogEntry::kUnknown);
    const auto old = new_api(Raw{}
                                 .with(Column::type, 5)
                                 .with(Column::user_id, 1)
                                 .with(Column::token_id, 4)
                                 .with(Column::content, "status_code=503, upstream is gone")
                                 .with(Column::other, R"({"error_code":1301})"));
    CHECK(old.status == 503);
    CHECK(old.error_code == "1301");
}

TEST_CASE("what cannot be read in other leaves its fields unknown and is counted once") {
    RowDecoder decoder{Gateway::new_api};
    const auto decode = [&](const char* other) {
        return decoder.decode(Raw{}.with(Column::type, 2).with(Column::other, other).row());
    };
    for (const auto* const fine :
         {"", "null", "{}", R"({"frt":-1000,"cache_tokens":"many","admin_info":7})"}) {
        const auto entry = decode(fine);
        CHECK(entry.first_token_ms == LogEntry::kUnknown);
        CHECK(entry.attempts == 1);
        CHECK(entry.cache_tokens == 0);
    }
    CHECK(decoder.broken_others() == 0);
    decode("{\"frt\":");
    decode("[1,2]");
    CHECK(decoder.broken_others() == 2);
}

TEST_CASE("channel tests, tasks and refunds are told from traffic") {
    CHECK(new_api(Raw{}.with(Column::type, 2).with(Column::token_name, "模型测试")).channel_test);
    CHECK(new_api(Raw{}.with(Column::type, 5).with(Column::user_id, 1).with(Column::other, "{}"))
              .channel_test);
    CHECK_FALSE(new_api(Raw{}
                            .with(Column::type, 5)
                            .with(Column::user_id, 1)
                            .with(Column::token_id, 2)
                            .with(Column::other, "{}"))
                    .channel_test);
    const auto task = new_api(Raw{}
                                  .with(Column::type, 2)
                                  .with(Column::use_time, 0)
                                  .with(Column::other, R"({"is_task":true})"));
    CHECK(task.task);
    CHECK(task.latency_ms == LogEntry::kUnknown);
    CHECK(new_api(Raw{}.with(Column::type, 6).with(Column::quota, 100)).kind == Kind::refund);
}

TEST_CASE("type 5 is a test in One API and in what New API inherited from it, an error otherwise") {
    CHECK(one_api(Raw{}.with(Column::type, 5)).kind == Kind::test);
    CHECK(new_api(Raw{}.with(Column::type, 5).with(Column::content, "渠道 x 测试成功")).kind ==
          Kind::test);
    CHECK(new_api(Raw{}.with(Column::type, 5).with(Column::user_id, 8).with(Column::token_id, 1))
              .kind == Kind::error);
}

TEST_CASE("One API's milliseconds and New API's seconds are both milliseconds afterwards") {
    CHECK(one_api(Raw{}.with(Column::type, 2).with(Column::elapsed_time, 1234)).latency_ms == 1234);
    CHECK(one_api(Raw{}.with(Column::type, 2).with(Column::elapsed_time, 0)).latency_ms ==
          LogEntry::kUnknown);
    CHECK(new_api(Raw{}.with(Column::type, 2).with(Column::use_time, 3)).latency_ms == 3000);
}

TEST_CASE("raw bytes of clients become valid UTF-8") {
    CHECK(new_api(Raw{}.with(Column::type, 2).with(Column::model_name, "gpt\xff")).model ==
          "gpt\xEF\xBF\xBD");
}

TEST_CASE("the texts of failed and slow requests are kept, cut before a character") {
    std::string text;
    while (text.size() < 5000) text += "错误 ";
    const auto failed = new_api(Raw{}
                                    .with(Column::type, 5)
                                    .with(Column::user_id, 1)
                                    .with(Column::token_id, 4)
                                    .with(Column::token_name, "k")
                                    .with(Column::content, text)
                                    .with(Column::other, text));
    CHECK(failed.content.size() <= 2000);
    CHECK(failed.content.size() > 1990);
    CHECK(failed.other.size() <= 4096);
    CHECK(failed.other.size() > 4086);
    CHECK(failed.content.ends_with("…"));
    const auto slow = [&](std::int64_t seconds) {
        return new_api(Raw{}
                           .with(Column::type, 2)
                           .with(Column::use_time, seconds)
                           .with(Column::content, "c\xff")
                           .with(Column::other, "{}"));
    };
    CHECK(slow(29).content.empty());
    CHECK(slow(29).other.empty());
    CHECK(slow(30).content == "c\xEF\xBF\xBD");
    CHECK(slow(30).other == "{}");
}

TEST_CASE("raw bytes in other spoil their own text only") {
    RowDecoder decoder{Gateway::new_api};
    const auto entry =
        decoder.decode(Raw{}
                           .with(Column::type, 2)
                           .with(Column::other, "{\"cache_tokens\":5,\"request_path\":\"/\xff\"}")
                           .row());
    CHECK(entry.cache_tokens == 5);
    CHECK(entry.route == "/\xEF\xBF\xBD");
    CHECK(decoder.broken_others() == 0);
}

TEST_CASE("an other of many megabytes is a fault of its row alone") {
    RowDecoder decoder{Gateway::new_api};
    const auto decode = [&](std::size_t size) {
        return decoder.decode(Raw{}
                                  .with(Column::type, 2)
                                  .with(Column::quota, 3)
                                  .with(Column::other, "{\"a\":\"" + std::string(size, 'x') +
                                                           "\",\"cache_tokens\":5}")
                                  .row());
    };
    CHECK(decode(3'000'000).cache_tokens == 5);
    CHECK(decode(6'000'000).cache_tokens == 0);
    CHECK(decode(6'000'000).quota == 3);
    CHECK(decode(10).cache_tokens == 5);
    CHECK(decoder.broken_others() == 2);
}
