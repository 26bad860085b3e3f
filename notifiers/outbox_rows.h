#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/database.h"
#include "notifiers/bundling.h"
#include "notifiers/message.h"
#include "notifiers/outcome.h"

namespace quotafuse::notifiers {

// How letters stand in the outbox's tables. What changes something does so within the caller's
// transaction; all throw SQLite::Exception.

/// What is known of where a letter is, as stored. `under_way` when no attempt of this process runs
/// means that the attempt was cut off, after which it may have arrived as well.
enum class Arrival { none = 0, under_way = 1, possible = 2 };

/// What a letter is in a list of many, as stored.
enum class Part { alone = 0, line = 1, begin = 2, end = 3 };

Part part_of(const Message& message);

/// A letter; of the first of a bundle, what is known of the bundle.
struct Stored {
    std::string event_id;
    std::string notifier;
    std::string message;                 // JSON
    std::optional<std::string> sent_as;  // the message of its last attempt, where that is another,
    std::optional<std::string> sent_id;  // and its event id
    std::int64_t put_at = 0;
    int attempts = 0;
    int doubts = 0;
    std::optional<base::Second> doubted_at;
    Arrival arrival = Arrival::none;
};

/// Empty where there is no such letter.
std::optional<Stored> read(base::Database& db, std::int64_t id);

/// What waits for one notifier and may go out now.
struct Line {
    std::optional<std::int64_t> begun;  // the delivery at its head that may have arrived,
    std::vector<Waiting> free;          // or what stands before the next such
};

/// `expire`: after so long its letters do, 0 = never. Not more than are looked at at once.
Line line_of(base::Database& db, const std::string& notifier, std::chrono::seconds expire,
             base::Second now);

/// Those of a delivery that still wait, in order of put(); its first is one of them.
std::vector<std::int64_t> letters_of(base::Database& db, std::int64_t delivery);
/// Nobody has it: it may expire, be amended, and go out with others at the next attempt.
void release(base::Database& db, std::int64_t delivery);
/// Each goes out alone from now on, as it is: as a line of another list it would be refused again.
/// Of a digest of what is no news only the first does, lest hundreds follow one by one.
void take_apart(base::Database& db, std::int64_t delivery, bool digest);

/// What became of an attempt, for NotifierHealth.
void note_health(base::Database& db, const std::string& notifier, const Outcome& outcome,
                 base::Second now);

}  // namespace quotafuse::notifiers
