#include "sync/row_decoder.h"

#include <charconv>
#include <string>

#include <simdjson.h>

#include "base/text.h"

namespace quotafuse::sync {
namespace {

namespace json = simdjson::dom;

// Types of New API; One API shares 1 to 4 and uses 5 for channel tests.
constexpr std::int64_t kConsumeType = 2;
constexpr std::int64_t kErrorOrTestType = 5;
constexpr std::int64_t kRefundType = 6;

// Bytes of the texts that are kept.
constexpr std::size_t kMostContent = 2000;
constexpr std::size_t kMostOther = 4096;

// New API writes its successful channel tests as ordinary consume rows of a key with this name.
constexpr std::string_view kChannelTestName = "模型测试";

/// FNV-1a: stable across versions and machines, as stored data must be.
std::uint64_t hash_of(std::string_view text) {
    if (text.empty()) return 0;
    std::uint64_t hash = 14695981039346656037ULL;
    for (const char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 1099511628211ULL;
    }
    return hash;
}

std::string text_of(json::element value) {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) return std::string{text};
    std::int64_t number = 0;  // before 2025-07 some codes were numbers
    if (value.get(number) == simdjson::SUCCESS) return std::to_string(number);
    return {};
}

std::string text_at(json::object object, std::string_view key) {
    json::element value;
    return object[key].get(value) == simdjson::SUCCESS ? text_of(value) : std::string{};
}

std::int64_t integer_at(json::object object, std::string_view key, std::int64_t fallback) {
    json::element value;
    if (object[key].get(value) != simdjson::SUCCESS) return fallback;
    std::int64_t number = 0;
    if (value.get(number) == simdjson::SUCCESS) return number;
    double real = 0;
    if (value.get(real) != simdjson::SUCCESS || !(real > -9e15 && real < 9e15)) return fallback;
    return static_cast<std::int64_t>(real);
}

bool flag_at(json::object object, std::string_view key) {
    bool value = false;
    return object[key].get(value) == simdjson::SUCCESS && value;
}

StreamEnd stream_end_of(json::object other) {
    json::object status;
    if (other["stream_status"].get(status) != simdjson::SUCCESS) return StreamEnd::unknown;
    if (text_at(status, "end_reason") == "client_gone") return StreamEnd::client_gone;
    return text_at(status, "status") == "error" ? StreamEnd::broken : StreamEnd::complete;
}

int attempts_of(json::object other) {
    json::array tried;
    if (other["admin_info"]["use_channel"].get(tried) != simdjson::SUCCESS) return 1;
    return static_cast<int>(std::min<std::size_t>(std::max<std::size_t>(tried.size(), 1), 1000));
}

/// Error rows since 2026-01 begin with "status_code=429, …"; the `other` of some has no status.
int status_in_content(std::string_view content) {
    constexpr std::string_view kPrefix = "status_code=";
    if (!content.starts_with(kPrefix)) return 0;
    content.remove_prefix(kPrefix.size());
    int status = 0;
    std::from_chars(content.data(), content.data() + content.size(), status);
    return status >= 100 && status < 600 ? status : 0;
}

Kind new_api_kind(const RawRow& raw) {
    switch (raw.number(Column::type)) {
        case kConsumeType:
            return Kind::consume;
        case kRefundType:
            return Kind::refund;
        case kErrorOrTestType:
            // A database that was moved from One API keeps its old test rows, which are no errors.
            return raw.text(Column::other).empty() && raw.number(Column::user_id) == 0
                       ? Kind::test
                       : Kind::error;
        default:
            return Kind::other;
    }
}

Kind one_api_kind(const RawRow& raw) {
    switch (raw.number(Column::type)) {
        case kConsumeType:
            return Kind::consume;
        case kErrorOrTestType:
            return Kind::test;
        default:
            return Kind::other;
    }
}

/// New API's failed channel tests are error rows of no key and no request.
bool is_channel_test(Kind kind, const RawRow& raw) {
    if (kind == Kind::test || raw.text(Column::token_name) == kChannelTestName) return true;
    return kind == Kind::error && raw.number(Column::token_id) == 0 &&
           raw.text(Column::token_name).empty() && raw.text(Column::request_id).empty();
}

/// One API bills speech by its quota and writes that in the place of the tokens. A row of New API
/// has a key's id; what it inherited from One API has none, so the rule holds in both.
bool is_quota_in_place_of_tokens(const RawRow& raw) {
    const auto model = raw.text(Column::model_name);
    return raw.number(Column::type) == kConsumeType && raw.number(Column::token_id) == 0 &&
           raw.number(Column::quota) == raw.number(Column::prompt_tokens) &&
           raw.number(Column::completion_tokens) == 0 && raw.number(Column::elapsed_time) == 0 &&
           raw.number(Column::use_time) == 0 &&
           (model.starts_with("whisper") || model.starts_with("tts"));
}

/// New API stores whole seconds, One API milliseconds, where 0 means "not measured"; a database
/// that was moved from the one to the other has both.
std::int64_t latency_of(Gateway gateway, const LogEntry& entry, const RawRow& raw) {
    if (entry.task || (entry.kind != Kind::consume && entry.kind != Kind::error))
        return LogEntry::kUnknown;
    const auto ms = raw.number(Column::elapsed_time);
    if (ms > 0) return ms;
    if (gateway == Gateway::one_api) return LogEntry::kUnknown;
    const auto seconds = raw.number(Column::use_time);
    // Before 2026-02 every error row said 0; so do rows that come from One API, which name no key
    // and have no `other`.
    const bool inherited = entry.token == 0 && raw.text(Column::other).empty();
    if (seconds < 0 || (seconds == 0 && (entry.kind == Kind::error || inherited)))
        return LogEntry::kUnknown;
    return std::min<std::int64_t>(seconds, 10'000'000) * 1000;
}

/// The beginning of a client's or supplier's text, of at most `limit` bytes.
std::string start_of(std::string_view text, std::size_t limit) {
    // What lies beyond is cut anyway; valid_utf8 makes no text shorter.
    return base::cut_bytes(base::valid_utf8(text.substr(0, limit + 8)), limit);
}

}  // namespace

