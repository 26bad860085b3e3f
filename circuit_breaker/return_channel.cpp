#include <algorithm>
#include <set>
#include <utility>

#include "circuit_breaker/images.h"
#include "circuit_breaker/left_off.h"
#include "circuit_breaker/return_target.h"
#include "circuit_breaker/trial_state.h"
#include "sync/gateway_info.h"

namespace quotafuse::circuit_breaker {
namespace {

using Kind = ReturnResult::Kind;
using State = Circuit::State;

/// What one look at the gateway's tables saw.
struct View {
    ChannelRow row;
    std::optional<Mark> mark{};
    StoredRank rank{};  // where the order is about ranks
    std::vector<OwnAbility> own{};
    std::vector<Ability> pairs{};  // Way::again: those of other channels too
};

/// What is written, by what was seen.
struct Plan {
    int status = kEnabled;
    sync::Cell other_info{};
    std::optional<StoredRank> rank{};  // of the channel; empty: it stays as it is
    std::optional<KeptRanks> kept{};
};

class ChannelReturn final : public ReturnTarget {
public:
    explicit ChannelReturn(const ReturnCase& order)
        : order_(order),
          circuit_(order.request.circuit),
          channel_(circuit_.target.channel),
          tables_(order.session, circuit_.gateway),
          ranks_(order.session, circuit_.gateway),
          before_(read_before(circuit_)) {}

    void prepare() override;
    std::optional<ReturnResult> judge(Lock lock) override;
    bool write() override;
    bool stands_as_written() override;
    ReturnResult success(Kind kind) const override;
    ReturnResult finish() override;

private:
    Way way() const { return order_.request.way; }
    bool look(Lock lock);
    /// Who has no half-open rule grants no ranks.
    bool reads_ranks() const {
        return way() != Way::whole || circuit_.state == State::trial || !circuit_.kept.empty();
    }
    bool about_ranks() const;
    ChannelStand stand() const;
    Change change() const;
    bool stands_done() const;
    bool rank_is_back() const;
    ReturnResult done_before() const;
    std::optional<ReturnResult> refusal(Change change) const;
    std::optional<ReturnResult> guard() const;
    std::optional<ReturnResult> keep();
    Plan plan() const;
    Routes off_before() const;
    std::vector<Ability> to_leave_off() const;
    void write_abilities();
    void put_ranks_back(const KeptRanks& kept);
    Dark dark_now(const std::vector<Ability>& now) const;
    ReturnResult undo(const Dark& dark);
    void write_undo();
    ReturnResult not_undone(const Dark& dark, std::string detail) const;

