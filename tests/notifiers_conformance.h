#pragma once

#include <chrono>
#include <string>

#include <doctest/doctest.h>

#include "support/chat_pair.h"

// Rows of the table of what the services answer: what the sender must make of each.
namespace quotafuse::tests {

enum class Answers { once, always };  // then the service judges by its rules

struct ConformanceRow {
    std::string name;
    Chat chat;
    Reply reply;
    notifiers::Outcome::Kind expected;
    std::size_t requests = 1;
    Answers answers = Answers::always;
    std::chrono::seconds wait{0};
    int most_attempts = 0;
    std::string advice = {};  // stands in it
    bool of_this_text = false;
    std::string why = {};  // stands in it

    ConformanceRow& times(std::size_t n) {
        requests = n;
        return *this;
    }
    /// The first answer only; the second try arrives.
    ConformanceRow& healed() {
        answers = Answers::once;
        requests = 2;
        expected = notifiers::Outcome::Kind::ok;
        of_this_text = false;
        return *this;
    }
    ConformanceRow& waits(std::chrono::seconds s) {
        wait = s;
        return *this;
    }
    ConformanceRow& tries(int n) {
        most_attempts = n;
        return *this;
    }
    ConformanceRow& advises(const std::string& words) {
        advice = words;
        return *this;
    }
    ConformanceRow& says(const std::string& words) {
        why = words;
        return *this;
    }
    ConformanceRow& text() {
        of_this_text = true;
        return *this;
    }
};

inline void check(const ConformanceRow& row) {
    using notifiers::Outcome;
    CAPTURE(row.name);
    CAPTURE(row.reply.status);
    ChatPair pair{row.chat, row.name.starts_with("T13") ? Keys{{"thread_id", "42"}} : Keys{}};
    if (row.answers == Answers::always) {
        pair.service.always(row.reply);
    } else {
        pair.service.script({row.reply});
    }
    const auto outcome = pair.send(sample());
    CAPTURE(outcome.why);
    CAPTURE(outcome.advice);
    CHECK(outcome.kind == row.expected);
    CHECK(pair.service.calls().size() == row.requests);
    CHECK(outcome.requests == static_cast<int>(row.requests));
    CHECK(outcome.wait == row.wait);
    CHECK(outcome.most_attempts == row.most_attempts);
    CHECK((row.expected == Outcome::Kind::ok || !outcome.why.empty()));
    CHECK(outcome.why.find(row.why) != std::string::npos);
    CHECK(outcome.why.size() <= 300);
    CHECK(outcome.of_this_text == row.of_this_text);
    CHECK(outcome.advice.find(row.advice) != std::string::npos);
}

}  // namespace quotafuse::tests
