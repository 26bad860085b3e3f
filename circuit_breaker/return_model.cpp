#include <algorithm>
#include <tuple>
#include <utility>

#include "circuit_breaker/images.h"
#include "circuit_breaker/model_tables.h"
#include "circuit_breaker/ownership.h"
#include "circuit_breaker/return_target.h"

namespace quotafuse::circuit_breaker {
namespace {

using Kind = ReturnResult::Kind;

/// The list with the model in its former place, where nobody changed the others; else at the end.
std::string with(const std::string& models, const std::string& model,
                 const std::optional<std::string>& before) {
    if (before && has_model(*before, model) && without_model(*before, model) == models)
        return *before;
    return models.empty() ? model : models + "," + model;
}

class ModelReturn final : public ReturnTarget {
public:
    explicit ModelReturn(const ReturnCase& order)
        : order_(order),
          circuit_(order.request.circuit),
          models_(order.session),
          before_(read_before(circuit_)) {}

    std::optional<ReturnResult> judge(Lock lock) override;
    bool write() override;
    bool stands_as_written() override;
    ReturnResult success(Kind kind) const override;

private:
    struct View {
        ModelsRow channel{};
        std::vector<Ability> own{};  // of this model

        bool served() const { return std::ranges::any_of(own, &Ability::enabled); }
    };
    std::optional<View> look(Lock lock);
    std::int64_t missing() const;

    const ReturnCase order_;
    const Circuit& circuit_;
    ModelTables models_;
    BeforeImage before_;
    View view_;
    std::string list_;  // as it is to be written
};

std::optional<ModelReturn::View> ModelReturn::look(Lock lock) {
    View view;
    // Abilities first, as a trip does.
    view.own = models_.own_abilities(circuit_.target.channel, circuit_.target.model, lock);
    auto row = models_.read(circuit_.target.channel, Lock::no);
    if (!row) return {};
    view.channel = std::move(*row);
    return view;
}

std::optional<ReturnResult> ModelReturn::judge(Lock lock) {
    auto view = look(lock);
    if (!view) return make_theirs(order_.request, Change::deleted);
    view_ = std::move(*view);
    const auto& models = view_.channel.models;
    list_ = with(models.value_or(""), circuit_.target.model, before_.models);
    const auto change =
        change_of_model(circuit_, ModelStand{.models = models, .served = view_.served()});
    if (change != Change::none) {
        // It has no mark: what a repeat finds on is what it had given back.
        const bool on = has_model(models, circuit_.target.model);
        if (!order_.request.resumed || !on) return make_theirs(order_.request, change);
        list_ = *models;
        return success(Kind::done);
    }
    // A channel that is off must not get an ability that is on: the gateway may route by it alone.
    if (view_.channel.status != kEnabled) {
        return make_result(order_.request, Kind::refused,
                           {.kind = TripCause::Kind::was_off, .count = view_.channel.status});
    }
    return {};
}

bool ModelReturn::write() {
    const auto& [channel, model] = std::tie(circuit_.target.channel, circuit_.target.model);
    if (!models_.set_list(channel, view_.channel.models, list_)) return false;
    models_.restore_abilities(channel, model, before_.abilities);
    return true;
}

bool ModelReturn::stands_as_written() {
    const auto row = models_.read(circuit_.target.channel, Lock::yes);
    return row && row->models == list_;
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
    if (kind == Kind::done) result.after = model_image(list_);
    return result;
}

}  // namespace

std::unique_ptr<ReturnTarget> return_model(const ReturnCase& order) {
    return std::make_unique<ModelReturn>(order);
}

}  // namespace quotafuse::circuit_breaker
