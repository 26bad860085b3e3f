#include "daemon/outbox_page.h"

#include <cstdlib>
#include <optional>

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "daemon/api/inquiry.h"
#include "daemon/api/parameters.h"
#include "daemon/messages_json.h"

namespace quotafuse::daemon {
namespace {

using Json = nlohmann::ordered_json;
using State = notifiers::Filed::State;

constexpr std::int64_t kMostLetters = 200;
constexpr int kBusyTimeoutMs = 1000;

std::optional<State> state_of(const api::Parameters& parameters) {
    if (!parameters.text("state")) return std::nullopt;
    const auto name = parameters.choice("state", {"waiting", "delivered", "dead"});
    for (const auto state : {State::waiting, State::delivered, State::dead})
        if (name == state_name(state)) return state;
    std::abort();
}

notifiers::FiledQuery query_of(const HttpRequest& request) {
    const api::Parameters parameters{request, {"state", "limit", "cursor"}};
    const auto limit = parameters.whole_number("limit", 1, kMostLetters).value_or(kMostLetters);
    return {state_of(parameters), static_cast<std::size_t>(limit),
            parameters.whole_number("cursor", 1, INT64_MAX)};
}

Json label_of(const Json& dimension, const Json& id, const std::string& name) {
    return {{"dimension", dimension}, {"id", id}, {"name", name}};
}

/// What the breaker speaks of: a channel, a model and its channel, or a key.
void add_labels(Json& labels, const AlertObject::Tripped& tripped) {
    using circuit_breaker::Target;
    const auto& target = tripped.target;
    if (target.kind == Target::Kind::token) {
        labels.push_back(label_of("token", target.token == 0 ? Json(nullptr) : Json(target.token),
                                  tripped.name));
        return;
    }
    if (target.kind == Target::Kind::model)
        labels.push_back(label_of("model", nullptr, target.model));
    labels.push_back(label_of("channel", target.channel, tripped.name));
}

/// What the title is made from, for pages that say it in another language.
Json about_json(const std::string& alert) {
    const auto object = read_alert_object(alert);
    if (object.kind.empty()) return nullptr;
    auto labels = Json::array();
    for (const auto& [dimension, name] : object.labels)
        labels.push_back(
            label_of(dimension.empty() ? Json(nullptr) : Json(dimension), nullptr, name));
    if (object.rule.empty())
        for (const auto& one : object.tripped) add_labels(labels, one);
    return {{"kind", object.kind},
            {"rule", object.rule.empty() ? Json(nullptr) : Json(object.rule)},
            {"labels", std::move(labels)}};
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
        {"about", about_json(letter.alert)},
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
        return api::json_reply(body);
    } catch (const api::BadParameter& wrong) {
        return error_reply(400, wrong.message);
    } catch (const SQLite::Exception& e) {
        return error_reply(503, fmt::format("the store cannot be read: {}", e.what()));
    }
}

}  // namespace quotafuse::daemon
