#pragma once

#include <memory>
#include <string>

#include "support/temp_dir.h"

namespace quotafuse::tests {

/// Files of a server's certificate, PEM.
struct TlsFiles {
    std::string certificate;
    std::string key;
};

/// A certificate authority of its own, made anew for a test, with its files in a folder of its own.
/// Throws std::runtime_error where the library refuses.
class TestAuthority {
public:
    explicit TestAuthority(const std::string& name);
    ~TestAuthority();
    TestAuthority(const TestAuthority&) = delete;
    TestAuthority& operator=(const TestAuthority&) = delete;

    /// Its own certificate: what clients are given to trust.
    std::string certificate() const { return folder_.file("authority.pem"); }
    /// A server's certificate for one name or address, valid for a day ("DNS:db.example",
    /// "IP:127.0.0.1").
    TlsFiles issue(const std::string& subject);

private:
    struct Keys;
    TempDir folder_;
    std::unique_ptr<Keys> keys_;
    int issued_ = 0;
};

}  // namespace quotafuse::tests
