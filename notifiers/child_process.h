#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quotafuse::notifiers {

/// Runs programs, one at a time. They get nothing of this process: its environment, its descriptors
/// and what it does about signals stay here. Each has a process group of its own, so that what it
/// starts ends with it where it is cut off. The process must ignore SIGPIPE.
class ChildProcess {
public:
    struct Result {
        enum class End {
            exited,
            signalled,
            timed_out,
            interrupted,
            not_started,  // `code` is an errno; ECANCELED after an interrupt
        };
        End end = End::not_started;
        int code = 0;        // exit status or number of the signal
        std::string errors;  // the beginning of what it wrote to stderr
    };

    /// Throws std::runtime_error when the system has no descriptor left.
    ChildProcess();
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    /// `argv`: at least the program, as a path. It reads `input`, or less if it likes. What
    /// outlives `timeout` gets SIGTERM, and SIGKILL two seconds later.
    Result run(const std::vector<std::string>& argv,
               const std::map<std::string, std::string>& environment, std::string_view input,
               std::chrono::milliseconds timeout);
    /// From any thread: ends a running run() in much less than a second, and every later one.
    void interrupt() noexcept;

private:
    int wake_;  // eventfd
    std::atomic<bool> interrupted_ = false;
};

}  // namespace quotafuse::notifiers
