#include <limits>
#include <random>

#include <doctest/doctest.h>

#include "circuit_breaker/recovery_plan.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace std::chrono_literals;
using Kind = base::Recovery::Kind;
using State = Circuit::State;
using Step = std::optional<Way>;

namespace {

constexpr auto kNow = base::Second{base::Seconds{1'767'600'000}};
const Step kNothing{};

Circuit off(Kind kind) {
    Circuit circuit;
    circuit.trip_id = "t";
    circuit.target = Target::of_channel(3);
    circuit.opened_at = kNow;
    circuit.recover.kind = kind;
    circuit.recover.wait = 300s;
    circuit.recover.longest = 6h;
    circuit.recover.attempts = 20;
    circuit.recover.most_errors = 2;
    circuit.recover.probe_time = 600s;
    if (kind != Kind::manual) circuit.back_at = kNow + 300s;
    return circuit;
}

Circuit on_trial(base::Second since = kNow + 300s) {
    auto circuit = off(Kind::half_open);
    circuit.state = State::trial;
    circuit.trial_at = circuit.pending_at = since;
    return circuit;
}

RecoveryView at(base::Second now) {
    RecoveryView view;
    view.now = now;
    return view;
}

/// During a trial that began at kNow + 300s.
RecoveryView watched(base::Seconds since, std::int64_t attempts, std::int64_t errors) {
    auto view = at(kNow + 300s + since);
    view.attempts = attempts;
    view.errors = errors;
    return view;
}

}  // namespace

TEST_CASE("what is to be given back by hand stays off for ever") {
    CHECK(next_step(off(Kind::manual), at(kNow + 24h * 3650)) == kNothing);
    auto timed = off(Kind::manual);
    timed.back_at = kNow;  // the kind decides
    CHECK(next_step(timed, at(kNow + 1h)) == kNothing);
    for (const auto kind : {Kind::after, Kind::tomorrow, Kind::next_month, Kind::half_open}) {
        auto circuit = off(kind);
        circuit.back_at = {};
        CHECK(next_step(circuit, at(kNow + 24h * 3650)) == kNothing);
    }
}

TEST_CASE("what is due comes back once its alert is over") {
    for (const auto kind : {Kind::after, Kind::tomorrow, Kind::next_month}) {
        const auto circuit = off(kind);
        CHECK(next_step(circuit, at(kNow + 299s)) == kNothing);
        CHECK(next_step(circuit, at(kNow + 300s)) == Way::whole);
        auto firing = at(kNow + 9h);
        firing.alert_fires = true;
        CHECK(next_step(circuit, firing) == kNothing);
        firing.alert_fires = false;
        CHECK(next_step(circuit, firing) == Way::whole);
    }
}

TEST_CASE("a half-open circuit that is due begins a trial") {
    CHECK(next_step(off(Kind::half_open), at(kNow + 299s)) == kNothing);
    CHECK(next_step(off(Kind::half_open), at(kNow + 300s)) == Way::trial);
    auto firing = at(kNow + 1h);
    firing.alert_fires = true;
    CHECK(next_step(off(Kind::half_open), firing) == kNothing);
    auto model = off(Kind::half_open);
    model.target = Target::of_model(3, "o1");  // has no rank to be tried at
    CHECK(next_step(model, at(kNow + 300s)) == Way::whole);
}

TEST_CASE("a trial settles when enough was watched and little failed") {
    CHECK(next_step(on_trial(), watched(5s, 19, 0)) == kNothing);
    CHECK(next_step(on_trial(), watched(5s, 20, 2)) == Way::settle);
    CHECK(next_step(on_trial(), watched(600s, 20, 0)) == Way::settle);
    CHECK(next_step(on_trial(), watched(5s, 500, 0)) == Way::settle);
}

TEST_CASE("a trial ends at once when too much fails, the alert fires or the gateway ends it") {
    CHECK(next_step(on_trial(), watched(1s, 2, 2)) == kNothing);
    CHECK(next_step(on_trial(), watched(1s, 3, 3)) == Way::again);
    CHECK(next_step(on_trial(), watched(1s, 500, 3)) == Way::again);
    auto firing = watched(1s, 20, 0);
    firing.alert_fires = true;
    CHECK(next_step(on_trial(), firing) == Way::again);
    auto disabled = watched(1s, 20, 0);
    disabled.gateway_disabled = true;
    CHECK(next_step(on_trial(), disabled) == Way::again);
}

TEST_CASE("too little traffic is no success") {
    CHECK(next_step(on_trial(), watched(599s, 19, 0)) == kNothing);
    CHECK(next_step(on_trial(), watched(600s, 19, 0)) == Way::again);
    CHECK(next_step(on_trial(), watched(600s, 0, 0)) == Way::again);
    CHECK(next_step(on_trial(), watched(9h, 0, 0)) == Way::again);
}

TEST_CASE("nothing is planned while a return is pending or nobody knows what became of a trip") {
    auto view = watched(9h, 20, 20);
    auto circuit = on_trial();
    circuit.pending = Way::settle;
    CHECK(next_step(circuit, view) == kNothing);
    circuit = off(Kind::after);
    circuit.pending = Way::whole;
    CHECK(next_step(circuit, view) == kNothing);
    circuit = off(Kind::after);
    circuit.state = State::unsure;
    CHECK(next_step(circuit, view) == kNothing);
}

TEST_CASE("what came to nothing is asked for again, but not each second") {
    auto circuit = off(Kind::after);
    circuit.pending_at = kNow + 400s;
    CHECK(next_step(circuit, at(kNow + 459s)) == kNothing);
    CHECK(next_step(circuit, at(kNow + 460s)) == Way::whole);
    auto trial = on_trial();
    trial.pending_at = trial.trial_at + 10s;  // ending it was refused
    CHECK(next_step(trial, watched(69s, 20, 20)) == kNothing);
    CHECK(next_step(trial, watched(70s, 20, 20)) == Way::again);
}

TEST_CASE("after a failed trial the wait doubles up to the longest") {
    auto circuit = on_trial();
    circuit.recover.longest = 3000s;
    circuit.kept = "{}";
    circuit.pending = Way::again;
    std::vector<std::int64_t> waits;
    for (int i = 0; i < 6; ++i) {
        circuit = after_failed_trial(circuit, kNow);
        waits.push_back((circuit.back_at - kNow).count());
    }
    CHECK(waits == std::vector<std::int64_t>{600, 1200, 2400, 3000, 3000, 3000});
    CHECK(circuit.state == State::open);
    CHECK(circuit.failed_trials == 6);
    CHECK(circuit.trial_at == base::Second{});
    CHECK(circuit.kept.empty());
    CHECK_FALSE(circuit.pending);
    CHECK(next_step(circuit, at(kNow + 2999s)) == kNothing);
    CHECK(next_step(circuit, at(kNow + 3000s)) == Way::trial);

    auto by_hand = on_trial();  // a person began the trial
    by_hand.recover = {};
    by_hand.back_at = {};
    by_hand = after_failed_trial(by_hand, kNow);
    CHECK(by_hand.back_at == base::Second{});
    CHECK(next_step(by_hand, at(kNow + 9h)) == kNothing);
}

TEST_CASE("the wait grows, never exceeds the longest and never overflows") {
    std::mt19937_64 random{20260105};
    const auto up_to = [&](std::int64_t most) {
        // As many small values as large ones.
        const auto bits = std::uniform_int_distribution<int>{0, 62}(random);
        const auto value = static_cast<std::int64_t>(random() >> (64 - bits - 1)) & most;
        return std::min(value, most);
    };
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    for (int i = 0; i < 20'000; ++i) {
        auto circuit = on_trial();
        circuit.recover.wait = base::Seconds{up_to(kMost)};
        circuit.recover.longest = base::Seconds{up_to(kMost)};
        circuit.failed_trials = static_cast<int>(up_to(std::numeric_limits<int>::max()));
        const auto now = base::Second{base::Seconds{up_to(kMost)}};
        INFO("wait ", circuit.recover.wait.count(), ", longest ", circuit.recover.longest.count(),
             ", failed ", circuit.failed_trials, ", now ", base::unix_seconds(now));
        const auto failed = after_failed_trial(circuit, now);
        REQUIRE(failed.back_at >= now);
        const auto wait = failed.back_at - now;
        REQUIRE(wait <= circuit.recover.longest);
        const bool far_off = failed.back_at == base::Second::max();
        REQUIRE((far_off || wait >= std::min(circuit.recover.wait, circuit.recover.longest)));
        REQUIRE(failed.failed_trials >= circuit.failed_trials);
        const auto later = after_failed_trial(failed, now);
        REQUIRE(later.back_at >= failed.back_at);
        // Exactly the formula, where it can be computed.
        const bool small = circuit.recover.wait < 1000h * 1000 && failed.failed_trials < 20;
        if (small && !far_off && circuit.recover.wait > 0s) {
            const auto exact = circuit.recover.wait * (1 << failed.failed_trials);
            REQUIRE(wait == std::min<base::Seconds>(exact, circuit.recover.longest));
        }
    }
}
