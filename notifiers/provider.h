#pragma once

#include "notifiers/message.h"
#include "notifiers/outcome.h"

namespace quotafuse::notifiers {

/// A way to reach people. send() belongs to one thread; interrupt() may come from any other.
class Provider {
public:
    Provider() = default;
    Provider(const Provider&) = delete;
    Provider& operator=(const Provider&) = delete;
    virtual ~Provider() = default;

    /// Delivers one message and blocks until the outcome is known. A repeat may be a duplicate for
    /// the reader: none of the services knows idempotency keys.
    virtual Outcome send(const Message& message) = 0;
    /// Ends a running send() at once, and every later one: for stopping.
    virtual void interrupt() noexcept = 0;
};

}  // namespace quotafuse::notifiers
