#include "daemon/upkeep.h"

#include <fmt/format.h>

#include "alerts/state_store.h"

namespace quotafuse::daemon {
namespace {

constexpr std::chrono::hours kDay{24};
constexpr std::chrono::hours kPruneInterval{1};
constexpr int kMostEvents = 500;  // deleted in one step

}  // namespace

Upkeep::Upkeep(base::Database& database, sync::Store& store, alerts::Engine& engine,
               base::TimeZone zone, const base::Clock& clock, const base::Log& log)
    : database_(database),
      store_(store),
      engine_(engine),
      zone_(std::move(zone)),
      clock_(clock),
      log_(log),
      next_prune_(clock.mono()) {}

bool Upkeep::step() {
    database_.keep_journal_short();
    const auto done = store_.keep_up(clock_.now());
    if (!done.gone.empty()) engine_.forget(done.gone);
    note_room(done.for_room, done.more);
    return done.more || prune_history();
}

bool Upkeep::prune_history() {
    if (clock_.mono() < next_prune_) return false;
    base::WriteTransaction transaction{database_};
    const bool more = alerts::prune_history(database_, clock_.now() - kHistory, kMostEvents);
    transaction.commit();
    if (!more) next_prune_ = clock_.mono() + kPruneInterval;
    return more;
}

void Upkeep::note_room(bool gone_for_room, bool more) {
    const auto now = clock_.mono();
    if (gone_for_room) {
        to_tell_ = to_tell_ || !out_of_room_ || now - told_ >= kDay;
        out_of_room_ = true;
        last_gone_ = now;
    } else if (out_of_room_ && now - last_gone_ > kDay) {
        out_of_room_ = false;
    }
    if (!to_tell_ || more) return;
    to_tell_ = false;
    told_ = now;
    log_.warning(
        fmt::format("store: store.max_size is reached: rows before {} were deleted, sooner than "
                    "store.keep.rows asks for",
                    zone_.format(base::from_unix(store_.kept_since()))));
}

}  // namespace quotafuse::daemon
