#pragma once

#include <string>

namespace quotafuse::base {

/// Keeps a second writer off a store. Holds an flock on `path`, which also names the holder's pid;
/// the kernel drops the lock when the process ends, however it ends.
class LockFile {
public:
    /// Throws Failure: unavailable with the holder's pid when another process has it, io_error
    /// otherwise.
    explicit LockFile(const std::string& path);
    ~LockFile();
    LockFile(const LockFile&) = delete;
    LockFile& operator=(const LockFile&) = delete;

private:
    int fd_;
};

}  // namespace quotafuse::base
