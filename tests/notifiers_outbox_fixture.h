#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "notifiers/outbox.h"
#include "support/temp_dir.h"

namespace quotafuse::tests {

inline const base::Second kNow = base::from_unix(1'767'625'260);
inline const notifiers::Outcome kOk{};
inline const notifiers::Outcome kLater{notifiers::Outcome::Kind::transient, {}, "HTTP 502"};
inline const notifiers::Outcome kNever{
    notifiers::Outcome::Kind::permanent, {}, "Telegram 403: Forbidden"};
inline const notifiers::Outcome kRefusedText = [] {
    notifiers::Outcome outcome{notifiers::Outcome::Kind::permanent, {}, "message is too long"};
    outcome.of_this_text = true;
    return outcome;
}();
inline const notifiers::Outcome kNoAnswer{notifiers::Outcome::Kind::ambiguous, {}, "no answer"};

/// Of a kind that a list can hold, with `title` as its line.
inline notifiers::Message titled(const std::string& title,
                                 notifiers::Message::Kind kind = notifiers::Message::Kind::firing) {
    notifiers::Message message;
    message.kind = kind;
    message.title = title;
    message.brief = title;
    return message;
}

inline notifiers::Letter letter(const std::string& event) {
    return {event, {}, {}, titled(event)};
}
inline notifiers::Letter begins(const std::string& event, const std::string& alert) {
    return {event, alert, {}, titled(event)};
}
inline notifiers::Letter ends(const std::string& event, const std::string& alert) {
    return {event, alert, {}, titled(event, notifiers::Message::Kind::resolved)};
}
inline notifiers::Letter of_batch(const std::string& event, const std::string& batch) {
    return {event, {}, batch, titled(event)};
}

/// "queue: 1, 2, 3"
inline notifiers::Message plain_editor(const notifiers::Bundle& bundle) {
    const std::vector<std::string> reasons{"batch", "queue", "both", "expired"};
    auto text = reasons.at(static_cast<std::size_t>(bundle.why)) + ":";
    for (const auto& item : bundle.items)
        text += (text.back() == ':' ? " " : ", ") + item.message.title;
    return titled(text, notifiers::Message::Kind::digest);
}

/// An outbox in a file that can be closed and opened again, as after a kill.
struct OutboxFixture {
    TempDir folder;
    std::optional<base::Database> db;
    std::optional<notifiers::Outbox> outbox;

    OutboxFixture() { reopen(); }
    void reopen() {
        outbox.reset();
        db.reset();
        db.emplace(folder.file("store.db"), std::vector{notifiers::Outbox::schema()});
        outbox.emplace(*db, plain_editor);
    }
    bool put(const notifiers::Letter& one, const std::string& notifier = "a",
             base::Second now = kNow, std::optional<base::Second> not_before = std::nullopt) {
        base::WriteTransaction transaction{*db};
        const auto put = outbox->put(one, notifier, now, not_before.value_or(now));
        transaction.commit();
        return put;
    }
    /// Letters of that many events, numbered from 1.
    void put_many(int count, base::Second now = kNow) {
        for (int i = 1; i <= count; ++i) put(letter(std::to_string(i)), "a", now);
    }
    /// The title of what is due, attempted and finished at once; "" when nothing is.
    std::string deliver(const std::string& notifier, const notifiers::Outcome& outcome,
                        base::Second now = kNow) {
        const auto due = outbox->next(notifier, now);
        if (!due) return "";
        outbox->begin_attempt(*due, now);
        outbox->finish(due->id, outcome, now);
        return due->mail.message.title;
    }
    /// An attempt that a kill cuts off; what was about to be sent.
    notifiers::Delivery cut_off(base::Second now = kNow) {
        const auto due = outbox->next("a", now);
        REQUIRE(due);
        outbox->begin_attempt(*due, now);
        reopen();
        return *due;
    }
};

}  // namespace quotafuse::tests
