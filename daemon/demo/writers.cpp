#include "daemon/demo/writers.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace quotafuse::demo {
namespace {

constexpr std::chrono::milliseconds kAfterFailure{200};
constexpr int kHeldRow = 3;  // which of a writer's rows is held: some of its own are around it

std::int64_t last_insert_id(sync::GatewaySession& session) {
    return std::stoll(session.query("SELECT LAST_INSERT_ID()").at(0).at(0).value());
}

}  // namespace

struct Writers::Writer {
    std::unique_ptr<sync::GatewaySession> session;
    RowGenerator generator;
    Random random;
    bool holds;
    int rows = 0;

    Writer(std::unique_ptr<sync::GatewaySession> with, Flavour flavour, const DemoGateway& gateway,
           std::uint64_t seed, bool holds_one)
        : session(std::move(with)),
          generator(seed, flavour, gateway),
          random(seed),
          holds(holds_one) {}

    double share() { return std::uniform_real_distribution<double>{0, 1}(random); }
    bool holds_now() const { return holds && rows == kHeldRow; }
};

Writers::Writers(std::vector<std::unique_ptr<sync::GatewaySession>> sessions, Flavour flavour,
                 const DemoGateway& gateway, WritersOptions options, const base::Clock& clock)
    : flavour_(flavour),
      options_(options),
      clock_(clock),
      end_(clock.mono() + options.length),
      holding_(std::min(options.held, static_cast<int>(sessions.size()))) {
    for (auto& session : sessions) {
        const auto number = writers_.size();
        writers_.push_back(std::make_unique<Writer>(std::move(session), flavour, gateway,
                                                    options.seed + number,
                                                    std::cmp_less(number, options.held)));
    }
    for (auto& writer : writers_) {
        threads_.emplace_back([this, &writer](const std::stop_token& stop) { run(*writer, stop); });
    }
}

Writers::~Writers() {
    for (auto& thread : threads_) thread.request_stop();
}

Written Writers::wait() {
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    auto written = written_.copy();
    for (auto* const list :
         {&written.committed, &written.held, &written.rolled_back, &written.unsure})
        std::sort(list->begin(), list->end());
    return written;
}

void Writers::run(Writer& writer, const std::stop_token& stop) {
    const auto on = [&] { return !stop.stop_requested() && clock_.mono() < end_; };
    while (on()) {
        for (const auto& row : writer.generator.event(base::unix_seconds(clock_.now()))) {
            if (!on()) break;
            try {
                write(writer, row, stop);
            } catch (const sync::GatewayError& e) {
                written_.with([&](Written& all) {
                    ++all.failures;
                    all.last_failure = e.what();
                });
                writer.session->rollback();
                pause(kAfterFailure, stop);
            }
        }
    }
    if (writer.holds && writer.rows < kHeldRow) holding_.with([](int& left) { --left; });
}

void Writers::write(Writer& writer, const LogInsert& row, const std::stop_token& stop) {
    auto& session = *writer.session;
    session.begin();
    session.execute(insert_sql(flavour_, session.kind(), {&row, 1}));
    const auto id = last_insert_id(session);
    ++writer.rows;
    const bool held = writer.holds_now();
    // Cubed: most pauses are short, as at a gateway, and a few are nearly the longest.
    const auto longest = static_cast<double>(options_.longest_pause.count());
    const auto usual =
        std::chrono::milliseconds{static_cast<std::int64_t>(longest * std::pow(writer.share(), 3))};
    pause(held ? options_.hold : usual, stop);
    const bool commits = !stop.stop_requested() && (held || writer.share() >= options_.rolled_back);
    if (!commits) session.rollback();
    try {
        if (commits) session.commit();
    } catch (const sync::GatewayError&) {
        written_.with([&](Written& all) { all.unsure.push_back(id); });
        if (held) holding_.with([](int& left) { --left; });
        throw;
    }
    if (held) holding_.with([](int& left) { --left; });
    written_.with([&](Written& all) {
        (commits ? all.committed : all.rolled_back).push_back(id);
        if (held && commits) all.held.push_back(id);
    });
}

void Writers::pause(std::chrono::milliseconds length, const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    wake_.wait_for(lock, stop, length, [] { return false; });
}

}  // namespace quotafuse::demo
