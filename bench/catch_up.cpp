#include "bench/catch_up.h"

#include <filesystem>

#include "base/clock.h"
#include "sync/mirror.h"
#include "sync/read_ahead.h"

namespace quotafuse::bench {

Copied catch_up(const sync::Dsn& dsn, const std::string& path) {
    const base::SystemClock clock;
    Copied copied;
    {
        base::Database database{path, {sync::Store::schema()}};
        sync::Store store{database};
        const auto source = sync::make_source(dsn, {}, {});
        const auto mirror = sync::make_mirror(path);
        const auto start = clock.mono();
        database.set_durable(false);
        sync::ReadAhead reader{*source, *mirror, store.position(), {}, clock};
        while (const auto poll = reader.next()) {
            if (poll->drained) database.set_durable(true);
            store.append(poll->batch, clock.now());
        }
        copied.seconds = std::chrono::duration<double>(clock.mono() - start).count();
        copied.rows = store.rows();
        copied.texts = database.handle()
                           .execAndGet("SELECT sum(pgsize) FROM dbstat WHERE name GLOB 'row_text*'")
                           .getInt64();
        database.handle().exec("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    copied.bytes = static_cast<std::int64_t>(std::filesystem::file_size(path));
    return copied;
}

}  // namespace quotafuse::bench