    const ReturnCase order_;
    const Circuit& circuit_;
    std::int64_t channel_;
    ChannelTables tables_;
    RankTables ranks_;
    BeforeImage before_;
    std::optional<std::int64_t> retry_times_;
    KeptRanks kept_;  // of Way::trial
    int off_status_ = kDisabledAutomatically;
    View view_;
    Plan plan_;
    bool in_flux_ = false;
};

void ChannelReturn::prepare() {
    if (way() == Way::trial) {
        const auto option = sync::read_option(order_.session, order_.database, "RetryTimes");
        retry_times_ = retry_times(circuit_.gateway, option);
    }
    if (way() == Way::again && tables_.new_api()) {
        const auto option =
            sync::read_option(order_.session, order_.database, "AutomaticEnableChannelEnabled");
        off_status_ = status_when_off(option);
    }
}

/// A trial whose record was lost in a crash is told by its mark.
bool ChannelReturn::about_ranks() const {
    return reads_ranks() || (view_.mark && view_.mark->trial);
}

/// False when the channel is gone.
bool ChannelReturn::look(Lock lock) {
    view_ = {};
    // Abilities first, and locked: as a trip does, so that the two never wait for each other.
    if (way() == Way::again) view_.pairs = tables_.read_abilities(channel_, lock);
    view_.own = ranks_.own_abilities(channel_, reads_ranks() ? WithRank::yes : WithRank::no, lock);
    auto row = tables_.read(channel_, Lock::no);
    if (!row) return false;
    view_.row = std::move(*row);
    if (tables_.new_api()) view_.mark = read_mark(view_.row.other_info);
    if (!about_ranks()) return true;
    const auto rank = ranks_.rank(channel_, Lock::no);
    if (rank) view_.rank = *rank;
    return rank.has_value();
}

ChannelStand ChannelReturn::stand() const {
    auto stand = stand_of(view_.row, view_.rank);
    for (const auto& [group, model, enabled, rank] : view_.own) {
        if (reads_ranks()) stand.ability_ranks.push_back(rank);
        if (enabled) stand.lit.emplace_back(group, model);
    }
    return stand;
}

Change ChannelReturn::change() const {
    return change_of_channel(circuit_, stand());
}

std::optional<ReturnResult> ChannelReturn::judge(Lock lock) {
    if (!look(lock)) return make_theirs(order_.request, Change::deleted);
    if (order_.request.resumed && stands_done()) return done_before();
    const auto made = change();
    if (auto refused = refusal(made)) return refused;
    if (auto refused = guard()) return refused;
    // The gateway sets the status first and the abilities next: between the two nothing is given
    // back.
    in_flux_ = made == Change::gateway_disabled && way() == Way::whole &&
               std::ranges::any_of(view_.own, &OwnAbility::enabled);
    if (way() == Way::trial) {
        if (auto unknown = keep()) return unknown;
    }
    plan_ = plan();
    return {};
}

bool ChannelReturn::rank_is_back() const {
    const auto kept = kept_of(circuit_, view_.mark);
    return kept && view_.rank == kept->channel;
}

/// Whether the order was carried out before: a repeat after a crash.
bool ChannelReturn::stands_done() const {
    const auto status = view_.row.status;
    const bool unmarked =
        !tables_.new_api() || is_without_mark(view_.row.other_info, before_.other_info);
    const bool marked = view_.mark && view_.mark->trip == circuit_.trip_id;
    const bool on_trial = marked && view_.mark->trial;
    switch (way()) {
        case Way::whole:
            return status == kEnabled && unmarked &&
                   (circuit_.state != State::trial || rank_is_back());
        case Way::trial:
            return stands_on_trial(circuit_, view_.mark, stand());
        case Way::settle:
            return status == kEnabled && unmarked && rank_is_back();
        case Way::again:
            if (!tables_.new_api()) return status == kDisabledAutomatically && rank_is_back();
            // Not by off_status_: the gateway's option may have changed since.
            return marked && !on_trial && rank_is_back() &&
                   (status == kDisabledByHand || status == kDisabledAutomatically);
    }
    std::abort();
}

ReturnResult ChannelReturn::done_before() const {
    auto result = make_result(order_.request, Kind::done);
    result.after = channel_image(view_.row.status, view_.row.other_info);
    const auto kept = way() == Way::trial ? ranks_of_trial(circuit_, view_.mark)
                      : about_ranks()     ? kept_of(circuit_, view_.mark)
                                          : std::nullopt;
    describe_ranks(result, kept);
    if (way() == Way::again) result.status_written = view_.row.status;
    return result;
}

std::optional<ReturnResult> ChannelReturn::refusal(Change change) const {
    if (change == Change::none) return {};
    if (change != Change::gateway_disabled) return make_theirs(order_.request, change);
    if (way() != Way::settle) return {};
    return make_result(order_.request, Kind::refused,
                       {.kind = TripCause::Kind::was_off, .count = view_.row.status});
}

Dark ChannelReturn::dark_now(const std::vector<Ability>& now) const {
    std::vector<Ability> lit;
    std::ranges::copy_if(view_.pairs, std::back_inserter(lit), [this](const Ability& ability) {
        return ability.channel == channel_ && ability.enabled;
    });
    return find_dark(channel_, lit, now, order_.guard);
}

/// What is off already, by the gateway's hand, leaves nobody without a channel.
std::optional<ReturnResult> ChannelReturn::guard() const {
    if (way() != Way::again || view_.row.status != kEnabled) return {};
    const auto dark = dark_now(view_.pairs);
    if (dark.used.empty()) return {};
    return make_result(
        order_.request, Kind::refused,
        {.kind = TripCause::Kind::again_dark, .pairs = dark.used, .traffic = dark.traffic});
}

/// By somebody's choice, before the trip or since.
Routes ChannelReturn::off_before() const {
    const auto& held = order_.request.models_off;
    // While it is on, its own table tells, models that were switched off since included.
    if (way() == Way::again && view_.row.status == kEnabled) {
        if (auto now = chosen_off(view_.own, held)) return *now;
    }
    std::set<Routes::value_type> off;
    if (view_.mark) off.insert(view_.mark->off.begin(), view_.mark->off.end());
    // After a trial the mark has what was off then.
    const bool newer = view_.mark && circuit_.failed_trials > 0;
    if (const auto before = chosen_off(before_.abilities, held); before && !newer)
        off.insert(before->begin(), before->end());
    std::erase_if(off, [&](const auto& route) { return holds(held, route.second); });
    return {off.begin(), off.end()};
}

/// That, and what circuits of their own hold now.
std::vector<Ability> ChannelReturn::to_leave_off() const {
    const auto before = off_before();
    std::vector<Ability> off;
    for (const auto& row : view_.own) {
        const bool was_off = std::ranges::find(before, route_of(row)) != before.end();
        if (was_off || holds(order_.request.models_off, row.model))
            off.push_back({.group = row.group, .model = row.model, .channel = channel_});
    }
    return off;
}

/// What a trial replaces. Empty: that is on record, so the trial may be written.
std::optional<ReturnResult> ChannelReturn::keep() {
    kept_ = own_ranks(circuit_, view_.mark, stand(), view_.own);
    kept_.off = off_before();
    if (const auto bad = name_that_is_lost(kept_)) {
        return make_result(order_.request, Kind::refused,
                           {.kind = TripCause::Kind::bad_name, .detail = *bad});
    }
    if (const auto intended = read_kept(circuit_.intended);
        intended && same_before(kept_, *intended)) {
        kept_.trial = intended->trial;
        return {};
    }
    kept_.trial = trial_rank(channel_, kept_.channel.rank(), ranks_.pairs(channel_), retry_times_);
    if (order_.request.dry_run) return {};
    auto result = make_result(order_.request, Kind::ranks_read);
    result.kept = to_text(kept_);
    return result;
}

Plan ChannelReturn::plan() const {
    Plan plan;
    if (way() == Way::trial) {
        plan.kept = kept_;
    } else if (about_ranks()) {
        plan.kept = ranks_to_put_back(circuit_, view_.mark, view_.rank);
    }
    if (plan.kept) plan.rank = plan.kept->channel;
    Mark mark{.trip = circuit_.trip_id, .off = off_before()};
    auto reason = circuit_.reason;
    if (way() == Way::trial) {
        plan.rank = StoredRank{.priority = plan.kept->trial.priority};
        if (tables_.new_api()) plan.rank->weight = plan.kept->trial.weight;
        mark.trial = true;
        mark.kept = to_text(*plan.kept);
        if (!order_.request.trial_reason.empty()) reason = order_.request.trial_reason;
    }
    if (way() == Way::again) plan.status = off_status_;
    if (!tables_.new_api()) return plan;
    const bool ours_goes_on = way() == Way::trial || way() == Way::again;
    plan.other_info =
        ours_goes_on ? with_mark(view_.row.other_info, mark, reason, base::unix_seconds(order_.now))
                     : without_mark(view_.row.other_info, before_.other_info);
    return plan;
}

bool ChannelReturn::write() {
    if (in_flux_) return false;
    const bool set = plan_.rank
                         ? ranks_.set_channel(channel_, view_.row, view_.rank, plan_.status,
                                              plan_.other_info, *plan_.rank)
                         : tables_.set_status(channel_, view_.row, plan_.status, plan_.other_info);
    // MySQL counts no row that was set to what it was: One API's, where a trial kept its own rank.
    if (!set && !stands_as_written()) return false;
    write_abilities();
    return true;
}

void ChannelReturn::write_abilities() {
    if (way() == Way::again) {
        tables_.disable_abilities(channel_);
    } else if (view_.row.status != kEnabled) {
        tables_.restore_abilities(channel_, to_leave_off());
    }
    if (way() == Way::trial) {
        ranks_.set_abilities(channel_, *plan_.rank);
    } else if (plan_.kept) {
        put_ranks_back(*plan_.kept);
    }
}

/// Rows that were added meanwhile get the channel's own rank, as the gateway would give them.
void ChannelReturn::put_ranks_back(const KeptRanks& kept) {
    ranks_.set_abilities(channel_, kept.channel);
    for (const auto& ability : kept.abilities) ranks_.set_ability(channel_, ability);
}

bool ChannelReturn::stands_as_written() {
    const auto row = tables_.read(channel_, Lock::yes);
    if (!row || row->status != plan_.status) return false;
    if (tables_.new_api() && row->other_info != plan_.other_info) return false;
    return !plan_.rank || ranks_.rank(channel_, Lock::yes) == plan_.rank;
}

ReturnResult ChannelReturn::success(Kind kind) const {
    auto result = make_result(order_.request, kind);
    if (way() == Way::again) result.status_written = plan_.status;
    if (kind != Kind::done) return result;
    result.after = channel_image(plan_.status, plan_.other_info);
    describe_ranks(result, plan_.kept);
    return result;
}

/// The other channel of a pair may have been disabled between our look and our commit.
ReturnResult ChannelReturn::finish() {
    auto done = success(Kind::done);
    if (way() != Way::again || view_.row.status != kEnabled) return done;
    try {
        const auto dark = dark_now(tables_.read_abilities(channel_, Lock::no));
        return dark.used.empty() ? done : undo(dark);
    } catch (const sync::GatewayError& e) {
        explain(done, {.kind = TripCause::Kind::not_checked_again, .detail = e.what()});
        return done;
    }
}

/// Without a detail somebody changed it meanwhile.
ReturnResult ChannelReturn::not_undone(const Dark& dark, std::string detail) const {
    auto done = success(Kind::done);
    const auto kind =
        detail.empty() ? TripCause::Kind::changed_meanwhile : TripCause::Kind::not_undone;
    explain(
        done,
        {.kind = kind, .pairs = dark.used, .detail = std::move(detail), .traffic = dark.traffic});
    return done;
}

/// Back on trial.
ReturnResult ChannelReturn::undo(const Dark& dark) {
    const ChannelRow ours{.name = "", .status = plan_.status, .other_info = plan_.other_info};
    try {
        GatewayTransaction transaction{order_.session};
        ranks_.own_abilities(channel_, WithRank::no, Lock::yes);
        const auto& rank = plan_.rank ? *plan_.rank : view_.rank;
        if (!ranks_.set_channel(channel_, ours, rank, kEnabled, view_.row.other_info, view_.rank))
            return not_undone(dark, {});
        write_undo();
        transaction.commit();
    } catch (const sync::GatewayError& e) {
        return not_undone(dark, e.what());
    }
    return make_result(
        order_.request, Kind::refused,
        {.kind = TripCause::Kind::again_dark, .pairs = dark.used, .traffic = dark.traffic});
}

void ChannelReturn::write_undo() {
    tables_.restore_abilities(channel_, to_leave_off());
    ranks_.set_abilities(channel_, view_.rank);
}

}  // namespace

std::unique_ptr<ReturnTarget> return_channel(const ReturnCase& order) {
    return std::make_unique<ChannelReturn>(order);
}

}  // namespace quotafuse::circuit_breaker
