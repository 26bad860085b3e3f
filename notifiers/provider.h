#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "notifiers/message.h"
#include "notifiers/outcome.h"

namespace quotafuse::notifiers {

/// One delivery as a provider gets it: a repeat is equal to the first attempt, byte for byte.
struct Mail {
    std::string event_id;  // the same in each attempt: receivers that can drop repeats by it
    Message message;
    std::int64_t put_at = 0;  // unix seconds: when it was raised
};

/// The chats that a robot sees, for whoever looks for the number of one.
struct Chats {
    Outcome outcome;
    std::vector<std::string> found;  // a line each: number, type, name
};

/// A way to reach people. send() belongs to one thread; interrupt() may come from any other.
class Provider {
public:
    Provider() = default;
    Provider(const Provider&) = delete;
    Provider& operator=(const Provider&) = delete;
    virtual ~Provider() = default;

    /// Delivers one message and blocks until the outcome is known. A repeat may be a duplicate for
    /// the reader: no chat service knows idempotency keys.
    virtual Outcome send(const Mail& mail) = 0;
    /// Belongs to the thread of send(). Nothing where the service cannot tell.
    virtual std::optional<Chats> chats() { return std::nullopt; }
    /// Ends a running send() at once, and every later one: for stopping.
    virtual void interrupt() noexcept = 0;
};

}  // namespace quotafuse::notifiers