struct RowDecoder::Json {
    /// Parses text that is read until the next call. A gateway's `other` is some hundred bytes; one
    /// of megabytes is refused, and the memory for one of many kilobytes given back.
    simdjson::error_code parse(std::string_view text, json::object& object) {
        constexpr std::size_t kMost = std::size_t{4} << 20;
        constexpr std::size_t kUsual = std::size_t{64} << 10;
        if (parser.capacity() > kUsual) parser = json::parser{kMost};
        auto error = parser.parse(text.data(), text.size()).get(object);
        if (error != simdjson::UTF8_ERROR) return error;
        const auto valid = base::valid_utf8(text);
        return parser.parse(valid.data(), valid.size()).get(object);
    }
    json::parser parser{std::size_t{4} << 20};
};

RowDecoder::RowDecoder(Gateway gateway) : gateway_(gateway), json_(std::make_unique<Json>()) {}
RowDecoder::~RowDecoder() = default;

LogEntry RowDecoder::decode(const RawRow& raw) {
    LogEntry entry;
    entry.id = raw.number(Column::id);
    entry.created_at = raw.created_at();
    entry.kind = gateway_ == Gateway::new_api ? new_api_kind(raw) : one_api_kind(raw);
    entry.user = raw.number(Column::user_id);
    entry.token = raw.number(Column::token_id);
    entry.channel = raw.number(Column::channel_id);
    entry.username = base::valid_utf8(raw.text(Column::username));
    entry.token_name = base::valid_utf8(raw.text(Column::token_name));
    entry.model = base::valid_utf8(raw.text(Column::model_name));
    entry.group = base::valid_utf8(raw.text(Column::group));
    entry.ip = base::valid_utf8(raw.text(Column::ip));
    entry.quota = raw.number(Column::quota);
    if (!is_quota_in_place_of_tokens(raw)) entry.prompt_tokens = raw.number(Column::prompt_tokens);
    entry.completion_tokens = raw.number(Column::completion_tokens);
    entry.stream = raw.number(Column::is_stream) != 0;
    entry.request_id = hash_of(raw.text(Column::request_id));
    entry.channel_test = is_channel_test(entry.kind, raw);
    read_other(raw.text(Column::other), entry);
    if (entry.kind == Kind::error && entry.status == 0) {
        entry.status = status_in_content(raw.text(Column::content));
    }
    entry.latency_ms = latency_of(gateway_, entry, raw);
    if (entry.kind == Kind::error || entry.latency_ms >= kSlowMs) {
        entry.content = start_of(raw.text(Column::content), kMostContent);
        entry.other = start_of(raw.text(Column::other), kMostOther);
    }
    return entry;
}

void RowDecoder::read_other(std::string_view other, LogEntry& entry) {
    if (other.empty() || other == "null") return;
    json::object object;
    if (json_->parse(other, object) != simdjson::SUCCESS) {
        ++broken_others_;
        return;
    }
    entry.route = base::valid_utf8(text_at(object, "request_path"));
    entry.cache_tokens = std::max<std::int64_t>(integer_at(object, "cache_tokens", 0), 0);
    // The row that settles a task names it without the flag.
    entry.task = flag_at(object, "is_task") || !text_at(object, "task_id").empty();
    entry.attempts = attempts_of(object);
    entry.stream_end = stream_end_of(object);
    // -1000 is written for "no first token was seen".
    const auto first_token = integer_at(object, "frt", LogEntry::kUnknown);
    if (entry.stream && first_token > 0) entry.first_token_ms = first_token;
    if (entry.kind == Kind::error) {
        const auto status = integer_at(object, "status_code", 0);
        entry.status = status >= 100 && status < 600 ? static_cast<int>(status) : 0;
        entry.error_code = base::valid_utf8(text_at(object, "error_code"));
    }
}

}  // namespace quotafuse::sync
