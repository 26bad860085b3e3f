#include "daemon/silence_book.h"

#include <algorithm>

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/failure.h"
#include "daemon/silence_request.h"

namespace quotafuse::daemon {
namespace {

using alerts::Silence;
using Json = nlohmann::ordered_json;

Json to_answer(const Silence& silence) {
    return {{"id", silence.id},
            {"rule", silence.rule},
            {"match", match_text(silence.where)},
            {"from", base::unix_seconds(silence.from)},
            {"until", base::unix_seconds(silence.until)},
            {"reason", silence.reason},
            {"holds_actions", silence.holds_actions}};
}

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_of(const nlohmann::json& request, const char* name) {
    const auto at = request.find(name);
    if (at == request.end() || at->is_null()) return {};
    if (at->is_string()) return at->get<std::string>();
    throw base::Failure(base::ExitCode::usage, fmt::format("{} must be a text", name));
}

/// Runs a change of the store; its failure is told to the one who asked.
template <class Act>
void write(const Act& act) {
    try {
        act();
    } catch (const SQLite::Exception& e) {
        throw base::Failure(base::ExitCode::io_error,
                            fmt::format("the store cannot be written: {}", e.what()));
    }
}

}  // namespace

std::string silences_json(const std::vector<Silence>& silences) {
    auto list = Json::array();
    for (const auto& silence : silences) list.push_back(to_answer(silence));
    return dump(list);
}

SilenceBook::SilenceBook(Rooms rooms, base::TimeZone zone, const base::Clock& clock,
                         const base::Log& log)
    : rooms_(rooms), zone_(std::move(zone)), clock_(clock), log_(log) {}

/// The engine may be behind the clock; replay must see the same silences at the same seconds.
base::Second SilenceBook::next_second() const {
    return rooms_.engine.time() + base::Seconds{1};
}

void SilenceBook::use(std::vector<Silence> silences) {
    silences_ = std::move(silences);
    rooms_.engine.set_silences(silences_);
    rooms_.self_alerts.set_silences(silences_);
}

void SilenceBook::load() {
    use(alerts::load_silences(rooms_.database.handle(),
                              std::min(rooms_.engine.time(), clock_.now())));
}

void SilenceBook::expire() {
    const auto now = std::min(rooms_.engine.time(), clock_.now());
    auto left = silences_;
    std::erase_if(left, [&](const Silence& silence) {
        if (silence.until > now) return false;
        log_.info(fmt::format("silence {} of {} is over", silence.id, silence.rule));
        return true;
    });
    if (left.size() != silences_.size()) use(std::move(left));
}

std::string SilenceBook::add(const std::string& request_json) {
    const auto json = nlohmann::json::parse(request_json);
    SilenceRequest request;
    request.rule = text_of(json, "rule");
    request.match = text_of(json, "match");
    request.lasts = text_of(json, "for");
    request.until = text_of(json, "until");
    request.reason = text_of(json, "reason");
    request.no_action = json.value("no_action", false);
    auto silence = parse_silence(request, next_second(), clock_.now(), zone_);
    write([&] {
        base::WriteTransaction transaction{rooms_.database};
        silence.id = alerts::add_silence(rooms_.database, silence);
        transaction.commit();
    });
    auto all = silences_;
    all.push_back(silence);
    use(std::move(all));
    log_.info(fmt::format("silence {} of {}{} until {}{}: {}", silence.id, silence.rule,
                          silence.where.empty() ? "" : " " + match_text(silence.where),
                          zone_.format(silence.until), silence.holds_actions ? ", actions too" : "",
                          silence.reason));
    return dump(Json{{"silence", to_answer(silence)},
                     {"warnings", doubts(silence, rooms_.engine.rules())}});
}

std::string SilenceBook::list() const {
    const auto now = clock_.now();
    auto list = Json::array();
    for (const auto& silence : silences_) {
        if (silence.until > now) list.push_back(to_answer(silence));
    }
    return dump(Json{{"silences", list}});
}

std::string SilenceBook::end(const std::string& request_json) {
    const auto json = nlohmann::json::parse(request_json);
    const auto id = json.value("id", std::int64_t{0});
    const auto at = std::ranges::find(silences_, id, &Silence::id);
    if (at == silences_.end() || at->until <= clock_.now()) {
        throw base::Failure(
            base::ExitCode::usage,
            fmt::format("there is no silence {} (any more): `quotafuse silence list`", id));
    }
    auto ended = *at;
    ended.until = next_second();
    write([&] {
        base::WriteTransaction transaction{rooms_.database};
        alerts::end_silence(rooms_.database, id, ended.until);
        transaction.commit();
    });
    auto left = silences_;
    std::erase_if(left, [&](const Silence& silence) { return silence.id == id; });
    use(std::move(left));
    log_.info(fmt::format("silence {} of {} was ended", id, ended.rule));
    return dump(Json{{"silence", to_answer(ended)}});
}

}  // namespace quotafuse::daemon
