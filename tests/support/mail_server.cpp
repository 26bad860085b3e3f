#include "support/mail_server.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <thread>

#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/guarded.h"

namespace quotafuse::tests {
namespace {

constexpr std::size_t kLongestLine = 998;

struct Free {
    void operator()(SSL* tls) const { SSL_free(tls); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

std::string decode_base64(const std::string& text) {
    std::string bytes(text.size(), '\0');
    const auto size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()));
    bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return bytes;
}

struct Seen {
    std::vector<ReceivedMail> mails;
    std::vector<std::string> commands;
    std::vector<std::string> faults;
};

/// One connection. Its functions are false, or empty, where the client or the test went away.
class Session {
public:
    Session(int socket, MailRules rules, base::Guarded<Seen>& seen, const std::stop_token& stop)
        : socket_(socket), rules_(std::move(rules)), seen_(seen), stop_(stop) {}

    void run() {
        if (rules_.tls == MailRules::Tls::from_the_start && !encrypt()) return;
        if (!say(answer_to("greeting", "220 mail.example ready"))) return;
        while (const auto line = read_line()) {
            if (!obey(*line)) return;
        }
    }

private:
    bool encrypt() {
        const auto& files = rules_.certificate.value();
        context_.reset(SSL_CTX_new(TLS_server_method()));
        SSL_CTX_use_certificate_chain_file(context_.get(), files.certificate.c_str());
        SSL_CTX_use_PrivateKey_file(context_.get(), files.key.c_str(), SSL_FILETYPE_PEM);
        tls_.reset(SSL_new(context_.get()));
        SSL_set_fd(tls_.get(), socket_);
        return SSL_accept(tls_.get()) == 1;
    }

    bool say(const std::string& line) {
        const auto text = line + "\r\n";
        const auto size = static_cast<int>(text.size());
        if (tls_) return SSL_write(tls_.get(), text.data(), size) == size;
        return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) == size;
    }

    bool wait() const {
        while (!stop_.stop_requested()) {
            pollfd readable{socket_, POLLIN, 0};
            if ((tls_ && SSL_pending(tls_.get()) > 0) || ::poll(&readable, 1, 20) > 0) return true;
        }
        return false;
    }

    std::optional<std::string> read_line() {
        for (;;) {
            if (const auto end = unread_.find('\n'); end != std::string::npos) {
                auto line = unread_.substr(0, end);
                unread_.erase(0, end + 1);
                check(line);
                return line;
            }
            std::array<char, 4096> piece{};
            if (!wait()) return std::nullopt;
            const auto size = static_cast<int>(piece.size());
            const auto got = tls_ ? SSL_read(tls_.get(), piece.data(), size)
                                  : ::recv(socket_, piece.data(), piece.size(), 0);
            if (got <= 0) return std::nullopt;
            unread_.append(piece.data(), static_cast<std::size_t>(got));
        }
    }

    void check(std::string& line) {
        const auto fault = [&](const char* what) {
            seen_.with([&](Seen& seen) { seen.faults.push_back(what + (": " + line)); });
        };
        if (!line.ends_with('\r')) return fault("a bare line feed");
        line.pop_back();
        if (line.size() > kLongestLine) fault("a line that is too long");
        if (std::any_of(line.begin(), line.end(), [](char c) {
                return static_cast<unsigned char>(c) > 127 || c == '\r' || c == '\0';
            })) {
            fault("a byte that needs 8BITMIME");
        }
    }

    /// The rules' own answer to what begins so, if there is one.
    std::string answer_to(const std::string& command, const std::string& usual) const {
        for (const auto& [beginning, answer] : rules_.answers) {
            if (command.starts_with(beginning)) return answer;
        }
        return usual;
    }

    bool obey(const std::string& command) {
        seen_.with([&](Seen& seen) { seen.commands.push_back(command); });
        if (command.starts_with("EHLO")) return greet();
        if (command == "STARTTLS") {
            unread_.clear();
            return say(answer_to(command, "220 go ahead")) && encrypt();
        }
        if (command.starts_with("AUTH PLAIN")) return log_in(command);
        if (command.starts_with("MAIL FROM:")) return begin_mail(command);
        if (command.starts_with("RCPT TO:")) return add_recipient(command);
        if (command == "DATA") return take_content();
        if (command == "QUIT") return say(answer_to(command, "221 bye")) && false;
        return say("502 not known here: " + command);
    }

