#include "notifiers/smtp_client.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "notifiers/transfer.h"

namespace quotafuse::notifiers {
namespace {

using Step = SmtpReply::Step;

constexpr int kLoggedIn = 235;
constexpr int kBeginContent = 354;

/// What is said on one connection. libcurl tells its result only; who was refused, at which step,
/// and whether a login took place are read along.
struct Dialogue {
    std::string_view mail;
    const std::vector<std::string>& to;
    bool wants_login;
    Transfer& transfer;
    std::size_t given = 0;  // bytes of the mail
    Step step = Step::connection;
    bool leaves = false;  // what follows says nothing about the mail
    bool logged_in = false;
    int code = 0;
    std::string line = {};    // the last answer, in one
    std::string so_far = {};  // of an answer of many lines
    std::size_t recipients_answered = 0;
    std::vector<SmtpReply::Refusal> refused = {};

    void hear_command(std::string_view text);
    bool hear_answer(std::string_view text);
    /// Nothing but QUIT can follow.
    bool over() const {
        if (step == Step::recipients) return refused.size() == to.size();
        return code >= 400 ? step == Step::sender || step == Step::content
                           : step == Step::content && code != kBeginContent;
    }
};

void Dialogue::hear_command(std::string_view text) {
    if (text.starts_with("AUTH")) step = Step::login;
    if (text.starts_with("MAIL FROM")) step = Step::sender;
    if (text.starts_with("RCPT TO")) step = Step::recipients;
    if (text.starts_with("DATA")) step = Step::content;
    if (text.starts_with("QUIT")) leaves = true;
}

/// False: say no more, the connection ends.
bool Dialogue::hear_answer(std::string_view text) {
    if (leaves) return true;
    const auto words = base::trim(text.substr(std::min<std::size_t>(text.size(), 4)));
    if (text.size() > 3 && text[3] == '-') {
        so_far += fmt::format("{} ", words);
        return true;
    }
    const auto number = text.substr(0, 3);
    code = 0;
    std::from_chars(number.data(), number.data() + number.size(), code);
    line = fmt::format("{} {}{}", number, std::exchange(so_far, {}), words);
    if (step == Step::login && code == kLoggedIn) logged_in = true;
    if (step == Step::recipients && recipients_answered < to.size()) {
        if (code >= 400) refused.push_back({to[recipients_answered], code, line});
        ++recipients_answered;
    }
    // libcurl waits for the answer to QUIT, which matters to nobody.
    if (over()) transfer.set(CURLOPT_SERVER_RESPONSE_TIMEOUT, 1L);
    // Where the server offers no login, libcurl goes on without.
    return step != Step::sender || logged_in || !wants_login;
}

std::size_t take_answer(char* data, std::size_t, std::size_t size, void* user) {
    return static_cast<Dialogue*>(user)->hear_answer({data, size}) ? size : 0;
}

int take_command(CURL*, curl_infotype type, char* data, std::size_t size, void* user) {
    if (type == CURLINFO_HEADER_OUT) static_cast<Dialogue*>(user)->hear_command({data, size});
    return 0;
}

std::size_t give_mail(char* to, std::size_t, std::size_t room, void* user) {
    auto& dialogue = *static_cast<Dialogue*>(user);
    const auto piece = dialogue.mail.substr(dialogue.given, room);
    std::copy(piece.begin(), piece.end(), to);
    dialogue.given += piece.size();
    return piece.size();
}

std::string url_of(const SmtpOptions& options) {
    const auto* const scheme = options.tls == SmtpOptions::Tls::tls ? "smtps" : "smtp";
    const bool ip6 = options.host.find(':') != std::string::npos;
    return fmt::format("{}://{}{}{}:{}", scheme, ip6 ? "[" : "", options.host, ip6 ? "]" : "",
                       options.port);
}

CurlList recipients_of(const std::vector<std::string>& to) {
    CurlList list;
    for (const auto& address : to) append(list, "<" + address + ">");
    return list;
}

}  // namespace

struct SmtpClient::Impl {
    explicit Impl(SmtpOptions o);
    SmtpReply collect(Dialogue& dialogue) const;

