#pragma once

#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/file_descriptor.h"

namespace quotafuse::daemon {

/// Ends a poll(2) from another thread.
class WakeUp {
public:
    /// Throws std::system_error when there are no descriptors left.
    WakeUp() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (!descriptor_) throw std::system_error(errno, std::generic_category(), "eventfd");
    }

    /// To be polled for POLLIN.
    int descriptor() const { return descriptor_.get(); }
    void ring() const {
        const std::uint64_t one = 1;
        // A full counter refuses the write, and then the poll ends anyhow.
        [[maybe_unused]] const auto written = ::write(descriptor(), &one, sizeof one);
    }
    /// After the poll.
    void silence() const {
        std::uint64_t ignored = 0;
        [[maybe_unused]] const auto read = ::read(descriptor(), &ignored, sizeof ignored);
    }

private:
    FileDescriptor descriptor_;
};

}  // namespace quotafuse::daemon
