#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/tls_files.h"

namespace quotafuse::tests {

/// How a mail server behaves.
struct MailRules {
    enum class Tls { none, starttls, from_the_start };
    enum class AfterContent { answer, hang_up, hang };

    Tls tls = Tls::none;
    std::optional<TlsFiles> certificate = std::nullopt;  // of the others than none
    bool offers_login = true;                            // where it offers STARTTLS only after that
    std::string user = {};
    std::string password = {};
    /// Said instead of what it would say, by the beginning of a command: "RCPT TO:<b@", "AUTH";
    /// also "greeting" and "content" (after the final dot).
    std::map<std::string, std::string> answers = {};
    AfterContent after_content = AfterContent::answer;
};

struct ReceivedMail {
    std::string from;
    std::vector<std::string> to;
    std::string content;  // CRLF; without the dots of the transport
    std::string user;     // empty: nobody logged in
    bool encrypted = false;

    bool operator==(const ReceivedMail&) const = default;
};

/// A mail server on a free port of 127.0.0.1, one connection at a time, that takes the protocol at
/// its word. All of it may be used from any thread.
class MailServer {
public:
    explicit MailServer(MailRules rules);
    ~MailServer();
    MailServer(const MailServer&) = delete;
    MailServer& operator=(const MailServer&) = delete;

    int port() const;
    void change(MailRules rules);  // for connections to come
    std::vector<ReceivedMail> mails() const;
    /// Of all connections, without what belongs to a login or to a mail's content.
    std::vector<std::string> commands() const;
    /// What broke the protocol: a bare line feed, a line that is too long, bytes above 127.
    std::vector<std::string> faults() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace quotafuse::tests