    bool greet() {
        const bool offers_tls = rules_.tls == MailRules::Tls::starttls && !tls_;
        if (offers_tls && !say("250-STARTTLS")) return false;
        if (rules_.offers_login && !offers_tls && !say("250-AUTH LOGIN PLAIN")) return false;
        return say("250 SIZE 1000000");
    }

    bool log_in(const std::string& command) {
        auto response = command.substr(std::string_view{"AUTH PLAIN"}.size());
        if (response.empty()) {
            if (!say("334 ")) return false;
            response = read_line().value_or("");
        } else {
            response.erase(0, 1);
        }
        using namespace std::string_literals;
        const bool right =
            decode_base64(response).starts_with("\0"s + rules_.user + "\0"s + rules_.password);
        const auto answer = answer_to(command, right ? "235 welcome" : "535 5.7.8 wrong password");
        if (answer.starts_with("235")) mail_.user = rules_.user;
        return say(answer);
    }

    static std::string address_in(const std::string& command) {
        const auto begin = command.find('<') + 1;
        return command.substr(begin, command.find('>') - begin);
    }

    bool begin_mail(const std::string& command) {
        mail_.from = address_in(command);
        return say(answer_to(command, "250 sender fine"));
    }

    bool add_recipient(const std::string& command) {
        const auto answer = answer_to(command, "250 recipient fine");
        if (answer.starts_with("250")) mail_.to.push_back(address_in(command));
        return say(answer);
    }

    bool take_content() {
        if (mail_.to.empty()) return say("503 nobody to send it to");
        if (!say("354 go on")) return false;
        for (;;) {
            auto line = read_line();
            if (!line) return false;
            if (*line == ".") break;
            if (line->starts_with('.')) line->erase(0, 1);
            mail_.content += *line + "\r\n";
        }
        const auto answer = answer_to("content", "250 taken");
        mail_.encrypted = tls_ != nullptr;
        if (answer.starts_with("250")) seen_.with([&](Seen& seen) { seen.mails.push_back(mail_); });
        if (rules_.after_content == MailRules::AfterContent::hang_up) return false;
        if (rules_.after_content == MailRules::AfterContent::hang) return wait() && false;
        return say(answer);
    }

    int socket_;
    MailRules rules_;
    base::Guarded<Seen>& seen_;
    const std::stop_token& stop_;
    std::unique_ptr<SSL_CTX, Free> context_;
    std::unique_ptr<SSL, Free> tls_;
    std::string unread_;
    ReceivedMail mail_;
};

int listen_on_any_port(int& port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (fd < 0 || ::bind(fd, generic, size) != 0 || ::listen(fd, 16) != 0 ||
        ::getsockname(fd, generic, &size) != 0) {
        throw std::runtime_error("cannot listen on 127.0.0.1");
    }
    port = ntohs(address.sin_port);
    return fd;
}

}  // namespace

struct MailServer::Impl {
    void run(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            pollfd waiting{listener, POLLIN, 0};
            if (::poll(&waiting, 1, 20) <= 0) continue;
            const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) continue;
            Session{fd, rules.copy(), seen, stop}.run();
            ::close(fd);
        }
    }

    base::Guarded<MailRules> rules;
    base::Guarded<Seen> seen;
    int port = 0;
    int listener = -1;
    std::jthread thread;
};

MailServer::MailServer(MailRules rules) : impl_(std::make_unique<Impl>()) {
    impl_->rules.set(std::move(rules));
    impl_->listener = listen_on_any_port(impl_->port);
    impl_->thread =
        std::jthread{[impl = impl_.get()](const std::stop_token& stop) { impl->run(stop); }};
}

MailServer::~MailServer() {
    impl_->thread.request_stop();
    impl_->thread.join();
    ::close(impl_->listener);
}

int MailServer::port() const {
    return impl_->port;
}
void MailServer::change(MailRules rules) {
    impl_->rules.set(std::move(rules));
}
std::vector<ReceivedMail> MailServer::mails() const {
    return impl_->seen.copy().mails;
}
std::vector<std::string> MailServer::commands() const {
    return impl_->seen.copy().commands;
}
std::vector<std::string> MailServer::faults() const {
    return impl_->seen.copy().faults;
}

}  // namespace quotafuse::tests
