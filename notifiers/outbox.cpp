#include "notifiers/outbox.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include <fmt/format.h>

#include "notifiers/bundling.h"
#include "notifiers/outbox_rows.h"

namespace quotafuse::notifiers {
namespace {

constexpr const char* kUnreadable = "the stored message cannot be read";

/// The patience with one letter: an outcome that bounds the tries to n uses up 1/n of it.
constexpr int kPatience = 360;

/// `many`: it is of several letters, each of which could go out alone.
Outbox::Fate fate_of(const Outcome& outcome, int doubts, bool many) {
    switch (outcome.kind) {
        case Outcome::Kind::ok:
            return Outbox::Fate::delivered;
        case Outcome::Kind::permanent:
            return outcome.of_this_text && many ? Outbox::Fate::taken_apart : Outbox::Fate::dead;
        case Outcome::Kind::transient:
        case Outcome::Kind::ambiguous:
            if (doubts < kPatience) return Outbox::Fate::kept_for_retry;
            return many ? Outbox::Fate::taken_apart : Outbox::Fate::dead;
    }
    std::abort();
}

int state_of(Outbox::Fate fate) {
    switch (fate) {
        case Outbox::Fate::kept_for_retry:
        case Outbox::Fate::taken_apart:
            return 0;
        case Outbox::Fate::delivered:
            return 1;
        case Outbox::Fate::dead:
            return 2;
    }
    std::abort();
}

/// The event id under which `json` goes out. Receivers drop what they have seen, and a service that
/// says that it failed may have seen it: what is said anew has an id of its own.
std::string id_for(const Stored& first, const std::string& json) {
    if (first.attempts == 0) return first.event_id;
    if (first.sent_as.value_or(first.message) == json)
        return first.sent_id.value_or(first.event_id);
    return fmt::format("{}-{}", first.event_id, first.attempts);
}

/// Adds what this outcome uses up of the patience. A clock that was set back delays nothing.
void count_doubt(Stored& stored, const Outcome& outcome, base::Second now) {
    if (outcome.most_attempts == 0) return;
    const auto last = stored.doubted_at;
    if (last && now >= *last && now - *last < outcome.apart) return;
    stored.doubts += (kPatience + outcome.most_attempts - 1) / outcome.most_attempts;
    stored.doubted_at = now;
}

bool is_digest(const Stored& stored) {
    const auto message = stored.sent_as ? message_from_json(*stored.sent_as) : std::nullopt;
    return message && message->kind == Message::Kind::digest;
}

}  // namespace

Outbox::Outbox(base::Database& db, Editor editor) : db_(db), editor_(std::move(editor)) {}

void Outbox::set_expiry(const std::string& notifier, std::chrono::seconds expire) {
    expiry_[notifier] = expire;
}

void Outbox::set_most_in_one(const std::string& notifier, std::size_t most) {
    most_in_one_[notifier] = most;
}

bool Outbox::put(const Letter& letter, const std::string& notifier, base::Second now,
                 base::Second not_before) {
    SQLite::Statement insert{
        db_.handle(),
        "INSERT INTO outbox(event_id, notifier, message, put_at, not_before, alert, batch, part, "
        "keeps, turn) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
        "(SELECT ifnull(max(turn), 0) + 1 FROM outbox WHERE notifier = ?2 AND state = 0)) "
        "ON CONFLICT(event_id, notifier) DO NOTHING"};
    insert.bind(1, letter.event_id);
    insert.bind(2, notifier);
    insert.bind(3, to_json(letter.message));
    insert.bind(4, base::unix_seconds(now));
    insert.bind(5, base::unix_seconds(not_before));
    insert.bind(6, letter.alert);
    insert.bind(7, letter.batch);
    insert.bind(8, static_cast<int>(part_of(letter.message)));
    insert.bind(9, letter.keeps ? 1 : 0);
    return insert.exec() > 0;
}

std::vector<std::string> Outbox::replace_unsent(const std::string& event_id, const Message& message,
                                                Then then) {
    SQLite::Statement update{db_.handle(),
                             "UPDATE outbox SET message = ?1, part = ?2, "
                             "not_before = CASE WHEN ?4 THEN 0 ELSE not_before END, sent_as = "
                             "CASE WHEN attempts > 0 THEN ifnull(sent_as, message) END "
                             "WHERE event_id = ?3 AND state = 0 AND arrival = 0 "
                             "RETURNING notifier"};
    update.bind(1, to_json(message));
    update.bind(2, static_cast<int>(part_of(message)));
    update.bind(3, event_id);
    update.bind(4, then == Then::release ? 1 : 0);
    std::vector<std::string> amended;
    while (update.executeStep()) amended.push_back(update.getColumn(0).getString());
    return amended;
}

std::optional<Delivery> Outbox::next(const std::string& notifier, base::Second now) {
    if (running_.contains(notifier)) return std::nullopt;
    const auto expiry = expiry_.find(notifier);
    const auto expire = expiry == expiry_.end() ? std::chrono::seconds{0} : expiry->second;
    const auto set = most_in_one_.find(notifier);
    const auto most = set == most_in_one_.end() ? kMostInOne : set->second;
    while (true) {
        const auto line = line_of(db_, notifier, expire, now);
        if (!line.begun && line.free.empty()) return std::nullopt;
        auto delivery =
            line.begun ? again(*line.begun, now) : compose(choose(line.free, most), most, now);
        if (delivery) return delivery;
    }
}

std::optional<Delivery> Outbox::again(std::int64_t id, base::Second now) {
    auto letters = letters_of(db_, id);
    auto stored = read(db_, id).value();
    auto message = message_from_json(stored.sent_as.value_or(stored.message));
    if (!message) {
        Outcome unreadable{Outcome::Kind::permanent, {}, kUnreadable};
        unreadable.of_this_text = true;  // of many, each may still be readable
        finish(id, unreadable, now);
        return std::nullopt;
    }
    return Delivery{
        id, std::move(stored.notifier),
        Mail{stored.sent_id.value_or(stored.event_id), std::move(*message), stored.put_at},
        stored.attempts, std::move(letters)};
}

std::optional<Delivery> Outbox::compose(const Choice& choice, std::size_t most, base::Second now) {
    Bundle bundle{choice.why.value_or(Bundle::Why::queue), {}, most, now};
    for (const auto id : choice.letters) {
        const auto stored = read(db_, id).value();
        auto message = message_from_json(stored.message);
        if (!message) {
            finish(id, {Outcome::Kind::permanent, {}, kUnreadable}, now);
            return std::nullopt;
        }
        bundle.items.push_back({std::move(*message), base::from_unix(stored.put_at)});
    }
    auto first = read(db_, choice.letters.front()).value();
    const auto json = choice.why ? to_json(editor_(bundle)) : first.message;
    auto id = id_for(first, json);
    // As a repeat will read it.
    return Delivery{choice.letters.front(),
                    std::move(first.notifier),
                    Mail{std::move(id), message_from_json(json).value(), first.put_at},
                    first.attempts,
                    choice.letters,
                    choice.why ? Delivery::Form::edited : Delivery::Form::own};
}

void Outbox::begin_attempt(const Delivery& delivery, base::Second now) {
    base::WriteTransaction transaction{db_};
    SQLite::Statement begin{
        db_.handle(),
        "UPDATE outbox SET attempts = attempts + 1, begun_at = ?, "
        "arrival = CASE arrival WHEN 0 THEN 1 ELSE 2 END WHERE id = ? AND state = 0"};
    SQLite::Statement join{db_.handle(), "UPDATE outbox SET sent_with = ? WHERE id = ?"};
    for (const auto id : delivery.letters) {
        begin.reset();
        begin.bind(1, base::unix_seconds(now));
        begin.bind(2, id);
        if (begin.exec() == 0) throw std::logic_error("no such delivery waits");
        if (delivery.form != Delivery::Form::edited) continue;
        join.reset();
        join.bind(1, delivery.id);
        join.bind(2, id);
        join.exec();
    }
    if (delivery.form != Delivery::Form::on_record) {
        SQLite::Statement keep{
            db_.handle(),
            "UPDATE outbox SET sent_as = ?1, sent_id = nullif(?2, event_id) WHERE id = ?3"};
        if (delivery.form == Delivery::Form::edited) keep.bind(1, to_json(delivery.mail.message));
        keep.bind(2, delivery.mail.event_id);
        keep.bind(3, delivery.id);
        keep.exec();
    }
    transaction.commit();
    running_[delivery.notifier] = delivery.id;
}

Outbox::Fate Outbox::finish(std::int64_t id, const Outcome& outcome, base::Second now) {
    // Even if what follows fails: then the message waits as before, and is sent again.
    std::erase_if(running_, [&](const auto& entry) { return entry.second == id; });
    base::WriteTransaction transaction{db_};
    auto stored = read(db_, id);
    if (!stored) return Fate::dead;
    count_doubt(*stored, outcome, now);
    const bool may_have =
        outcome.kind == Outcome::Kind::ambiguous || stored->arrival == Arrival::possible;
    const auto arrival = may_have ? Arrival::possible : Arrival::none;
    const auto fate = fate_of(outcome, stored->doubts, letters_of(db_, id).size() > 1);

    SQLite::Statement update{
        db_.handle(),
        "UPDATE outbox SET state = ?, doubts = ?, doubted_at = ?, arrival = ?, ended_at = ?, "
        "error = ? WHERE (id = ?7 OR sent_with = ?7) AND state = 0"};
    update.bind(1, state_of(fate));
    update.bind(2, stored->doubts);
    if (stored->doubted_at) update.bind(3, base::unix_seconds(*stored->doubted_at));
    update.bind(4, static_cast<int>(arrival));
    if (state_of(fate) > 0) update.bind(5, base::unix_seconds(now));
    update.bind(6, outcome.kind == Outcome::Kind::ok ? std::string{} : outcome.why);
    update.bind(7, id);
    update.exec();
    if (fate == Fate::taken_apart) take_apart(db_, id, is_digest(*stored));
    if (fate == Fate::kept_for_retry && arrival == Arrival::none) release(db_, id);
    // A refused text says nothing against the notifier.
    if (fate != Fate::taken_apart) note_health(db_, stored->notifier, outcome, now);
    transaction.commit();
    return fate;
}

int Outbox::retire_all_but(const std::vector<std::string>& notifiers, base::Second now) {
    const Outcome gone{Outcome::Kind::permanent, {}, "this notifier is no longer configured"};
    std::vector<std::string> orphans;
    SQLite::Statement waiting{db_.handle(), "SELECT DISTINCT notifier FROM outbox WHERE state = 0"};
    while (waiting.executeStep()) {
        auto notifier = waiting.getColumn(0).getString();
        if (std::ranges::count(notifiers, notifier) == 0) orphans.push_back(std::move(notifier));
    }
    waiting.reset();
    SQLite::Statement retire{db_.handle(),
                             "UPDATE outbox SET state = 2, ended_at = ?, error = ? "
                             "WHERE notifier = ? AND state = 0"};
    int letters = 0;
    for (const auto& notifier : orphans) {
        retire.reset();
        retire.bind(1, base::unix_seconds(now));
        retire.bind(2, gone.why);
        retire.bind(3, notifier);
        letters += retire.exec();
        note_health(db_, notifier, gone, now);
    }
    return letters;
}

}  // namespace quotafuse::notifiers
