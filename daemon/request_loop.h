#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/file_descriptor.h"
#include "daemon/producer.h"

namespace quotafuse::daemon {

/// What is said on a connection; how long and how much is the loop's business.
class RequestProtocol {
public:
    enum class Refusal { too_large, too_slow, too_busy, too_many_listeners };

    struct Answer {
        std::string bytes{};
        /// What comes after them, piece by piece; null: nothing.
        std::unique_ptr<Producer> rest{};
        /// After `bytes` the connection stays, for all that is published.
        bool listens = false;
    };

    virtual ~RequestProtocol() = default;
    /// How long the whole request is that begins with `bytes`; nothing while that cannot be told.
    /// `searched` of them were there at the last call. May be more than came so far. Called on the
    /// loop's thread: it must be quick and must not throw.
    virtual std::optional<std::size_t> length(std::string_view bytes,
                                              std::size_t searched) const = 0;
    /// The reply to the whole `request` of `peer` (its IP address, empty on a local socket). Called
    /// on several threads at once. An exception ends this one connection and is logged.
    virtual Answer answer(std::string_view request, const std::string& peer) const = 0;
    virtual std::string refuse(Refusal why) const = 0;
    /// Said to a listener from time to time, so that it and all between see that both ends live.
    virtual std::string alive() const { return {}; }
};

struct RequestLimits {
    std::size_t request_bytes = 32 * 1024;  // head and body
    base::Milliseconds request_time{
        3000};  // to send the whole request, and again to take the reply
    std::size_t threads = 16;
    std::size_t queued = 64;        // whole requests that wait for a thread; above that: too_busy
    std::size_t connections = 256;  // above that the oldest unanswered client makes room

    base::Milliseconds stream_time{5 * 60'000};  // for a streamed reply in all
    base::Milliseconds stream_pause{30'000};     // without a byte taken or a piece made
    std::size_t streams = 2;                     // at once; told by the protocol

    std::size_t listeners = 8;                    // at once; above that: too_many_listeners
    std::size_t listener_bytes = 64 * 1024;       // that one has not taken; above that it is closed
    base::Milliseconds alive_interval{15'000};    // between two signs of life
    base::Milliseconds listen_time{15 * 60'000};  // then it has to come, and to be let in, again
};

/// Serves one request a connection on a listening socket. One thread turns all sockets by poll(2)
/// and never waits for a client; only whole requests, and the next piece of a streamed reply whose
/// former piece was taken, reach the worker threads. So a client that sends slowly, not at all, or
/// does not take its reply costs one descriptor for a while and delays nobody.
class RequestLoop {
public:
    /// Starts at once on `listening` (bound, listening, any stream family). Both references outlive
    /// the loop.
    RequestLoop(FileDescriptor listening, std::unique_ptr<RequestProtocol> protocol,
                const RequestLimits& limits, const base::Clock& clock, const base::Log& log);
    /// Stops at once: open connections are closed, requests in work are waited for.
    ~RequestLoop();
    RequestLoop(const RequestLoop&) = delete;
    RequestLoop& operator=(const RequestLoop&) = delete;

    /// Sends `bytes` to all who listen; the newest are also the first that a new listener gets. Any
    /// thread, never waits for a client.
    void publish(std::string bytes);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace quotafuse::daemon
