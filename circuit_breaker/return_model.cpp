#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "circuit_breaker/ownership.h"
#include "circuit_breaker/rank_tables.h"
#include "circuit_breaker/return_target.h"

namespace quotafuse::circuit_breaker {
namespace {

using Kind = ReturnResult::Kind;
using Json = nlohmann::ordered_json;

std::string without(const std::string& models, const std::string& model) {
    auto names = base::split(models, ',');
    std::erase(names, std::string_view{model});
    return fmt::format("{}", fmt::join(names, ","));
}

/// The list with the model in its former place, where nobody changed the others; else at the end.
std::string with(const std::string& models, const std::string& model,
                 const std::optional<std::string>& before) {
    if (before && lists(*before, model) && without(*before, model) == models) return *before;
    return models.empty() ? model : models + "," + model;
}

class ModelReturn final : public ReturnTarget {
public:
    explicit ModelReturn(const ReturnCase& order)
        : order_(order), circuit_(order.request.circuit), before_(read_before(circuit_)) {}

    std::optional<ReturnResult> judge(Lock lock) override;
    bool write() override;
    bool stands_as_written() override;
    ReturnResult success(Kind kind) const override;

private:
    struct View {
        int status = 0;
        sync::Cell models{};
        std::vector<Ability> own{};  // of this model

        bool served() const { return std::ranges::any_of(own, &Ability::enabled); }
    };
    bool mysql() const { return order_.session.kind() == sync::Dsn::Kind::mysql; }
    const char* locking(Lock lock) const {
        return lock == Lock::yes && mysql() ? " FOR UPDATE" : "";
    }
    std::optional<View> look(Lock lock);
    std::optional<sync::Cells> read_channel(Lock lock);
    std::vector<Ability> read_own(Lock lock);
    std::int64_t missing() const;

    const ReturnCase order_;
    const Circuit& circuit_;
    BeforeImage before_;
    View view_;
    std::string list_;  // as it is to be written
};

std::optional<sync::Cells> ModelReturn::read_channel(Lock lock) {
    auto rows = order_.session.query(
        fmt::format("SELECT `status`, `models` FROM `channels` WHERE `id` = ?{}", locking(lock)),
        {circuit_.target.channel});
    if (rows.empty()) return {};
    return std::move(rows.front());
}

std::vector<Ability> ModelReturn::read_own(Lock lock) {
    std::vector<Ability> own;
    for (const auto& row :
         order_.session.query(fmt::format("SELECT `group`, `model`, `enabled` FROM `abilities` "
                                          "WHERE `channel_id` = ? AND {}{}",
                                          same_bytes(order_.session, "model"), locking(lock)),
                              {circuit_.target.channel, circuit_.target.model})) {
        own.push_back({.group = row[0].value_or(""),
                       .model = row[1].value_or(""),
                       .channel = circuit_.target.channel,
                       .enabled = stored_number(row[2]).value_or(0) != 0});
    }
    return own;
}

std::optional<ModelReturn::View> ModelReturn::look(Lock lock) {
    View view;
    // Abilities first, as a trip does.
    view.own = read_own(lock);
    const auto row = read_channel(Lock::no);
    if (!row) return {};
    view.status = static_cast<int>(stored_number((*row)[0]).value_or(0));
    view.models = (*row)[1];
    return view;
}

std::optional<ReturnResult> ModelReturn::judge(Lock lock) {
    auto view = look(lock);
    if (!view) return make_theirs(order_.request, Change::deleted);
    view_ = std::move(*view);
    list_ = with(view_.models.value_or(""), circuit_.target.model, before_.models);
    const auto change = change_of_model(
        circuit_, ModelStand{.models = view_.models.value_or(""), .served = view_.served()});
    if (change != Change::none) {
        // It has no mark: what a repeat finds on is what it had given back.
        const bool on = lists(view_.models.value_or(""), circuit_.target.model);
        if (!order_.request.resumed || !on) return make_theirs(order_.request, change);
        list_ = *view_.models;
        return success(Kind::done);
    }
    // A channel that is off must not get an ability that is on: the gateway may route by it alone.
    if (view_.status != kEnabled) {
        return make_result(order_.request, Kind::refused,
                           {.kind = TripCause::Kind::was_off, .count = view_.status});
    }
    return {};
}

bool ModelReturn::write() {
    const auto same = same_bytes(order_.session, "models");
    const auto this_model = same_bytes(order_.session, "model");
    const sync::Argument former =
        view_.models ? sync::Argument{*view_.models} : sync::Argument{std::monostate{}};
    const std::int64_t enabled = kEnabled;
    const auto changed = order_.session.execute(
        fmt::format("UPDATE `channels` SET `models` = ? WHERE `id` = ? AND `status` = ? AND {}",
                    same),
        {list_, circuit_.target.channel, enabled, former});
    if (changed == 0) return false;
    order_.session.execute(
        "UPDATE `abilities` SET `enabled` = 1 WHERE `channel_id` = ? AND " + this_model,
        {circuit_.target.channel, circuit_.target.model});
    for (const auto& ability : before_.abilities) {
        if (ability.enabled) continue;
        order_.session.execute(
            "UPDATE `abilities` SET `enabled` = 0 WHERE `channel_id` = ? AND `group` = ? AND " +
                this_model,
            {circuit_.target.channel, ability.group, circuit_.target.model});
    }
    return true;
}

bool ModelReturn::stands_as_written() {
    const auto row = read_channel(Lock::yes);
    return row && (*row)[1] == list_;
}

/// Rows that were there before the trip: a person's edit rebuilds the abilities from the list, and
/// no account of ours may add one.
std::int64_t ModelReturn::missing() const {
    return std::ranges::count_if(before_.abilities, [this](const Ability& former) {
        return former.enabled && std::ranges::count(view_.own, former.group, &Ability::group) == 0;
    });
}

ReturnResult ModelReturn::success(Kind kind) const {
    TripCause remark;
    if (const auto count = missing(); count > 0)
        remark = {.kind = TripCause::Kind::rows_missing, .count = count};
    auto result = make_result(order_.request, kind, remark);
    if (kind == Kind::done) {
        const Json json{{"models", list_}};
        result.after = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    return result;
}

}  // namespace

std::unique_ptr<ReturnTarget> return_model(const ReturnCase& order) {
    return std::make_unique<ModelReturn>(order);
}

}  // namespace quotafuse::circuit_breaker
