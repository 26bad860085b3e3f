#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "support/temp_dir.h"

namespace quotafuse::tests {

/// A real proxy of Debian's on a free port of 127.0.0.1, that wants a user and a password. It ends
/// with the test. Throws std::runtime_error when it does not start.
class RealProxy {
public:
    enum class Kind {
        http,    // tinyproxy: CONNECT, and requests for http:// URLs
        socks5,  // microsocks
    };
    RealProxy(Kind kind, const std::string& user, const std::string& password);
    ~RealProxy();
    RealProxy(const RealProxy&) = delete;
    RealProxy& operator=(const RealProxy&) = delete;

    /// "127.0.0.1:1234"
    std::string address() const;
    /// What it wrote about its work so far.
    std::string log() const;

private:
    void start(std::vector<std::string> arguments);
    void wait_until_it_listens() const;

    TempDir folder_;
    int port_;
    pid_t pid_ = -1;
};

}  // namespace quotafuse::tests
