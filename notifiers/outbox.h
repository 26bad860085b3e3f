#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/database.h"
#include "notifiers/message.h"
#include "notifiers/outcome.h"
#include "notifiers/provider.h"

namespace quotafuse::notifiers {

struct Choice;  // notifiers/bundling.h

/// Something to be told to one notifier.
struct Letter {
    std::string event_id;
    std::string alert;  // the same in all letters of one episode of one series; empty: of none
    std::string batch;  // letters of one batch go out as one message; empty: of none
    Message message;
    bool keeps = false;  // it never expires: critical ones and those of the breaker
};

/// Letters that go out as one message: what the editor makes it from. In order of put().
struct Bundle {
    enum class Why {
        batch,    // one rule and tick, several keys
        queue,    // more waits than should be read one by one
        both,     // an alert that began and ended before anybody heard of it
        expired,  // too old to be news: a digest
    };
    struct Item {
        Message message;
        base::Second put_at{};
    };
    Why why = Why::queue;
    std::vector<Item> items;
    std::size_t most_lines = 20;  // that the service takes, see Recipe::most_lines()
    base::Second now{};           // when it is about to be sent
};
/// Writes one message for a bundle, in the language of the configuration. Every item must stand in
/// it: as a line of its own, or counted in one.
using Editor = std::function<Message(const Bundle&)>;

/// One message for one notifier, to be sent.
struct Delivery {
    enum class Form {
        on_record,  // as in its last attempt
        own,        // one letter, as it was put
        edited,     // of the editor
    };
    std::int64_t id = 0;  // of its first letter
    std::string notifier;
    Mail mail;
    int attempts = 0;                   // of its first letter, begun so far
    std::vector<std::int64_t> letters;  // all that it carries, its first too
    Form form = Form::on_record;
};

struct NotifierHealth {
    std::int64_t pending = 0;  // letters, not messages
    std::int64_t failed = 0;   // dead letters kept
    std::optional<base::Second> last_ok;
    std::optional<base::Second> last_failure;
    std::string last_error;  // stays after a success, see last_ok
    std::string advice;      // to last_error; may be empty
};

/// A letter as it stands in the outbox, for people who ask.
struct Filed {
    enum class State { waiting, delivered, dead };
    std::int64_t id = 0;
    std::string event_id;
    std::string notifier;
    std::string title;
    std::string alert;  // the first of Message::alerts; empty for none
    State state = State::waiting;
    base::Second put_at{};
    std::optional<base::Second> ended_at;
    int attempts = 0;
    std::string error;
    std::optional<std::int64_t> sent_with;  // the delivery whose message it is a part of
};

/// What people are still to be told, and what they were told: tables in the one SQLite file, so
/// that it is written in the transaction that decided it and survives whatever happens. For each
/// notifier strictly in order of put(). Belongs to the pipeline thread. Database errors are
/// SQLite::Exception.
///
/// To deliver: next(), begin_attempt(), send, finish(). What may have arrived (the outcome was
/// ambiguous, or a crash cut the attempt off) comes again as it was, with the same letters, text
/// and event id: at least once, never lost. What has not arrived is free again: it may be amended,
/// expire, and go out with what was put since. Its first letter lends it its event id; said anew
/// after an attempt it gets one of its own ("<event id>-<attempts>"), so that a receiver that drops
/// what it has seen drops nothing that is new, even if it lied when it said that it failed.
///
/// Letters wait without end for a service that is not reached or asks for patience. One that the
/// service itself answers with failures is given up after the bound of its outcomes: a bundle is
/// taken apart, one letter becomes a dead letter with the reason.
class Outbox {
public:
    enum class Fate {
        delivered,
        kept_for_retry,
        taken_apart,  // many were refused as one message: each goes out alone, and never expires
        dead,
    };
    /// More than this many letters that wait are told in one message.
    static constexpr std::size_t kReadOneByOne = 3;
    /// And so many at most, unless a notifier takes fewer.
    static constexpr std::size_t kMostInOne = 20;

    static base::Schema schema();
    /// `db` must outlive this.
    Outbox(base::Database& db, Editor editor);

    /// After how long a notifier's letters expire; 0 (the default) = never.
    void set_expiry(const std::string& notifier, std::chrono::seconds expire);

    /// How many letters of it go out as one list; kMostInOne is the default.
    void set_most_in_one(const std::string& notifier, std::size_t most);

    /// Puts a letter in the caller's open transaction. It is not sent before `not_before`, and
    /// what was put later for the same notifier waits behind it. False, and nothing done, when this
    /// event was put for this notifier before.
    bool put(const Letter& letter, const std::string& notifier, base::Second now,
             base::Second not_before);
    /// Says more in a letter that waits: replaces its message wherever it cannot have arrived, and
    /// releases it at once, or leaves it until its not_before for what is still to be said. The
    /// notifiers that this was done for, in no order; the others need a letter of its own.
    enum class Then { release, wait };
    std::vector<std::string> replace_unsent(const std::string& event_id, const Message& message,
                                            Then then = Then::release);

    /// What is to be sent next to that notifier, if its head is due and no attempt of it is
    /// running: one letter, or a bundle where that is better to read (see Bundle::Why). A delivery
    /// that may have arrived comes again as it was.
    std::optional<Delivery> next(const std::string& notifier, base::Second now);
    /// Commits the attempt, with the letters and the text of the delivery: send only after it
    /// returns. Outside of any transaction.
    void begin_attempt(const Delivery& delivery, base::Second now);
    /// Records what became of the attempt. What failed for good stays as dead letters with the
    /// reason.
    Fate finish(std::int64_t delivery, const Outcome& outcome, base::Second now);

    /// Dead letters for these notifiers wait again, behind what waits. How many: of that id, or of
    /// all where none is given. In the caller's transaction or in none.
    int retry(std::optional<std::int64_t> id, const std::vector<std::string>& notifiers);

    /// Gives up what waits for notifiers that no longer exist. How many letters that were.
    int retire_all_but(const std::vector<std::string>& notifiers, base::Second now);
    /// Forgets what was delivered or given up before that time.
    void prune(base::Second before);

    std::int64_t pending() const;
    std::int64_t failed() const;
    NotifierHealth health(const std::string& notifier) const;
    /// When the last attempts of its deliveries were begun, one a delivery, oldest first: those
    /// since `from`.
    std::vector<base::Second> begun(const std::string& notifier, base::Second from) const;

private:
    std::optional<Delivery> again(std::int64_t id, base::Second now);
    std::optional<Delivery> compose(const Choice& choice, std::size_t most, base::Second now);

    base::Database& db_;
    Editor editor_;
    std::map<std::string, std::chrono::seconds> expiry_;
    std::map<std::string, std::size_t> most_in_one_;
    std::map<std::string, std::int64_t> running_;  // notifier → its delivery of this process
};

/// Which letters are asked for.
struct FiledQuery {
    std::optional<Filed::State> state{};  // empty: of any
    std::size_t most = 200;
    std::optional<std::int64_t> before{};  // only those with a smaller id
};

/// The letters of an outbox that somebody else may be writing, the newest first. It examines no
/// more letters of another state than it must: dead and waiting ones have their indexes.
std::vector<Filed> filed(SQLite::Database& db, const FiledQuery& query);

}  // namespace quotafuse::notifiers
