#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "notifiers/provider.h"

namespace quotafuse::notifiers {

/// Sends, each notifier on a thread of its own: one that hangs delays no other, and never the
/// caller. When to send what is not decided here (see Outbox and Pacing).
class Dispatcher {
public:
    struct Entry {
        std::string name;
        std::unique_ptr<Provider> provider;
    };
    struct Result {
        std::string notifier;
        std::int64_t delivery;
        Outcome outcome;
    };
    /// Called from the senders' threads, also while stop() runs. Must not throw nor block for long.
    using OnResult = std::function<void(Result)>;

    Dispatcher(std::vector<Entry> notifiers, OnResult on_result);
    ~Dispatcher();  // as stop()
    Dispatcher(const Dispatcher&) = delete;
    Dispatcher& operator=(const Dispatcher&) = delete;

    /// No send is running or waiting there. False for an unknown name.
    bool idle(const std::string& notifier) const;
    /// Starts a delivery and returns at once. The notifier must be idle; for one caller's thread.
    void send(const std::string& notifier, std::int64_t delivery, Mail mail);

    /// Ends what runs (its result is told as interrupted) and joins the threads. Nothing is sent
    /// after it.
    void stop();

private:
    class Sender;
    Sender* find(const std::string& notifier) const;
    std::vector<std::unique_ptr<Sender>> senders_;
};

}  // namespace quotafuse::notifiers
