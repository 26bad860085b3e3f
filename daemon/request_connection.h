#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "base/clock.h"
#include "daemon/file_descriptor.h"
#include "daemon/producer.h"

namespace quotafuse::daemon {

/// One client of a RequestLoop, and what can be done with its socket without waiting. Used by the
/// loop's thread only.
struct RequestConnection {
    enum class Phase {
        reading,    // its request
        answering,  // a worker thread has the request
        writing,    // a reply, or a piece of one
        producing,  // a worker thread makes the next piece
        listening,  // to what is published
        draining,   // all is said; what it still sends is dropped
        done
    };

    std::uint64_t id;
    FileDescriptor socket;
    std::string peer;
    base::MonoTime deadline;  // of the phase; a listener's next sign of life
    Phase phase = Phase::reading;
    std::string bytes{};                   // what came so far, later what is to be sent
    std::size_t sent = 0;                  // of bytes
    std::optional<std::size_t> length{};   // of the whole request, once it is known
    std::unique_ptr<Producer> producer{};  // of what comes after bytes
    std::optional<base::MonoTime> ends{};  // of a streamed reply or a listener: when it must end
    bool ready = false;                    // the last poll saw something

    bool in_work() const { return phase == Phase::answering || phase == Phase::producing; }
    bool streams() const { return ends && phase != Phase::listening; }
    std::size_t unsent() const { return bytes.size() - sent; }
    /// What poll(2) is to look for; 0: do not look.
    short events() const;

    enum class Sent { all, some, nothing, lost };
    /// Sends what the socket takes now.
    Sent send_some();
    /// Reads and drops. False once the peer is gone or has said that it is.
    bool drop_input(char* buffer, std::size_t size) const;
    /// Says "no more" to a client that may still be reading.
    void half_close() const;
    /// Ends it so that the peer's system reports an error, not an end.
    void break_off();
    /// A peer that takes nothing for that long counts as lost.
    void give_up_after(base::Milliseconds time) const;
};

/// An IP address as text; empty for other families.
std::string peer_address(const sockaddr_storage& address);

/// The last call on a socket failed only because it would have had to wait.
bool would_block();

}  // namespace quotafuse::daemon
