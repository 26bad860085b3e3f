#include "daemon/pipeline.h"

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>

namespace quotafuse::daemon {
namespace {

/// A clean stop lets running sends end, so that nothing is sent twice after it.
constexpr base::Milliseconds kLastSends{1200};

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};

}  // namespace

Pipeline::Pipeline(Rooms rooms, Mailbox<Letter>& mailbox, std::function<void()> stored, const base::Clock& clock,
                   const base::Log& log)
    : rooms_(rooms), mailbox_(mailbox), stored_(std::move(stored)), clock_(clock), log_(log) {}

void Pipeline::run(const std::stop_token& stop) {
    const std::stop_callback wake{stop, [this] { mailbox_.wake(); }};
    while (!stop.stop_requested()) {
        collect(trouble_.empty() ? rooms_.courier.next_look() : clock_.mono() + base::Seconds{1});
        turn();
    }
    finish();
}

void Pipeline::collect(base::MonoTime until) {
    for (auto& letter : mailbox_.take(until)) letters_.push_back(std::move(letter));
}

void Pipeline::turn() {
    try_to("write the store", [this] {
        if (!started_) start();
        while (!letters_.empty()) {
            handle(letters_.front());
            letters_.pop_front();  // only now: after an exception it is dealt with again
        }
        if (const auto horizon = rooms_.intake.horizon()) rooms_.announcer.advance(*horizon);
        rooms_.courier.pump();
    });
    rooms_.board.beat();
    try_to("read the store", [this] {
        rooms_.board.publish({rooms_.store, rooms_.engine, rooms_.outbox, rooms_.audit, rooms_.intake});
    });
}

void Pipeline::start() {
    rooms_.engine.restore(clock_.now());
    rooms_.announcer.resume();
    rooms_.courier.start();
    started_ = true;
}

void Pipeline::handle(const Letter& letter) {
    std::visit(Overloaded{[&](const SourceNews& news) { handle_news(news); },
                          [&](const notifiers::Dispatcher::Result& result) { rooms_.courier.take(result); },
                          [&](const circuit_breaker::TripResult& result) { rooms_.announcer.take(result); }},
               letter);
}

void Pipeline::handle_news(const SourceNews& news) {
    std::visit(Overloaded{[&](const sync::Poll& poll) {
                              rooms_.intake.take(poll);
                              stored_();
                          },
                          [&](const SourceTrouble& trouble) {
                              rooms_.board.note_error("gateway: " + trouble.text);
                              rooms_.intake.take(trouble);
                          },
                          [&](const sync::GatewayInfo& info) {
                              rooms_.intake.note_info_read();
                              rooms_.engine.set_gateway_info(info);
                              rooms_.announcer.observe(info);
                          },
                          [&](const InfoTrouble& trouble) { rooms_.intake.take(trouble); }},
               news);
}

/// A store that cannot be written (a full disk, a lock held by a backup) stops progress, says so once, and
/// is tried again; nothing is half-written, because every step is one transaction.
void Pipeline::try_to(const char* what, const std::function<void()>& act) {
    try {
        act();
        if (!trouble_.empty() && what[0] == 'w') {
            log_.info("store: can be written again");
            trouble_.clear();
            rooms_.board.note_store_trouble({});
        }
    } catch (const SQLite::Exception& e) {
        const auto text = fmt::format("cannot {}: {}", what, e.what());
        if (text != trouble_) log_.error(fmt::format("store: {}; it is tried again every second", text));
        trouble_ = text;
        rooms_.board.note_error("store: " + text);
        rooms_.board.note_store_trouble(e.what());
    }
}

void Pipeline::finish() {
    const auto deadline = clock_.mono() + kLastSends;
    while (rooms_.courier.busy() && clock_.mono() < deadline) collect(deadline);
    try_to("write the store", [this] {
        while (!letters_.empty()) {
            handle(letters_.front());
            letters_.pop_front();
        }
        if (started_) rooms_.announcer.checkpoint();
    });
}

}  // namespace quotafuse::daemon
