#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "circuit_breaker/action.h"

namespace quotafuse::circuit_breaker {

/// "last_usable", "max_open", …: for programs, and stored; "" for none. Names every kind: one that
/// is new does not compile before it stands here.
constexpr std::string_view cause_name(TripCause::Kind kind) {
    using Kind = TripCause::Kind;
    switch (kind) {
        case Kind::none:
            return "";
        case Kind::off:
            return "off";
        case Kind::is_protected:
            return "protected";
        case Kind::max_open:
            return "max_open";
        case Kind::max_per_hour:
            return "max_per_hour";
        case Kind::no_channel:
            return "no_channel";
        case Kind::auto_ban_off:
            return "auto_ban_off";
        case Kind::last_usable:
            return "last_usable";
        case Kind::undone:
            return "undone";
        case Kind::not_undone:
            return "not_undone";
        case Kind::changed_meanwhile:
            return "changed_meanwhile";
        case Kind::was_off:
            return "was_off";
        case Kind::enabled_again:
            return "enabled_again";
        case Kind::kept_changing:
            return "kept_changing";
        case Kind::expired:
            return "expired";
        case Kind::may_come_back:
            return "may_come_back";
        case Kind::not_checked_again:
            return "not_checked_again";
        case Kind::gateway:
            return "gateway";
        case Kind::no_grant:
            return "no_grant";
        case Kind::lost_commit:
            return "lost_commit";
        case Kind::stuck:
            return "stuck";
        case Kind::paused:
            return "paused";
        case Kind::same_key:
            return "same_key";
        case Kind::settling:
            return "settling";
        case Kind::old_rows:
            return "old_rows";
        case Kind::max_keys:
            return "max_keys";
        case Kind::no_model:
            return "no_model";
        case Kind::only_model:
            return "only_model";
        case Kind::no_key_id:
            return "no_key_id";
        case Kind::held:
            return "held";
        case Kind::again_dark:
            return "again_dark";
        case Kind::rows_missing:
            return "rows_missing";
        case Kind::on_trial:
            return "on_trial";
        case Kind::bad_name:
            return "bad_name";
        case Kind::not_held:
            return "not_held";
    }
    return {};
}

/// How many kinds there are.
inline constexpr std::size_t kCauseKinds = [] {
    std::size_t kinds = 1;  // the first, none, has no name
    while (!cause_name(static_cast<TripCause::Kind>(kinds)).empty()) ++kinds;
    return kinds;
}();

/// Whether a table of texts has one row for each kind, at its place: the rows name their `kind`.
template <class Row, std::size_t kRows>
consteval bool has_every_cause(const std::array<Row, kRows>& rows) {
    for (std::size_t i = 0; i < kRows; ++i) {
        if (rows[i].kind != static_cast<TripCause::Kind>(i)) return false;
    }
    return kRows == kCauseKinds;
}

}  // namespace quotafuse::circuit_breaker
