#pragma once

#include <cstdint>
#include <mutex>
#include <set>

namespace quotafuse::sync {

/// A hold on the socket that a library opens out of our sight, so that another thread can end a
/// call that hangs in it: a read of a peer that fell silent, or the connecting itself. The socket
/// is found among the process's own as the one that appeared since. Where that is not certain
/// there is no hold, and the call ends with its own timeout. Looking a host name up cannot be
/// ended. Thread-safe.
class Lifeline {
public:
    Lifeline() = default;
    ~Lifeline() { let_go(); }
    Lifeline(const Lifeline&) = delete;
    Lifeline& operator=(const Lifeline&) = delete;

    /// Before the library connects: to this TCP port, or to a Unix socket when it is 0.
    void expect(unsigned port);
    /// Afterwards: takes hold of the socket for as long as it lives.
    void hold() noexcept;
    void let_go() noexcept;
    /// Shuts the socket down: whoever waits on it is told that the connection is over.
    void cut() noexcept;

private:
    int find() const;
    void close_held();

    std::mutex mutex_;
    bool expecting_ = false;
    unsigned port_ = 0;
    std::set<std::uint64_t> before_;  // inodes of the sockets that were there already
    int held_ = -1;                   // a duplicate: its number cannot become another file's
};

}  // namespace quotafuse::sync
