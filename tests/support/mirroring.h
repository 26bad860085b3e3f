#pragma once

#include <deque>
#include <memory>
#include <string>

#include "base/database.h"
#include "support/simulated_source.h"
#include "sync/follower.h"
#include "sync/mirror.h"
#include "sync/store.h"

namespace quotafuse::tests {

/// What one run of the daemon holds in memory, and the file at `path` that outlives it. Destroyed
/// at any moment it loses what was read and not yet stored, as by kill -9.
class Mirroring {
public:
    Mirroring(const std::string& path, SimulatedGateway& gateway, sync::FollowOptions options,
              const base::Clock& clock)
        : clock_(clock),
          database_(path, {sync::Store::schema()}),
          store_(database_),
          source_(gateway.connect()),
          mirror_(sync::make_mirror(path)),
          follower_(*source_, *mirror_, store_.position(), options, clock),
          reached_(store_.position()) {
        database_.handle().exec("PRAGMA synchronous = OFF");
    }

    /// As the daemon's reader does: ahead of the store, but not where a comparison is due.
    sync::Poll poll() {
        if (suspect_) store_all();
        auto poll = follower_.next();
        suspect_ = poll.suspect;
        reached_ = poll.batch.position;
        waiting_.push_back(poll.batch);
        return poll;
    }
    void store_all() {
        while (!waiting_.empty()) store_one();
    }
    void store_one() {
        store_.append(waiting_.front(), clock_.now());
        waiting_.pop_front();
    }
    std::size_t waiting() const { return waiting_.size(); }
    bool suspect() const { return suspect_; }
    void keep_up() { store_.keep_up(clock_.now()); }

    const sync::Position& reached() const { return reached_; }
    sync::Store& store() { return store_; }
    sync::Mirror& mirror() { return *mirror_; }
    SQLite::Database& file() { return database_.handle(); }

private:
    const base::Clock& clock_;
    base::Database database_;
    sync::Store store_;
    std::unique_ptr<sync::LogSource> source_;
    std::unique_ptr<sync::Mirror> mirror_;
    sync::Follower follower_;
    sync::Position reached_;
    std::deque<sync::Batch> waiting_;
    bool suspect_ = false;
};

}  // namespace quotafuse::tests
