#include "daemon/outbox_page.h"

#include <charconv>
#include <optional>

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace quotafuse::daemon {
namespace {

using Json = nlohmann::ordered_json;
using State = notifiers::Filed::State;

constexpr std::int64_t kMostLetters = 200;
constexpr int kBusyTimeoutMs = 1000;

/// What is wrong with a request, for its reply.
struct BadParameter {
    std::string message;
};

/// Empty where it is absent; a parameter that comes twice is as wrong as one of no sense.
std::optional<std::string> only(const HttpRequest& request, const std::string& name) {
    const auto [first, last] = request.query.equal_range(name);
    if (first == last) return std::nullopt;
    if (std::next(first) != last)
        throw BadParameter{fmt::format("{} is given more than once", name)};
    return first->second;
}

std::optional<std::int64_t> whole_number(const HttpRequest& request, const std::string& name,
                                         std::int64_t least, std::int64_t most) {
    const auto text = only(request, name);
    if (!text) return std::nullopt;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc{} || end != text->data() + text->size() || number < least ||
        number > most) {
        throw BadParameter{
            fmt::format("{} must be a whole number from {} to {}", name, least, most)};
    }
    return number;
}

std::optional<State> state_of(const HttpRequest& request) {
    const auto text = only(request, "state");
    if (!text) return std::nullopt;
    for (const auto state : {State::waiting, State::delivered, State::dead})
        if (*text == state_name(state)) return state;
    throw BadParameter{"state must be waiting, delivered or dead"};
}

notifiers::FiledQuery query_of(const HttpRequest& request) {
    for (const auto& [name, value] : request.query)
        if (name != "state" && name != "limit" && name != "cursor")
            throw BadParameter{"the parameters are state, limit and cursor"};
    const auto limit = whole_number(request, "limit", 1, kMostLetters).value_or(kMostLetters);
    return {state_of(request), static_cast<std::size_t>(limit),
            whole_number(request, "cursor", 1, INT64_MAX)};
}

}  // namespace

std::string_view state_name(State state) {
    switch (state) {
        case State::waiting:
            return "waiting";
        case State::delivered:
            return "delivered";
        case State::dead:
            return "dead";
    }
    std::abort();
}

Json to_json(const notifiers::Filed& letter) {
    return {
        {"id", letter.id},
        {"event_id", letter.event_id},
        {"notifier", letter.notifier},
        {"title", letter.title},
        {"state", state_name(letter.state)},
        {"put_at", base::unix_seconds(letter.put_at)},
        {"ended_at", letter.ended_at ? Json(base::unix_seconds(*letter.ended_at)) : Json(nullptr)},
        {"attempts", letter.attempts},
        {"error", letter.error},
        {"sent_with", letter.sent_with ? Json(*letter.sent_with) : Json(nullptr)}};
}

HttpReply answer_outbox(const std::string& store, const HttpRequest& request) {
    try {
        auto query = query_of(request);
        const auto limit = query.most++;  // one more tells whether there are more
        SQLite::Database db{store, SQLite::OPEN_READONLY, kBusyTimeoutMs};
        auto letters = notifiers::filed(db, query);
        const bool more = letters.size() > limit;
        if (more) letters.pop_back();
        auto list = Json::array();
        for (const auto& letter : letters) list.push_back(to_json(letter));
        const Json body{{"letters", std::move(list)},
                        {"next_cursor", more ? Json(letters.back().id) : Json(nullptr)}};
        return {.content_type = "application/json",
                .body = body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
    } catch (const BadParameter& wrong) {
        return error_reply(400, wrong.message);
    } catch (const SQLite::Exception& e) {
        return error_reply(503, fmt::format("the store cannot be read: {}", e.what()));
    }
}

}  // namespace quotafuse::daemon
