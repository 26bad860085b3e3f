#include "circuit_breaker/gateway_channel.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "circuit_breaker/channel_tables.h"
#include "circuit_breaker/other_info.h"
#include "sync/gateway_info.h"

namespace quotafuse::circuit_breaker {
namespace {

using Kind = TripResult::Kind;
using sync::GatewayError;
using Json = nlohmann::ordered_json;

/// A deadlock with the gateway, or a change of other_info while the channel stays on, is no
/// verdict.
constexpr int kTries = 3;

/// What one look at the gateway's tables saw.
struct View {
    ChannelRow channel;
    std::vector<Ability> abilities;  // of all channels, for the pairs that this one serves

    std::vector<Ability> lit(std::int64_t id) const {
        std::vector<Ability> own;
        std::ranges::copy_if(abilities, std::back_inserter(own), [id](const Ability& ability) {
            return ability.channel == id && ability.enabled;
        });
        return own;
    }
};

std::string to_text(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json status_json(int status, const sync::Cell& other_info) {
    return {{"status", status}, {"other_info", other_info ? Json(*other_info) : Json()}};
}

std::string before_image(const View& view, std::int64_t channel) {
    auto json = status_json(view.channel.status, view.channel.other_info);
    json["abilities"] = Json::array();
    for (const auto& [group, model, id, enabled, on] : view.abilities) {
        if (id != channel) continue;
        json["abilities"].push_back({{"group", group}, {"model", model}, {"enabled", enabled}});
    }
    return to_text(json);
}

TripResult make_result(const TripRequest& request, Kind kind, TripCause cause) {
    TripResult result;
    result.kind = kind;
    result.request = request;
    explain(result, std::move(cause));
    return result;
}

TripCause because_last(TripCause::Kind kind, const Dark& dark, std::string detail = {}) {
    TripCause cause{.kind = kind, .pairs = dark.used, .detail = std::move(detail)};
    for (auto& used : cause.pairs) used.pair = base::valid_utf8(used.pair);
    return cause;
}

/// Whether it may go better in a moment, without a person.
bool passes(const GatewayError& e) {
    return e.kind() == GatewayError::Kind::unreachable || e.kind() == GatewayError::Kind::stalled ||
           e.kind() == GatewayError::Kind::locked;
}

TripResult failure(const TripRequest& request, const GatewayError& e) {
    const bool denied = e.kind() == GatewayError::Kind::denied;
    auto result =
        make_result(request, Kind::failed,
                    {.kind = denied ? TripCause::Kind::no_grant : TripCause::Kind::gateway,
                     .detail = e.what()});
    result.try_again = passes(e);
    return result;
}

/// Whether the row tells that this request was carried out.
bool is_ours(const TripRequest& request, const ChannelRow& row) {
    if (row.status != kDisabledByHand && row.status != kDisabledAutomatically) return false;
    if (request.gateway == sync::Gateway::new_api)
        return trip_mark(row.other_info) == request.trip_id;
    // One API has no place for a mark: an order of ours that may have been carried out decides.
    return request.resumed && row.status == kDisabledAutomatically;
}

TripResult done_before(const TripRequest& request, const ChannelRow& row) {
    auto result = make_result(request, Kind::tripped, {});
    result.channel_name = base::valid_utf8(row.name);
    result.status_written = row.status;
    result.after = to_text(status_json(row.status, row.other_info));
    return result;
}

class Trip {
public:
    Trip(sync::GatewaySession& session, const TripRequest& request, const Guard& guard,
         base::Second now)
        : session_(session),
          tables_(session, request.gateway),
          request_(request),
          guard_(guard),
          now_(now) {}

    TripResult run(const std::string& database) {
        prepare(database);
        return request_.mode == Mode::live ? live() : shadow();
    }

private:
    void prepare(const std::string& database);
    TripResult shadow();
    TripResult live();
    std::optional<TripResult> attempt();
    std::optional<View> look(Lock lock);
    std::optional<TripResult> judge(const std::optional<View>& view);
    bool write(const View& view);
    TripResult after_lost_commit(const View& view, const GatewayError& e);
    TripResult check_again(const View& view);
    TripResult undo(const View& view, const Dark& dark);
    TripResult result(Kind kind, TripCause cause) const;
    TripResult success(Kind kind, const View& view) const;
    Dark dark_now(const View& before, const std::vector<Ability>& abilities) const {
        return find_dark(request_.channel, before.lit(request_.channel), abilities, guard_);
    }

    sync::GatewaySession& session_;
    ChannelTables tables_;
    const TripRequest& request_;
    const Guard& guard_;
    base::Second now_;
    int status_ = kDisabledAutomatically;
    TripCause note_;
    std::string name_;
    sync::Cell written_info_;
    Dark dark_;
};

void Trip::prepare(const std::string& database) {
    const auto option = sync::read_option(session_, database, "AutomaticEnableChannelEnabled");
    const bool auto_enable = !option.readable || option.value == "true";
    if (tables_.new_api()) {
        status_ = auto_enable ? kDisabledByHand : kDisabledAutomatically;
    } else if (option.value == "true") {
        note_.kind = TripCause::Kind::may_come_back;
    }
}

TripResult Trip::result(Kind kind, TripCause cause) const {
    auto made = make_result(request_, kind, std::move(cause));
    made.channel_name = name_;
    return made;
}

TripResult Trip::success(Kind kind, const View& view) const {
    auto made = result(kind, note_);
    made.status_written = status_;
    for (const auto& used : dark_.used) made.dark_models.push_back(base::valid_utf8(used.pair));
    for (const auto& pair : dark_.unused) made.unused_dark.push_back(base::valid_utf8(pair));
    made.before = before_image(view, request_.channel);
    if (kind == Kind::tripped) made.after = to_text(status_json(status_, written_info_));
    return made;
}

std::optional<View> Trip::look(Lock lock) {
    View view;
    // Abilities first: the lock must be held before anything is judged.
    view.abilities = tables_.read_abilities(request_.channel, lock);
    auto row = tables_.read(request_.channel, Lock::no);
    if (!row) return {};
    view.channel = std::move(*row);
    name_ = base::valid_utf8(view.channel.name);
    return view;
}

/// The verdict where nothing is to be written; empty when the channel may be disabled.
std::optional<TripResult> Trip::judge(const std::optional<View>& view) {
    if (!view) return result(Kind::refused, {TripCause::Kind::no_channel});
    const auto& row = view->channel;
    if (is_ours(request_, row)) return done_before(request_, row);
    if (row.status != kEnabled)
        return result(Kind::already_off, {TripCause::Kind::was_off, row.status});
    if (trip_mark(row.other_info) == request_.trip_id)
        return result(Kind::lost_race, {TripCause::Kind::enabled_again});
    if (!row.auto_ban) return result(Kind::refused, {TripCause::Kind::auto_ban_off});
    dark_ = dark_now(*view, view->abilities);
    if (!dark_.used.empty() && !request_.even_if_last)
        return result(Kind::refused, because_last(TripCause::Kind::last_usable, dark_));
    return {};
}

TripResult Trip::shadow() {
    const auto view = look(Lock::no);
    if (auto verdict = judge(view)) return *verdict;
    return success(Kind::would_trip, *view);
}

TripResult Trip::live() {
    tables_.limit_lock_waits();
    for (int tries = 1;; ++tries) {
        try {
            if (auto verdict = attempt()) return *verdict;
        } catch (const GatewayError& e) {
            const bool in_the_way = e.kind() == GatewayError::Kind::rejected ||  // a deadlock
                                    e.kind() == GatewayError::Kind::locked;
            if (!in_the_way || tries == kTries) throw;
            continue;
        }
        if (tries < kTries) continue;
        return result(Kind::lost_race, {TripCause::Kind::kept_changing});
    }
}

/// One transaction; empty when the channel changed under it and is worth another look.
std::optional<TripResult> Trip::attempt() {
    std::optional<View> view;
    {
        GatewayTransaction transaction{session_};
        view = look(Lock::yes);
        if (auto verdict = judge(view)) return verdict;
        if (!write(*view)) return {};
        try {
            transaction.commit();
        } catch (const GatewayError& e) {
            return after_lost_commit(*view, e);
        }
    }
    return check_again(*view);
}

bool Trip::write(const View& view) {
    if (tables_.new_api()) {
        written_info_ = with_trip(view.channel.other_info, request_.trip_id, request_.reason,
                                  base::unix_seconds(now_));
    }
    if (!tables_.set_status(request_.channel, view.channel, status_, written_info_)) {
        return false;
    }
    tables_.disable_abilities(request_.channel);
    return true;
}

/// Reads the row under a lock: a commit that is still on its way at the server is then over.
TripResult Trip::after_lost_commit(const View& view, const GatewayError& e) {
    try {
        const auto row = tables_.read(request_.channel, Lock::yes);
        auto asked = request_;
        asked.resumed = true;
        if (row && is_ours(asked, *row)) return check_again(view);
        return failure(request_, e);
    } catch (const GatewayError& second) {
        auto unknown = success(Kind::unknown, view);
        explain(
            unknown,
            {.kind = TripCause::Kind::lost_commit, .detail = e.what(), .unread = second.what()});
        unknown.try_again = passes(second);
        return unknown;
    }
}

/// The other channel of a pair may have been disabled between our look and our commit.
TripResult Trip::check_again(const View& view) {
    try {
        const auto dark = dark_now(view, tables_.read_abilities(request_.channel, Lock::no));
        if (dark.used.empty() || request_.even_if_last) {
            dark_ = dark;
            return success(Kind::tripped, view);
        }
        return undo(view, dark);
    } catch (const GatewayError& e) {
        auto tripped = success(Kind::tripped, view);
        explain(tripped, {.kind = TripCause::Kind::not_checked_again, .detail = e.what()});
        return tripped;
    }
}

TripResult Trip::undo(const View& view, const Dark& dark) {
    const ChannelRow ours{.name = "", .status = status_, .other_info = written_info_};
    try {
        GatewayTransaction transaction{session_};
        if (!tables_.set_status(request_.channel, ours, kEnabled, view.channel.other_info)) {
            return result(Kind::lost_race, because_last(TripCause::Kind::changed_meanwhile, dark));
        }
        tables_.restore_abilities(request_.channel, view.abilities);
        transaction.commit();
        return result(Kind::refused, because_last(TripCause::Kind::undone, dark));
    } catch (const GatewayError& e) {
        dark_ = dark;
        auto tripped = success(Kind::tripped, view);
        explain(tripped, because_last(TripCause::Kind::not_undone, dark, e.what()));
        return tripped;
    }
}

}  // namespace

TripResult trip_channel(sync::GatewaySession& session, const std::string& database,
                        const TripRequest& request, const Guard& guard, base::Second now) {
    if (request.mode == Mode::off)
        return make_result(request, Kind::refused, {TripCause::Kind::off});
    try {
        return Trip{session, request, guard, now}.run(database);
    } catch (const GatewayError& e) {
        return failure(request, e);
    }
}

std::optional<TripResult> find_trip(sync::GatewaySession& session, const TripRequest& request) {
    ChannelTables tables{session, request.gateway};
    const auto row = tables.read(request.channel, Lock::no);
    if (!row || !is_ours(request, *row)) return {};
    return done_before(request, *row);
}

}  // namespace quotafuse::circuit_breaker
