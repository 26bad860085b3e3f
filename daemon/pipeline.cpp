#include "daemon/pipeline.h"

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>

#include "daemon/blind_spots.h"

namespace quotafuse::daemon {
namespace {

/// A clean stop lets running sends end, so that nothing is sent twice after it.
constexpr base::Milliseconds kLastSends{10'000};
/// Of filling windows in one turn: letters, pages and the end wait no longer.
constexpr base::Milliseconds kWarmUpSlice{50};
/// Of upkeep in one turn: so many steps delete what two full polls bring.
constexpr int kStepsOfFlood = 25;

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;  // clang 14 does not deduce it by itself

}  // namespace

Pipeline::Pipeline(Rooms rooms, Mailbox<Letter>& mailbox, std::function<void()> stored,
                   bool reloaded, const base::Clock& clock, const base::Log& log)
    : rooms_(rooms),
      mailbox_(mailbox),
      stored_(std::move(stored)),
      clock_(clock),
      log_(log),
      reloaded_(reloaded) {}

void Pipeline::run(const std::stop_token& stop) {
    const std::stop_callback wake{stop, [this] { mailbox_.wake(); }};
    while (!stop.stop_requested()) {
        collect(next_turn());
        turn();
    }
    finish();
}

/// At once while there are seconds to catch up with, a slice of them a turn.
base::MonoTime Pipeline::next_turn() const {
    const auto now = clock_.mono();
    if (!trouble_.empty()) return now + base::Seconds{1};
    if (evaluates_late() || more_upkeep_ || more_warm_up_ || more_traffic_) return now;
    return rooms_.courier.next_look();
}

/// There are seconds that have been seen and not yet evaluated.
bool Pipeline::evaluates_late() const {
    const auto horizon = rooms_.intake.horizon();
    return started_ && horizon && rooms_.engine.time() < *horizon;
}

void Pipeline::collect(base::MonoTime until) {
    for (auto& letter : mailbox_.take(until)) letters_.push_back(std::move(letter));
}

void Pipeline::turn() {
    write_store([this] {
        if (!started_) start();
        handle_letters();
        rooms_.errands.run();
        evaluate();
        look_at_itself();
        rooms_.courier.pump();
        warm_up();
        learn_traffic();
        keep_up();
    });
    rooms_.board.beat();
    publish();
}

void Pipeline::evaluate() {
    const auto horizon = rooms_.intake.horizon();
    // Before the source has been read through there is nothing to be evaluated or to be kept: the
    // next start begins where this one did.
    if (!horizon) return;
    rooms_.announcer.advance(*horizon);
    if (!rooms_.file.is_save_due()) return rooms_.announcer.checkpoint_if_due();
    // A window is of use to an engine that is not behind it.
    rooms_.announcer.checkpoint();
    rooms_.file.save_windows();
}

/// Between letters, so that the gateway is read, pages answer and other rules are evaluated
/// meanwhile. After a full round a window may come to be filled anew: names that change its choice.
void Pipeline::warm_up() {
    more_warm_up_ = rooms_.engine.warm_up(kWarmUpSlice);
    if (more_warm_up_ == told_warm_up_) return;
    if (more_warm_up_) {
        const auto warming = rooms_.engine.overview().warming.size();
        if (warming == 0) return;  // it makes ready what `usual` needs at the hour
        log_.info(fmt::format("rules: {} of {} are warming up from the store", warming,
                              rooms_.engine.rules().size()));
    } else {
        log_.info("rules: warmed up");
    }
    told_warm_up_ = more_warm_up_;
}

/// In short steps, as windows are filled; what waited for it goes out at once. Where nothing may be
/// tripped, days of rows are not read for it.
void Pipeline::learn_traffic() {
    const bool needed = rooms_.desk.needs_traffic() || rooms_.recovery.needs_traffic();
    const bool known = !needed || rooms_.desk.learn_traffic();
    if (needed && known && !told_traffic_) {
        log_.info("breaker: the requests that its guards judge by are counted");
        told_traffic_ = true;
    }
    if (known && more_traffic_) rooms_.desk.hand_over();
    more_traffic_ = !known;
}

/// Once a second, as the rules.
void Pipeline::look_at_itself() {
    if (looked_at_ == clock_.now()) return;
    const auto& source = rooms_.intake.state();
    auto overview = rooms_.engine.overview();
    add_unreadable(overview, rooms_.engine.rules(), source.kind_troubles);
    rooms_.silences.expire();
    rooms_.watch.look(overview);
    rooms_.recovery.tick();
    rooms_.desk.hand_over();
    rooms_.announcer.advance_self();
    // Nobody can mend that: it is in the log and in the status, and no news to people.
    add_unlogged(overview, rooms_.engine.rules(), source.gateway);
    rooms_.announcer.note_errors(overview.errors);
    rooms_.reports.put_due();
    looked_at_ = clock_.now();
}

/// Last, and only when nobody waits for this thread: rows and rules come first.
void Pipeline::keep_up() {
    more_upkeep_ = false;
    if (!started_ || evaluates_late()) return;
    // In a catch-up each turn brings up to two polls; what has to go for them keeps pace.
    const bool flood = rooms_.intake.state().phase == SourceState::Phase::catching_up;
    int steps = flood ? kStepsOfFlood : 1;
    do more_upkeep_ = rooms_.upkeep.step();
    while (more_upkeep_ && --steps > 0);
}

void Pipeline::handle_letters() {
    while (!letters_.empty()) {
        handle(letters_.front());
        letters_.pop_front();  // only now: after an exception it is dealt with again
    }
}

void Pipeline::publish() {
    auto overview = rooms_.engine.overview();
    add_unreadable(overview, rooms_.engine.rules(), rooms_.intake.state().kind_troubles);
    add_unlogged(overview, rooms_.engine.rules(), rooms_.intake.state().gateway);
    try {
        rooms_.board.publish({rooms_.store, overview, rooms_.self_alerts, rooms_.silences,
                              rooms_.outbox, rooms_.audit, rooms_.pause, rooms_.intake,
                              rooms_.upkeep, rooms_.database});
    } catch (const SQLite::Exception& e) {
        rooms_.board.note_error(fmt::format("store: cannot be read: {}", e.what()));
    }
}

/// What fails here is tried again with the next turn; what was restored stays so.
void Pipeline::start() {
    if (!restored_) {
        if (!rooms_.file.restore()) rooms_.intake.expect_backfill();
        rooms_.desk.resume();
        rooms_.recovery.resume();
        restored_ = true;
    }
    rooms_.file.expect_objects();
    rooms_.silences.load();
    rooms_.courier.start();
    using Kind = alerts::EngineEvent::Kind;
    rooms_.file.note(reloaded_ ? Kind::reloaded : Kind::started);
    started_ = true;
}

void Pipeline::handle(const Letter& letter) {
    std::visit(
        Overloaded{
            [&](const SourceNews& news) { handle_news(news); },
            [&](const notifiers::Dispatcher::Result& result) { rooms_.courier.take(result); },
            [&](const circuit_breaker::BreakerNews& of_breaker) { handle_breaker(of_breaker); },
            [&](const StoreVerdict& verdict) { rooms_.board.note(verdict); }},
        letter);
}

void Pipeline::handle_breaker(const circuit_breaker::BreakerNews& news) {
    std::visit(
        Overloaded{
            [&](const circuit_breaker::TripResult& result) { rooms_.desk.take(result); },
            [&](const circuit_breaker::ReturnResult& result) { rooms_.recovery.take(result); },
            [&](const circuit_breaker::Looked& looked) { rooms_.recovery.take(looked); }},
        news);
}

void Pipeline::handle_news(const SourceNews& news) {
    std::visit(Overloaded{[&](const sync::Poll& poll) {
                              rooms_.recovery.note_rows(rooms_.intake.take(poll));
                              stored_();
                          },
                          [&](const SourceTrouble& trouble) {
                              rooms_.board.note_error("gateway: " + trouble.text);
                              rooms_.intake.take(trouble);
                          },
                          [&](const MirrorTrouble& trouble) {
                              rooms_.board.note_error("store: " + trouble.text);
                              rooms_.intake.take(trouble);
                          },
                          [&](const sync::GatewayInfo& info) { handle_info(info); },
                          [&](const InfoTrouble& trouble) { handle_info_trouble(trouble); }},
               news);
}

void Pipeline::handle_info(const sync::GatewayInfo& info) {
    rooms_.intake.take(info);
    rooms_.engine.observe(rooms_.gauges.record(info, rooms_.engine.time()));
    rooms_.engine.use(rooms_.gauges.directory());
    rooms_.announcer.observe(info);
    rooms_.reports.observe(info);
    rooms_.board.observe(info);
}

/// A rule on gauges that nobody can read is told as blind, not as warming up for ever.
void Pipeline::handle_info_trouble(const InfoTrouble& trouble) {
    rooms_.intake.take(trouble);
    if (!rooms_.intake.is_blind()) return;
    rooms_.engine.observe(rooms_.gauges.refuse(rooms_.engine.time()));
}

/// A store that cannot be written (a full disk, a lock held by a backup) stops progress, says so
/// once, and is tried again; nothing is half-written, because every step is one transaction.
void Pipeline::write_store(const std::function<void()>& act) {
    try {
        act();
        if (trouble_.empty()) return;
        log_.info("store: can be written again");
        trouble_.clear();
        rooms_.board.note_store_trouble({});
        rooms_.watch.note_store_trouble({});
    } catch (const SQLite::Exception& e) {
        if (trouble_ != e.what()) {
            log_.error(fmt::format("store: cannot be written: {}; it is tried again every second",
                                   e.what()));
        }
        trouble_ = e.what();
        rooms_.board.note_error("store: " + trouble_);
        rooms_.board.note_store_trouble(trouble_);
        rooms_.watch.note_store_trouble(trouble_);
    }
}

void Pipeline::finish() {
    const auto deadline = clock_.mono() + kLastSends;
    do {
        write_store([this] { handle_letters(); });
        if (!rooms_.courier.busy()) break;
        collect(deadline);
    } while (clock_.mono() < deadline);
    write_store([this] {
        handle_letters();
        if (!started_) return;
        evaluate();
        if (rooms_.intake.horizon()) {
            rooms_.announcer.checkpoint();
            rooms_.file.save_windows();
        }
        rooms_.file.note(alerts::EngineEvent::Kind::stopped);
    });
}

}  // namespace quotafuse::daemon