    SmtpOptions options;
    Transfer transfer;
};

SmtpClient::Impl::Impl(SmtpOptions o)
    : options(std::move(o)), transfer(options.transport, "smtp,smtps") {
    transfer.set(CURLOPT_URL, url_of(options).c_str());
    const bool clear = options.tls == SmtpOptions::Tls::none;
    transfer.set(CURLOPT_USE_SSL, static_cast<long>(clear ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    if (!options.username.empty()) {
        transfer.set(CURLOPT_USERNAME, options.username.c_str());
        transfer.set(CURLOPT_PASSWORD, options.password.reveal().c_str());
    }
    transfer.set(CURLOPT_MAIL_FROM, ("<" + options.from + ">").c_str());
    // One bad recipient must not keep the mail from the others (libcurl 8.2 renamed it and keeps
    // this name).
    transfer.set(CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    transfer.set(CURLOPT_HTTPPROXYTUNNEL, 1L);
    transfer.set(CURLOPT_UPLOAD, 1L);
    transfer.set(CURLOPT_READFUNCTION, &give_mail);
    transfer.set(CURLOPT_HEADERFUNCTION, &take_answer);
    // All that libcurl would print comes to us instead, the login too; it is not kept.
    transfer.set(CURLOPT_DEBUGFUNCTION, &take_command);
    transfer.set(CURLOPT_VERBOSE, 1L);
}

SmtpReply SmtpClient::Impl::collect(Dialogue& dialogue) const {
    SmtpReply reply;
    reply.step = dialogue.step;
    reply.refused = std::move(dialogue.refused);
    if (transfer.succeeded()) {
        reply.kind = Outcome::Kind::ok;
        return reply;
    }
    reply.no_login = dialogue.step == Step::sender && dialogue.wants_login && !dialogue.logged_in;
    reply.no_starttls = transfer.failed_with(CURLE_USE_SSL_FAILED) && dialogue.code < 400;
    reply.bad_certificate = transfer.failed_with(CURLE_PEER_FAILED_VERIFICATION);
    reply.at_proxy = transfer.failed_at_proxy();
    reply.code = dialogue.code >= 400 ? dialogue.code : 0;
    reply.error = reply.code > 0 ? dialogue.line : transfer.error();
    reply.kind = reply.code >= 500 ? Outcome::Kind::permanent
                 : reply.code > 0  ? Outcome::Kind::transient
                 : reply.no_login  ? Outcome::Kind::permanent
                                   : transfer.meaning(dialogue.given == dialogue.mail.size());
    const auto& refused = reply.refused;
    const bool one_may_pass =
        std::any_of(refused.begin(), refused.end(), [](const auto& one) { return one.code < 500; });
    if (reply.step == Step::recipients && reply.code > 0 && one_may_pass)
        reply.kind = Outcome::Kind::transient;
    return reply;
}

SmtpClient::SmtpClient(SmtpOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
SmtpClient::~SmtpClient() = default;

SmtpReply SmtpClient::send(const std::vector<std::string>& to, const std::string& mail) {
    auto& transfer = impl_->transfer;
    const auto recipients = recipients_of(to);
    Dialogue dialogue{mail, to, !impl_->options.username.empty(), transfer};
    transfer.set(CURLOPT_MAIL_RCPT, recipients.get());
    transfer.set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(mail.size()));
    transfer.set(CURLOPT_READDATA, &dialogue);
    transfer.set(CURLOPT_HEADERDATA, &dialogue);
    transfer.set(CURLOPT_DEBUGDATA, &dialogue);
    const auto patience = std::chrono::ceil<std::chrono::seconds>(impl_->options.transport.timeout);
    transfer.set(CURLOPT_SERVER_RESPONSE_TIMEOUT, static_cast<long>(patience.count()));
    transfer.run();
    return impl_->collect(dialogue);
}

void SmtpClient::interrupt() noexcept {
    impl_->transfer.interrupt();
}

}  // namespace quotafuse::notifiers
