#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "notifiers/http_client.h"
#include "notifiers/outcome.h"

namespace quotafuse::notifiers {

struct SmtpOptions {
    enum class Tls {
        starttls,  // begins in clear; nothing is said before the connection is encrypted
        tls,       // from the first byte
        none,
    };
    std::string host;
    std::uint16_t port = 587;
    Tls tls = Tls::starttls;
    std::string username;  // empty: sends without login
    base::Secret password;
    std::string from;  // an address, which the server gets to see
    HttpOptions transport;
};

struct SmtpReply {
    /// ok: the server took the mail for at least one recipient.
    Outcome::Kind kind = Outcome::Kind::transient;
    int code = 0;       // the server's last word that was no consent, 0 = it said none
    std::string error;  // its line, or what the transport says; empty after a success
    /// At which step it ended, for advice.
    enum class Step { connection, login, sender, recipients, content } step = Step::connection;
    /// A login was configured, but the server offers none: nothing was sent.
    bool no_login = false;
    bool no_starttls = false;
    bool bad_certificate = false;
    bool at_proxy = false;

    struct Refusal {
        std::string recipient;
        int code = 0;
        std::string line;
    };
    /// Who does not get the mail. Recipients that are not named here got it, if it was sent.
    std::vector<Refusal> refused;
};

/// Hands mails to one server. One client belongs to one thread; only interrupt() may come from
/// another. Certificates are always verified.
class SmtpClient {
public:
    /// Throws std::runtime_error when libcurl cannot start.
    explicit SmtpClient(SmtpOptions options);
    ~SmtpClient();
    SmtpClient(const SmtpClient&) = delete;
    SmtpClient& operator=(const SmtpClient&) = delete;

    /// `mail`: headers and body with CRLF only. `to`: addresses of printable ASCII without blanks
    /// and angle brackets, at least one.
    SmtpReply send(const std::vector<std::string>& to, const std::string& mail);
    /// Ends a running send() at once, and every later one.
    void interrupt() noexcept;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace quotafuse::notifiers
