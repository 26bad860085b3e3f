#pragma once

#include <csignal>
#include <stdexcept>

#include <sys/resource.h>

namespace quotafuse::tests {

/// While it lives no file of this process may grow above so many bytes: to a writer that is a full
/// disk.
class SmallDisk {
public:
    explicit SmallDisk(rlim_t bytes) {
        if (::getrlimit(RLIMIT_FSIZE, &former_) != 0) throw std::runtime_error("getrlimit failed");
        const rlimit small{bytes, former_.rlim_max};
        if (::setrlimit(RLIMIT_FSIZE, &small) != 0) throw std::runtime_error("setrlimit failed");
        former_signal_ = std::signal(SIGXFSZ, SIG_IGN);
    }
    ~SmallDisk() {
        ::setrlimit(RLIMIT_FSIZE, &former_);
        std::signal(SIGXFSZ, former_signal_);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

private:
    rlimit former_{};
    void (*former_signal_)(int) = SIG_DFL;
};

}  // namespace quotafuse::tests
