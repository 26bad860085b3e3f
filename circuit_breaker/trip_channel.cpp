#include "base/text.h"
#include "circuit_breaker/images.h"
#include "circuit_breaker/left_off.h"
#include "circuit_breaker/other_info.h"
#include "circuit_breaker/route_trip.h"
#include "sync/gateway_info.h"

namespace quotafuse::circuit_breaker {
namespace {

bool is_off(int status) {
    return status == kDisabledByHand || status == kDisabledAutomatically;
}

class ChannelTrip final : public RouteTrip {
public:
    ChannelTrip(sync::GatewaySession& session, const TripRequest& request, const Guard& guard,
                base::Second now)
        : RouteTrip(session, request, guard, {}), now_(now) {}

    void prepare(const std::string& database) override {
        const auto option = sync::read_option(session_, database, "AutomaticEnableChannelEnabled");
        if (tables_.new_api()) {
            status_ = status_when_off(option);
        } else if (option.value == "true") {
            note_.kind = TripCause::Kind::may_come_back;
        }
    }

    bool write() override {
        if (tables_.new_api()) {
            written_info_ = with_mark(before_.channel.other_info,
                                      {.trip = request_.trip_id, .off = off_before()},
                                      request_.reason, base::unix_seconds(now_));
        }
        if (!tables_.set_status(channel(), before_.channel, status_, written_info_)) return false;
        disable_abilities();
        return true;
    }

protected:
    bool is_done(const View& view, bool resumed) const override {
        const auto& row = view.channel;
        if (!is_off(row.status)) return false;
        if (tables_.new_api()) return has_our_mark(row);
        // One API has no place for a mark: an order of ours that may have been carried out decides.
        return resumed && row.status == kDisabledAutomatically;
    }

    bool has_our_mark(const ChannelRow& row) const {
        const auto mark = read_mark(row.other_info);
        return mark && mark->trip == request_.trip_id;
    }

    std::optional<TripResult> judge_own(const View& view) const override {
        if (!has_our_mark(view.channel)) return {};
        return result(TripResult::Kind::lost_race, {TripCause::Kind::enabled_again});
    }

    std::optional<TripCause> taken_back(const View& view) const override {
        if (is_done(view, true)) return {};
        const auto status = view.channel.status;
        if (status == kEnabled) return TripCause{TripCause::Kind::enabled_again};
        return TripCause{TripCause::Kind::was_off, status};
    }

    void disable_abilities() override { tables_.disable_abilities(channel()); }

    bool put_back() override {
        const ChannelRow ours{.name = "", .status = status_, .other_info = written_info_};
        if (!tables_.set_status(channel(), ours, kEnabled, before_.channel.other_info))
            return false;
        tables_.restore_abilities(channel(), before_.abilities);
        return true;
    }

    void describe_write(TripResult& result) const override {
        result.status_written = status_;
        auto former = before_.channel;
        // A mark on what is on is one of a trip that has ended: it is not put back.
        if (read_mark(former.other_info))
            former.other_info = without_mark(former.other_info, std::nullopt);
        result.before = channel_image(former, own(before_), request_.models_off);
        if (result.kind == TripResult::Kind::tripped)
            result.after = channel_image(status_, written_info_);
    }

    void describe_done(TripResult& result, const View& view) const override {
        result.status_written = view.channel.status;
        result.after = channel_image(view.channel.status, view.channel.other_info);
    }

private:
    Routes off_before() const {
        return chosen_off(own(before_), request_.models_off).value_or(Routes{});
    }

    base::Second now_;
    int status_ = kDisabledAutomatically;
    sync::Cell written_info_{};
};

}  // namespace

std::unique_ptr<TripSteps> make_channel_trip(sync::GatewaySession& session,
                                             const TripRequest& request, const Guard& guard,
                                             base::Second now) {
    return std::make_unique<ChannelTrip>(session, request, guard, now);
}

}  // namespace quotafuse::circuit_breaker
