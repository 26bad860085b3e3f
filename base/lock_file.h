#pragma once

#include <string>

#include "base/failure.h"

namespace quotafuse::base {

/// Another process has the lock.
class LockHeld : public Failure {
public:
    explicit LockHeld(const std::string& what) : Failure(ExitCode::unavailable, what) {}
};

/// Keeps a second writer off a store. Holds an flock on `path`, which also names the holder's pid;
/// the kernel drops the lock when the process ends, however it ends.
class LockFile {
public:
    /// Throws LockHeld with the holder's pid when another process has it, else Failure (io_error),
    /// also where `path` is a link: whoever may write to the folder must not lead root elsewhere.
    explicit LockFile(const std::string& path);
    ~LockFile();
    LockFile(const LockFile&) = delete;
    LockFile& operator=(const LockFile&) = delete;

private:
    int fd_;
};

}  // namespace quotafuse::base
