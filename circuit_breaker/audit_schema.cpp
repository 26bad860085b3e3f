#include "circuit_breaker/audit.h"

namespace quotafuse::circuit_breaker {
namespace {

constexpr const char* kTables = R"(
CREATE TABLE breaker_intents(
    trip TEXT PRIMARY KEY, channel INTEGER NOT NULL, reason TEXT NOT NULL, mode TEXT NOT NULL,
    gateway TEXT NOT NULL, even_if_last INTEGER NOT NULL, asked_at INTEGER NOT NULL,
    notifiers TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE breaker_audit(
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, trip TEXT NOT NULL, channel INTEGER NOT NULL,
    channel_name TEXT NOT NULL, mode TEXT NOT NULL, step TEXT NOT NULL, reason TEXT NOT NULL,
    why TEXT NOT NULL, status_written INTEGER NOT NULL, dark TEXT NOT NULL, unused_dark TEXT NOT NULL,
    before TEXT NOT NULL, after TEXT NOT NULL, open INTEGER NOT NULL,
    UNIQUE(trip, step)
);
CREATE INDEX breaker_audit_at ON breaker_audit(at);
CREATE INDEX breaker_audit_open ON breaker_audit(open) WHERE open = 1;
)";

// Of what was released before there was a cause its text tells it.
constexpr const char* kCauses = R"(
ALTER TABLE breaker_audit ADD COLUMN cause TEXT NOT NULL DEFAULT '';
UPDATE breaker_audit SET cause = CASE why
    WHEN 'a person disabled it by hand' THEN 'disabled by hand'
    WHEN 'the channel was deleted' THEN 'deleted'
    ELSE 'enabled' END
WHERE step = 'released';
)";

// Targets of any kind, and circuits in place of the entry that was marked as open. Columns of JSON:
// recover, leading, notifiers, dark, unused_dark, before, after, kept. Times are unix seconds, 0 =
// none. A trip has as many entries of a step as it came to that step: trials repeat.
constexpr const char* kCircuits = R"(
CREATE TABLE breaker_circuits(
    trip TEXT PRIMARY KEY, target_key TEXT NOT NULL, target_kind TEXT NOT NULL,
    channel INTEGER NOT NULL, model TEXT NOT NULL, token INTEGER NOT NULL, user INTEGER NOT NULL,
    token_name TEXT NOT NULL, name TEXT NOT NULL, gateway TEXT NOT NULL, reason TEXT NOT NULL,
    rule TEXT NOT NULL, series TEXT NOT NULL, state TEXT NOT NULL, opened_at INTEGER NOT NULL,
    status_written INTEGER NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
    recover TEXT NOT NULL, back_at INTEGER NOT NULL, failed_trials INTEGER NOT NULL,
    trial_at INTEGER NOT NULL, kept TEXT NOT NULL, leading TEXT NOT NULL, pending TEXT NOT NULL,
    pending_at INTEGER NOT NULL, off_since INTEGER NOT NULL, asked_again INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX breaker_circuits_target ON breaker_circuits(target_key);
CREATE TABLE breaker_pause(
    id INTEGER PRIMARY KEY CHECK(id = 1), since INTEGER NOT NULL, until INTEGER NOT NULL,
    reason TEXT NOT NULL
);

ALTER TABLE breaker_intents ADD COLUMN target_kind TEXT NOT NULL DEFAULT 'channel';
ALTER TABLE breaker_intents ADD COLUMN model TEXT NOT NULL DEFAULT '';
ALTER TABLE breaker_intents ADD COLUMN token INTEGER NOT NULL DEFAULT 0;
ALTER TABLE breaker_intents ADD COLUMN user INTEGER NOT NULL DEFAULT 0;
ALTER TABLE breaker_intents ADD COLUMN token_name TEXT NOT NULL DEFAULT '';
ALTER TABLE breaker_intents ADD COLUMN target_key TEXT NOT NULL DEFAULT '';
ALTER TABLE breaker_intents ADD COLUMN recover TEXT NOT NULL DEFAULT '';
ALTER TABLE breaker_intents ADD COLUMN back_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE breaker_intents ADD COLUMN rule TEXT NOT NULL DEFAULT '';
ALTER TABLE breaker_intents ADD COLUMN series TEXT NOT NULL DEFAULT '';
ALTER TABLE breaker_intents ADD COLUMN leading TEXT NOT NULL DEFAULT '';
UPDATE breaker_intents SET target_key = 'c' || channel;

-- Which gateway it was is not on record, but One API has no other_info.
INSERT OR REPLACE INTO breaker_circuits
SELECT trip, 'c' || channel, 'channel', channel, '', 0, 0, '', channel_name,
    iif(iif(after = '', before, after) LIKE '%"other_info":null%', 'one-api', 'new-api'), reason,
    '', '', iif(step = 'unknown', 'unsure', 'open'), at, status_written, before, after, '', 0, 0,
    0, '', '', '', 0, at, 0
FROM breaker_audit WHERE open = 1 ORDER BY id;
-- Of what nobody knows the intent is kept from now on, so that it is asked again.
INSERT OR IGNORE INTO breaker_intents(trip, channel, reason, mode, gateway, even_if_last, asked_at,
    notifiers, target_key)
SELECT trip, channel, reason, 'live', gateway, 0, opened_at, '[]', target_key
FROM breaker_circuits WHERE state = 'unsure';

CREATE TABLE breaker_entries(
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, trip TEXT NOT NULL, target_kind TEXT NOT NULL,
    channel INTEGER NOT NULL, model TEXT NOT NULL, token INTEGER NOT NULL, user INTEGER NOT NULL,
    token_name TEXT NOT NULL, name TEXT NOT NULL, mode TEXT NOT NULL, step TEXT NOT NULL,
    rule TEXT NOT NULL, series TEXT NOT NULL, reason TEXT NOT NULL, why TEXT NOT NULL,
    change TEXT NOT NULL, cause TEXT NOT NULL, status_written INTEGER NOT NULL, dark TEXT NOT NULL,
    unused_dark TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, leading TEXT NOT NULL
);
INSERT INTO breaker_entries
SELECT id, at, trip, 'channel', channel, '', 0, 0, '', channel_name, mode, step, '', '', reason,
    why, cause, '', status_written, dark, unused_dark, before, after, ''
FROM breaker_audit ORDER BY id;
DROP TABLE breaker_audit;
ALTER TABLE breaker_entries RENAME TO breaker_audit;
CREATE INDEX breaker_audit_at ON breaker_audit(at);
CREATE INDEX breaker_audit_trip ON breaker_audit(trip);
)";

// What a trial is about to replace, what people have heard of a return, and how what comes back is
// switched off again.
constexpr const char* kIntended = R"(
ALTER TABLE breaker_circuits ADD COLUMN intended TEXT NOT NULL DEFAULT '';
ALTER TABLE breaker_circuits ADD COLUMN told TEXT NOT NULL DEFAULT '';
ALTER TABLE breaker_audit ADD COLUMN recover TEXT NOT NULL DEFAULT '';
)";

}  // namespace

base::Schema Audit::schema() {
    return {"circuit_breaker", {kTables, kCauses, kCircuits, kIntended}};
}

}  // namespace quotafuse::circuit_breaker
