#pragma once

#include <string>

namespace quotafuse::daemon {

/// Makes a reply that is too long to hold, one piece at a time. Destroyed at the end, after an
/// error, and when its client went, on any thread; but never while next() runs.
class Producer {
public:
    Producer() = default;
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;
    virtual ~Producer() = default;
    /// The next piece, of 64 KiB at most; empty at the end. Called on a worker thread, whenever the
    /// client has taken the former piece. An exception breaks the reply off, so that the client
    /// sees that it is not whole, and is logged. A call must end within seconds: only between two
    /// of them can a reply be given up.
    virtual std::string next() = 0;
};

}  // namespace quotafuse::daemon
