// The outbox's tables. What is put there once is never changed, only added to.
#include "notifiers/outbox.h"

namespace quotafuse::notifiers {
namespace {

// state: 0 waits, 1 delivered, 2 dead. doubts: how much of the patience with it is used
// up, see kPatience; what an outage cost does not count. An id is never used again.
constexpr const char* kTables = R"sql(
CREATE TABLE outbox(
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id   TEXT NOT NULL,
    notifier   TEXT NOT NULL,
    message    TEXT NOT NULL,
    put_at     INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    state      INTEGER NOT NULL DEFAULT 0,
    attempts   INTEGER NOT NULL DEFAULT 0,
    doubts     INTEGER NOT NULL DEFAULT 0,
    begun_at   INTEGER,
    ended_at   INTEGER,
    error      TEXT NOT NULL DEFAULT '',
    UNIQUE(event_id, notifier)
);
CREATE INDEX outbox_waiting ON outbox(notifier, id) WHERE state = 0;
CREATE INDEX outbox_ended ON outbox(ended_at) WHERE state > 0;
CREATE INDEX outbox_dead ON outbox(notifier) WHERE state = 2;
CREATE TABLE notifier_health(
    notifier     TEXT PRIMARY KEY,
    last_ok      INTEGER,
    last_failure INTEGER,
    last_error   TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
)sql";

// turn: the order among those that wait. part: see Part. sent_with: the first letter of the bundle
// that an attempt was begun of, in which sent_as is its text. How grave a letter is that an earlier
// version left is not known, so it never expires.
constexpr const char* kBundles = R"sql(
ALTER TABLE outbox ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN alert TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN batch TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN part INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN keeps INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN sent_with INTEGER;
ALTER TABLE outbox ADD COLUMN sent_as TEXT;
UPDATE outbox SET turn = id, keeps = 1 WHERE state = 0;
DROP INDEX outbox_waiting;
CREATE INDEX outbox_waiting ON outbox(notifier, turn) WHERE state = 0;
CREATE INDEX outbox_bundle ON outbox(sent_with) WHERE sent_with IS NOT NULL;
ALTER TABLE notifier_health ADD COLUMN advice TEXT NOT NULL DEFAULT '';
)sql";

// arrival: see Arrival. doubted_at: of the last outcome that counted in `doubts`. sent_id: the
// event id of its last attempt, where that is not its own. Of what an earlier version tried nobody
// knows whether it arrived.
constexpr const char* kArrivals = R"sql(
ALTER TABLE outbox ADD COLUMN arrival INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN doubted_at INTEGER;
ALTER TABLE outbox ADD COLUMN sent_id TEXT;
UPDATE outbox SET arrival = 2, doubts = 0 WHERE state = 0 AND attempts > 0;
)sql";

}  // namespace

base::Schema Outbox::schema() {
    return {"notifiers", {kTables, kBundles, kArrivals}};
}

}  // namespace quotafuse::notifiers
