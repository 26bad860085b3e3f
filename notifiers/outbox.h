#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/database.h"
#include "notifiers/message.h"
#include "notifiers/outcome.h"

namespace quotafuse::notifiers {

/// One message for one notifier, to be sent.
struct Delivery {
    std::int64_t id = 0;
    std::string event_id;
    std::string notifier;
    Message message;
    int attempts = 0;  // begun so far
};

struct NotifierHealth {
    std::int64_t pending = 0;
    std::int64_t failed = 0;  // dead letters kept
    std::optional<base::Second> last_ok;
    std::optional<base::Second> last_failure;
    std::string last_error;  // stays after a success, see last_ok
};

/// What people are still to be told, and what they were told: tables in the one SQLite file, so
/// that it is written in the transaction that decided it and survives whatever happens. For each
/// notifier strictly in order of put(). Belongs to the pipeline thread. Database errors are
/// SQLite::Exception.
///
/// To deliver: next(), begin_attempt(), send, finish(). An attempt that a crash has cut off is
/// simply made again: at least once, never lost.
class Outbox {
public:
    enum class Fate { delivered, kept_for_retry, dead };

    static base::Schema schema();
    /// `db` must outlive this.
    explicit Outbox(base::Database& db) : db_(db) {}

    /// Puts a message in the caller's open transaction. It is not sent before `not_before`, and
    /// what was put later for the same notifier waits behind it. False, and nothing done, when this
    /// event was put for this notifier before.
    bool put(const std::string& event_id, const std::string& notifier, const Message& message,
             base::Second now, base::Second not_before);
    /// Says more in a message that waits: replaces it, and releases it at once, wherever no attempt
    /// was ever begun. The notifiers that this was done for, in no order; the others need a message
    /// of its own.
    std::vector<std::string> replace_unsent(const std::string& event_id, const Message& message);

    /// The head of that notifier's queue, if it is due and no attempt of it is running.
    std::optional<Delivery> next(const std::string& notifier, base::Second now);
    /// Commits the attempt: send only after it returns. Outside of any transaction.
    void begin_attempt(std::int64_t id, base::Second now);
    /// Records what became of the attempt. What failed for good stays as a dead letter with its
    /// reason.
    Fate finish(std::int64_t id, const Outcome& outcome, base::Second now);

    /// Gives up what waits for notifiers that no longer exist. How many messages that were.
    int retire_all_but(const std::vector<std::string>& notifiers, base::Second now);
    /// Forgets what was delivered or given up before that time.
    void prune(base::Second before);

    std::int64_t pending() const;
    std::int64_t failed() const;
    NotifierHealth health(const std::string& notifier) const;

private:
    void note_health(const std::string& notifier, const Outcome& outcome, base::Second now);

    base::Database& db_;
    std::map<std::string, std::int64_t> running_;  // notifier → its attempt of this process
};

}  // namespace quotafuse::notifiers
