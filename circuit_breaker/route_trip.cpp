#include "circuit_breaker/route_trip.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"

namespace quotafuse::circuit_breaker {

using Kind = TripResult::Kind;
using sync::GatewayError;

TripCause because_last(TripCause::Kind kind, const Dark& dark, std::string detail) {
    TripCause cause{
        .kind = kind, .pairs = dark.used, .detail = std::move(detail), .traffic = dark.traffic};
    for (auto& used : cause.pairs) used.pair = base::valid_utf8(used.pair);
    return cause;
}

std::vector<Ability> RouteTrip::own(const View& view) const {
    std::vector<Ability> rows;
    std::ranges::copy_if(view.abilities, std::back_inserter(rows), [&](const Ability& ability) {
        return ability.channel == channel() && (!model_ || ability.model == *model_);
    });
    return rows;
}

std::vector<Ability> RouteTrip::read_abilities(Lock lock) {
    return model_ ? tables_.read_abilities(channel(), *model_, lock)
                  : tables_.read_abilities(channel(), lock);
}

std::optional<RouteTrip::View> RouteTrip::look(Lock lock, Lock row_lock) {
    View view;
    // Abilities first: the lock must be held before anything is judged.
    view.abilities = read_abilities(lock);
    auto row = tables_.read(channel(), row_lock);
    if (!row) return {};
    view.channel = std::move(*row);
    read_more(view);
    name_ = base::valid_utf8(view.channel.name);
    return view;
}

std::optional<TripResult> RouteTrip::judge(Lock lock) {
    auto view = look(lock);
    if (!view) return result(Kind::refused, {TripCause::Kind::no_channel});
    before_ = std::move(*view);
    const auto& row = before_.channel;
    if (is_done(before_, request_.resumed)) return done(before_);
    if (row.status != kEnabled)
        return result(Kind::already_off, {TripCause::Kind::was_off, row.status});
    if (auto verdict = judge_own(before_)) return verdict;
    if (!row.auto_ban) return result(Kind::refused, {TripCause::Kind::auto_ban_off});
    const auto dark = find_dark(channel(), lit(before_), before_.abilities, guard_);
    now_ = before_.abilities;
    if (!dark.used.empty() && !request_.even_if_last)
        return result(Kind::refused, because_last(TripCause::Kind::last_usable, dark));
    if (const auto other = find_settling(channel(), lit(before_), before_.abilities, guard_))
        return result(Kind::refused, {TripCause::Kind::settling, *other});
    return {};
}

std::optional<TripResult> RouteTrip::done_before(Lock lock, bool resumed) {
    // The row is what our transaction wrote first and ends with.
    if (lock == Lock::yes && !tables_.read(channel(), lock)) return {};
    const auto view = look(Lock::no);
    if (!view || !is_done(*view, resumed)) return {};
    return done(*view);
}

TripResult RouteTrip::done(const View& view) const {
    auto made = result(Kind::tripped, {});
    describe_done(made, view);
    return made;
}

TripResult RouteTrip::success(Kind kind) {
    auto made = result(kind, note_);
    // Told is what nobody serves; refused is, to be careful, where only such as fail would.
    const auto told = find_dark(channel(), lit(before_), now_,
                                Guard{.served = guard_.served, .traffic = guard_.traffic});
    made.traffic = told.traffic;
    for (const auto& used : told.used) made.dark_models.push_back(base::valid_utf8(used.pair));
    for (const auto& pair : told.unused) made.unused_dark.push_back(base::valid_utf8(pair));
    describe_write(made);
    return made;
}

TripResult RouteTrip::confirm() {
    try {
        if (auto verdict = look_again()) return *verdict;
        return success(Kind::tripped);
    } catch (const GatewayError& e) {
        auto tripped = success(Kind::tripped);
        explain(tripped, {.kind = TripCause::Kind::not_checked_again, .detail = e.what()});
        return tripped;
    }
}

/// Somebody may have come between our look and our commit, or just after it. Empty: it stands.
std::optional<TripResult> RouteTrip::look_again() {
    // With locks that end with each statement: what waited for ours to end is written by then.
    Lock lock = Lock::yes;
    for (int tries = 1;; ++tries) {
        try {
            const auto view = look(lock, lock);
            if (!view) return result(Kind::lost_race, {TripCause::Kind::no_channel});
            if (auto theirs = taken_back(*view)) return result(Kind::lost_race, *theirs);
            if (lit(*view).empty() || tries == kTries) return judge_again(*view);
            note_new(*view);
            disable_again();
        } catch (const GatewayError& e) {
            if (e.kind() != GatewayError::Kind::locked || tries == kTries) throw;
            lock = Lock::no;  // somebody holds it for long: the guard matters more
        }
    }
}

/// One API makes the abilities of an edited channel anew in two steps. Those that were not there
/// when we judged count from now on: the channel may be the last one for them.
void RouteTrip::note_new(const View& view) {
    for (const auto& ability : lit(view)) {
        const auto is_it = [&](const Ability& known) {
            return known.channel == ability.channel && known.group == ability.group &&
                   known.model == ability.model;
        };
        if (std::ranges::none_of(before_.abilities, is_it)) before_.abilities.push_back(ability);
    }
}

/// The other channel of a pair may have been disabled.
std::optional<TripResult> RouteTrip::judge_again(const View& view) {
    const auto dark = find_dark(channel(), lit(before_), view.abilities, guard_);
    if (!dark.used.empty() && !request_.even_if_last) return undo(dark);
    now_ = view.abilities;
    return {};
}

/// A gateway writes its two tables one after the other: the second half of what it began before our
/// trip (an edit, an enabling) came after it and enabled abilities of what is off in `channels`.
void RouteTrip::disable_again() {
    GatewayTransaction transaction{session_};
    // The row's lock first: what look() reads afterwards is not older.
    if (!tables_.read(channel(), Lock::yes)) return;
    const auto view = look(Lock::yes);
    if (!view || taken_back(*view)) return;
    disable_abilities();
    transaction.commit();
}

TripResult RouteTrip::undo(const Dark& dark) {
    try {
        if (try_undo()) return result(Kind::refused, because_last(TripCause::Kind::undone, dark));
        return result(Kind::lost_race, because_last(TripCause::Kind::changed_meanwhile, dark));
    } catch (const GatewayError& e) {
        auto tripped = success(Kind::tripped);
        explain(tripped, because_last(TripCause::Kind::not_undone, dark, e.what()));
        return tripped;
    }
}

bool RouteTrip::try_undo() {
    for (int tries = 1;; ++tries) {
        try {
            GatewayTransaction transaction{session_};
            if (!put_back()) return false;
            transaction.commit();
            return true;
        } catch (const GatewayError& e) {
            if (e.kind() != GatewayError::Kind::locked || tries == kTries) throw;
        }
    }
}

}  // namespace quotafuse::circuit_breaker
