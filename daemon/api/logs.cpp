#include "daemon/api/logs.h"

#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "base/text.h"
#include "daemon/api/coverage.h"
#include "daemon/api/log_json.h"
#include "daemon/api/span.h"
#include "daemon/api/traffic.h"
#include "daemon/api/traffic_pages.h"

namespace quotafuse::daemon::api {
namespace {

constexpr auto kHighest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMostRows = 200;
constexpr std::size_t kMostSearched = 100;  // bytes
constexpr int kDeepest = 60;                // of `other`: what is deeper is told as text

/// "1767571200-42", of two numbers from 0 on.
std::optional<std::pair<std::int64_t, std::int64_t>> two_numbers(std::string_view text) {
    const auto dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto number = [](std::string_view digits) -> std::optional<std::int64_t> {
        std::int64_t value = 0;
        const auto* const end = digits.data() + digits.size();
        const auto [stop, error] = std::from_chars(digits.data(), end, value);
        if (error != std::errc{} || stop != end || value < 0) return std::nullopt;
        return value;
    };
    const auto first = number(text.substr(0, dash));
    const auto second = number(text.substr(dash + 1));
    if (!first || !second) return std::nullopt;
    return std::pair{*first, *second};
}

std::optional<sync::Kind> kind_of(const Parameters& parameters) {
    if (!parameters.text("kind")) return std::nullopt;
    const auto kind = parameters.choice("kind", {"answer", "error", "refund"});
    if (kind == "answer") return sync::Kind::consume;
    return kind == "error" ? sync::Kind::error : sync::Kind::refund;
}

Json totals_json(const Inquiry& inquiry, const LogRequest& request) {
    // What matches the words is not known before all texts are read.
    if (!request.question.search.empty()) return nullptr;
    const auto& question = request.question;
    const Span span{question.from, question.until};
    const auto table = traffic_by(inquiry, By::all, {question.of, request.matches_nothing}, span);
    auto json = sums_json(inquiry, sum_of(table));
    json.update(coverage_json(table, span));
    return json;
}

/// Whether the gateway's table is still the one that the row was in.
bool is_present(const Inquiry& inquiry, std::int64_t epoch) {
    SQLite::Statement query{inquiry.database(), "SELECT epoch FROM position"};
    return query.executeStep() && query.getColumn(0).getInt64() == epoch;
}

bool is_deep(std::string_view text) {
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && quoted)
            ++i;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && (text[i] == '{' || text[i] == '['))
            ++depth;
        else if (!quoted && (text[i] == '}' || text[i] == ']'))
            --depth;
        if (depth > kDeepest) return true;
    }
    return false;
}

/// What the gateway wrote, as JSON where it is some. Of a long one only a part is kept.
Json other_json(const std::string& other) {
    if (other.empty()) return nullptr;
    if (!is_deep(other)) {
        auto json = Json::parse(other, nullptr, false);
        if (!json.is_discarded()) return json;
    }
    return base::valid_utf8(other);
}

void add_texts(Json& json, const GatewayTexts& texts) {
    const bool found = texts.from == GatewayTexts::From::gateway;
    json["content"] = found ? Json(base::valid_utf8(texts.content)) : Json(nullptr);
    json["other"] = found ? other_json(texts.other) : Json(nullptr);
    json["from"] = found                                    ? "gateway"
                   : texts.from == GatewayTexts::From::gone ? "gone"
                                                            : "unavailable";
    json["why"] = texts.why;
}

}  // namespace

LogRequest log_request_of(const Parameters& parameters, const Inquiry& inquiry) {
    auto filter = filter_of(parameters, inquiry);
    const auto span = span_of(parameters, inquiry.now(), inquiry.zone());
    LogRequest request;
    request.matches_nothing = filter.matches_nothing;
    auto& question = request.question;
    question.of = std::move(filter.of);
    question.of.kind = kind_of(parameters);
    question.of.least_latency_ms = parameters.whole_number("slow_ms", 0, 86'400'000);
    question.from = span.from;
    question.until = span.until;
    question.search = parameters.words("search", kMostSearched).value_or("");
    return request;
}

Json logs(const Inquiry& inquiry) {
    const Parameters parameters{
        inquiry.request(),
        {"window", "from", "to", "slow_ms", "kind", "search", "limit", "cursor"},
        kFilters};
    auto request = log_request_of(parameters, inquiry);
    request.question.most =
        static_cast<std::size_t>(parameters.whole_number("limit", 1, kMostRows).value_or(100));
    const auto cursor = parameters.text("cursor");
    if (cursor) {
        const auto numbers = two_numbers(*cursor);
        if (!numbers) throw BadParameter{"cursor must be a next_cursor of a page before"};
        request.question.after = sync::LogCursor{numbers->first, numbers->second};
    }
    sync::LogPage page;
    page.searched_to = base::unix_seconds(request.question.from);
    if (!request.matches_nothing) page = sync::LogPages{inquiry.database()}.page(request.question);
    auto rows = Json::array();
    for (const auto& row : page.rows) rows.push_back(log_json(inquiry, row));
    return {
        {"from", base::unix_seconds(request.question.from)},
        {"to", base::unix_seconds(request.question.until)},
        {"currency", currency_json(inquiry)},
        {"rows", std::move(rows)},
        {"next_cursor", page.next ? Json(fmt::format("{}-{}", page.next->created_at, page.next->id))
                                  : Json(nullptr)},
        {"searched_to", page.searched_to},
        // Of the whole filter, so the first page tells them.
        {"totals", cursor ? Json(nullptr) : totals_json(inquiry, request)}};
}

HttpReply log_entry(const Sources& sources, const AskGateway& ask, const HttpRequest& request) {
    const auto wanted = two_numbers(std::string_view{request.path}.substr(kLogEntryPath.size()));
    if (!wanted || wanted->first > (kHighest >> sync::kEpochShift) ||
        wanted->second > sync::kHighestId)
        return error_reply(404, "an entry is called EPOCH-ID, as in 0-12345");
    const auto epoch = wanted->first;
    const auto id = wanted->second;
    Json json;
    sync::Row found;
    bool kept = false;
    bool present = false;  // of the table that the gateway has now
    auto reply = answer(sources, request, [&](const Inquiry& inquiry) {
        const Parameters parameters{request, {}};
        const sync::LogPages pages{inquiry.database()};
        const auto row = pages.row(sync::row_id(epoch, id));
        if (!row) return Json(nullptr);
        found = *row;
        present = is_present(inquiry, epoch);
        json = log_json(inquiry, *row);
        if (const auto texts = pages.texts(row->id)) {
            kept = true;
            add_texts(json, {GatewayTexts::From::gateway, texts->content, texts->other, {}});
            json["from"] = "store";
        }
        return json;
    });
    if (reply.status != 200 || kept) return reply;
    if (json.is_null())
        return error_reply(404, "no such row is kept; its time may be over, see store.keep");
    // Without a snapshot of the store: the gateway may take its time.
    GatewayTexts texts;
    texts.why = "texts are kept of failed and slow requests only";
    if (!present) {
        texts.from = GatewayTexts::From::gone;
        texts.why = "the gateway has another table since";
    } else if (ask) {
        texts = ask(found);
    }
    add_texts(json, texts);
    return json_reply(json);
}

}  // namespace quotafuse::daemon::api
