#pragma once

#include <csignal>
#include <string>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/text.h"
#include "notifiers_entry.h"
#include "support/mail_server.h"

namespace quotafuse::tests {

inline const auto kIgnored = std::signal(SIGPIPE, SIG_IGN);  // as quotafuse itself does

inline MailRules plain() {
    return {};
}

/// With a login that it demands nothing for.
inline MailRules with_login() {
    MailRules rules;
    rules.user = "fuse";
    rules.password = "mail-password";
    return rules;
}

/// A server, and what is configured to talk to it.
struct MailSite {
    explicit MailSite(MailRules rules) : server(std::move(rules)) {}
    /// `more`: keys beside the server's address, the sender and the recipients.
    NotifierEntry entry(const std::string& more,
                        const std::string& to = "[ops@example.com]") const {
        return {notifiers::read_smtp, fmt::format("{{host: 127.0.0.1, port: {}, from: \"Fuse 保险 "
                                                  "<fuse@example.com>\", to: {}{}}}",
                                                  server.port(), to, more)};
    }
    notifiers::Outcome send(const std::string& more,
                            const std::string& to = "[ops@example.com]") const {
        const auto one = entry(more, to);
        REQUIRE(one.faults.empty());
        return one.provider->send(sample_mail());
    }

    MailServer server;
};

inline const std::string kNoTls = ", tls: none";
inline const std::string kLogin = ", username: fuse, password: mail-password";
inline const std::string kTwo = "[a@example.com, b@example.com]";

/// What a plain server's odd answer makes of a message.
inline notifiers::Outcome outcome_of(const std::string& at, const std::string& answer,
                                     const std::string& to = "[ops@example.com]") {
    auto rules = with_login();
    rules.answers = {{at, answer}};
    return MailSite{rules}.send(kNoTls + kLogin, to);
}

inline std::string decode_base64(std::string text) {
    base::replace_all(text, "\r\n", "");
    std::string bytes(text.size(), '\0');
    const auto size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()));
    REQUIRE(size >= 0);
    bytes.resize(static_cast<std::size_t>(size));
    bytes.resize(bytes.find_last_not_of('\0') + 1);
    return bytes;
}

/// The decoded body of the part with that type.
inline std::string part_of(const std::string& mail, const std::string& type) {
    const auto head = mail.find("Content-Type: " + type);
    REQUIRE(head != std::string::npos);
    const auto begin = mail.find("\r\n\r\n", head) + 4;
    return decode_base64(mail.substr(begin, mail.find("--", begin) - begin));
}

/// A header with its folded lines.
inline std::string header_of(const std::string& mail, const std::string& name) {
    auto at = mail.find(name + ": ");
    if (at == std::string::npos) return {};
    at += name.size() + 2;
    auto end = mail.find("\r\n", at);
    while (mail.substr(end + 2, 1) == " ") end = mail.find("\r\n", end + 2);
    return mail.substr(at, end - at);
}

/// RFC 2047 undone.
inline std::string decode_words(std::string text) {
    std::string decoded;
    base::replace_all(text, "?=\r\n =?", "?==?");
    base::replace_all(text, "\r\n ", " ");
    for (auto begin = text.find("=?UTF-8?B?"); begin != std::string::npos;
         begin = text.find("=?UTF-8?B?")) {
        const auto end = text.find("?=", begin);
        const auto word = decode_base64(text.substr(begin + 10, end - begin - 10));
        CHECK(base::valid_utf8(word) == word);  // no word ends within a character
        decoded += text.substr(0, begin) + word;
        text.erase(0, end + 2);
    }
    return decoded + text;
}

}  // namespace quotafuse::tests
