#include "bench/catch_up.h"

#include <filesystem>

#include "base/clock.h"
#include "sync/follower.h"

namespace quotafuse::bench {

Copied catch_up(const sync::Dsn& dsn, const std::string& path) {
    const base::SystemClock clock;
    Copied copied;
    {
        base::Database database{path, {sync::Store::schema()}};
        sync::Store store{database};
        const auto source = sync::make_source(dsn, {}, {});
        sync::Follower follower{*source, store.position(), {}, clock};
        const auto start = clock.mono();
        database.set_durable(false);
        for (bool drained = false; !drained;) {
            const auto poll = follower.next();
            drained = poll.drained;
            if (drained) database.set_durable(true);
            store.append(poll.batch, clock.now());
        }
        copied.seconds = std::chrono::duration<double>(clock.mono() - start).count();
        copied.rows = store.rows();
        database.handle().exec("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    copied.bytes = static_cast<std::int64_t>(std::filesystem::file_size(path));
    return copied;
}

}  // namespace quotafuse::bench
