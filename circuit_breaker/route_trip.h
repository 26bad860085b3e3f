#pragma once

#include <optional>
#include <string>
#include <vector>

#include "circuit_breaker/channel_tables.h"
#include "circuit_breaker/last_channel_guard.h"
#include "circuit_breaker/trip_steps.h"

namespace quotafuse::circuit_breaker {

/// What trips of a channel and of one of its models have in common: requests are routed to both, so
/// another one must be left for them.
class RouteTrip : public TripSteps {
public:
    RouteTrip(sync::GatewaySession& session, const TripRequest& request, const Guard& guard,
              std::optional<std::string> model)
        : TripSteps(session, request),
          tables_(session, request.gateway),
          guard_(guard),
          model_(std::move(model)) {}

    std::optional<TripResult> judge(Lock lock) final;
    std::optional<TripResult> done_before(Lock lock, bool resumed) final;
    TripResult confirm() final;
    TripResult success(TripResult::Kind kind) final;

protected:
    /// What one look at the gateway's tables saw.
    struct View {
        ChannelRow channel;
        sync::Cell models{};               // of a trip of a model
        std::vector<Ability> abilities{};  // of all channels, for the pairs of the target
    };

    /// Reads what this kind of target needs besides the channel's row.
    virtual void read_more(View& /*view*/) {}
    /// Whether the rows tell that the request was carried out.
    virtual bool is_done(const View& view, bool resumed) const = 0;
    /// A verdict that only this kind of target has.
    virtual std::optional<TripResult> judge_own(const View& view) const = 0;
    /// Somebody switched it on again, or off in a way of their own, after our write: their cause.
    virtual std::optional<TripCause> taken_back(const View& view) const = 0;
    virtual void disable_abilities() = 0;
    /// Writes back what was there; false when somebody changed it since.
    virtual bool put_back() = 0;
    /// Fills in status_written, before and after: of what was judged and (unless it is would_trip)
    /// written …
    virtual void describe_write(TripResult& result) const = 0;
    /// … and of what was carried out before, by what there is now.
    virtual void describe_done(TripResult& result, const View& view) const = 0;

    std::int64_t channel() const { return request_.target.channel; }
    std::vector<Ability> own(const View& view) const;
    std::vector<Ability> lit(const View& view) const {
        return lit_of(channel(), model_, view.abilities);
    }

    ChannelTables tables_;
    const Guard& guard_;
    std::optional<std::string> model_;  // none: all of the channel
    View before_{};                     // as judged
    TripCause note_{};                  // on a trip that went well

private:
    std::optional<View> look(Lock lock, Lock row_lock = Lock::no);
    std::vector<Ability> read_abilities(Lock lock);
    TripResult done(const View& view) const;
    std::optional<TripResult> look_again();
    std::optional<TripResult> judge_again(const View& view);
    void note_new(const View& view);
    void disable_again();
    TripResult undo(const Dark& dark);
    bool try_undo();

    std::vector<Ability> now_{};  // as the newest look saw them, of all channels
};

/// `detail`: what a library or the server said.
TripCause because_last(TripCause::Kind kind, const Dark& dark, std::string detail = {});

}  // namespace quotafuse::circuit_breaker
