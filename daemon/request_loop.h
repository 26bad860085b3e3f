#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/file_descriptor.h"

namespace quotafuse::daemon {

/// What is said on a connection; how long and how much is the loop's business.
class RequestProtocol {
public:
    enum class Refusal { too_large, too_slow, too_busy };

    virtual ~RequestProtocol() = default;
    /// The bytes that end a request.
    virtual std::string_view terminator() const = 0;
    /// The whole reply to `request` (terminator included) of `peer` (its IP address, empty on a
    /// local socket). Called on several threads at once. An exception ends this one connection and
    /// is logged.
    virtual std::string answer(std::string_view request, const std::string& peer) const = 0;
    virtual std::string refuse(Refusal why) const = 0;
};

struct RequestLimits {
    std::size_t request_bytes = 32 * 1024;  // terminator included
    base::Milliseconds request_time{
        3000};  // to send the whole request, and again to take the reply
    std::size_t threads = 16;
    std::size_t queued = 64;        // whole requests that wait for a thread; above that: too_busy
    std::size_t connections = 256;  // above that the oldest unanswered client makes room
};

/// Serves one request a connection on a listening socket. One thread turns all sockets by poll(2)
/// and never waits for a client; only whole requests reach the worker threads. So a client that
/// sends slowly, not at all, or does not take its reply costs one descriptor for a few seconds and
/// delays nobody.
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

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace quotafuse::daemon
