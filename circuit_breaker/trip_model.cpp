#include <utility>

#include "circuit_breaker/images.h"
#include "circuit_breaker/model_tables.h"
#include "circuit_breaker/route_trip.h"

namespace quotafuse::circuit_breaker {
namespace {

class ModelTrip final : public RouteTrip {
public:
    ModelTrip(sync::GatewaySession& session, const TripRequest& request, const Guard& guard)
        : RouteTrip(session, request, guard, request.target.model), models_(session) {}

    bool write() override {
        written_ = before_.models;
        if (has_model(before_.models, *model_)) written_ = without_model(before_.models, *model_);
        if (!models_.set_list(channel(), before_.models, written_)) return false;
        disable_abilities();
        return true;
    }

protected:
    void read_more(View& view) override {
        if (auto row = models_.read(channel(), Lock::no)) view.models = std::move(row->models);
    }

    /// There is no mark in a list: only an order that may have been carried out takes it for its
    /// own doing.
    bool is_done(const View& view, bool resumed) const override { return resumed && is_gone(view); }

    std::optional<TripResult> judge_own(const View& view) const override {
        if (lit(view).empty())
            return result(TripResult::Kind::refused, {TripCause::Kind::no_model});
        if (!names_any(without_model(view.models, *model_)))
            return result(TripResult::Kind::refused, {TripCause::Kind::only_model});
        return {};
    }

    std::optional<TripCause> taken_back(const View& view) const override {
        if (!has_model(view.models, *model_)) return {};
        return TripCause{TripCause::Kind::enabled_again};
    }

    void disable_abilities() override { models_.disable_abilities(channel(), *model_); }

    bool put_back() override {
        if (!models_.set_list(channel(), written_, before_.models)) return false;
        models_.enable_abilities(lit(before_));
        return true;
    }

    void describe_write(TripResult& result) const override {
        result.before = model_image(before_.models, own(before_));
        if (result.kind == TripResult::Kind::tripped) result.after = model_image(written_);
    }

    void describe_done(TripResult& result, const View& view) const override {
        result.after = model_image(view.models);
    }

private:
    bool is_gone(const View& view) const {
        return !has_model(view.models, *model_) && lit(view).empty();
    }

    ModelTables models_;
    sync::Cell written_{};
};

}  // namespace

std::unique_ptr<TripSteps> make_model_trip(sync::GatewaySession& session,
                                           const TripRequest& request, const Guard& guard) {
    return std::make_unique<ModelTrip>(session, request, guard);
}

}  // namespace quotafuse::circuit_breaker
