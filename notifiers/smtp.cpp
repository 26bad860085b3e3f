#include <algorithm>
#include <set>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "base/text.h"
#include "notifiers/api.h"
#include "notifiers/mail_text.h"
#include "notifiers/providers.h"
#include "notifiers/safe_text.h"
#include "notifiers/smtp_client.h"

// Mail. A server says at each step whom it refuses, so one mail may reach some of its recipients
// only: those who have it are remembered until the others are done, which is not waited for long,
// because every later mail waits as well.
namespace quotafuse::notifiers {
namespace {

using Kind = Outcome::Kind;
using Tls = SmtpOptions::Tls;
using Step = SmtpReply::Step;

constexpr std::size_t kMostRecipients = 50;
/// For those who do not have a mail that others have: longer than greylisting takes.
constexpr std::chrono::minutes kPatience{20};
constexpr std::uint16_t kMailPort = 25;
constexpr std::string_view kOthersHaveIt =
    "the other recipients have the mail; check these addresses in `to`";

struct SmtpSettings {
    SmtpOptions server;
    Mailbox from;
    std::vector<Mailbox> to;
};

std::vector<std::string> secrets_of(const SmtpSettings& settings) {
    const auto& server = settings.server;
    auto secrets = secrets_of(server.transport);
    if (server.password.empty()) return secrets;
    const auto& password = server.password.reveal();
    secrets.push_back(password);
    // As AUTH LOGIN and AUTH PLAIN say them.
    secrets.push_back(base64(password));
    secrets.push_back(base64(std::string{'\0'} + server.username + '\0' + password));
    return secrets;
}

std::string advice_about(const SmtpReply& reply) {
    if (reply.no_login) {
        return "the server offers no login here, so nothing was sent: check tls and port, or "
               "leave out username and password if it wants none";
    }
    if (reply.no_starttls) {
        return "the server offers no STARTTLS: set `tls: tls` and its port for that (mostly 465)";
    }
    if (reply.bad_certificate) {
        return "the certificate is not trusted: check host and this host's clock, and set ca_file "
               "where the authority is your own";
    }
    if (reply.code == 0) return advice_about_transport(reply.error, reply.at_proxy);
    if (reply.code < 500) return {};
    switch (reply.step) {
        case Step::connection:
            return "the server does not take this host: its name and address, and what is known "
                   "of them";
        case Step::login:
            return "username or password is wrong; many services want a password made for "
                   "programs (app password, 授权码) instead of the usual one";
        case Step::sender:
            return "the server does not let this account send as `from`, or wants a login";
        case Step::recipients:
            return "the server knows none of the addresses in `to`, or takes no mail for them "
                   "from here";
        case Step::content:
            return "the server refuses this mail: its size, or what its filter thinks of it";
    }
    return {};
}

std::string list_of(const std::vector<SmtpReply::Refusal>& refused) {
    std::string list;
    for (const auto& one : refused)
        list += fmt::format("{}{}: {}", list.empty() ? "" : "; ", one.recipient, one.line);
    return list;
}

class Smtp final : public Provider {
public:
    Smtp(SmtpSettings settings, const base::Clock& clock)
        : settings_(std::move(settings)),
          client_(settings_.server),
          safe_(secrets_of(settings_)),
          clock_(clock) {}

    Outcome send(const Mail& mail) override {
        if (event_ != mail.event_id) begin(mail.event_id);
        std::vector<std::string> left;
        for (const auto& mailbox : settings_.to) {
            if (!done_.contains(mailbox.address)) left.push_back(mailbox.address);
        }
        const auto reply = client_.send(left, compose_mail(mail, settings_.from, settings_.to));
        if (reply.kind == Kind::ok) return sent(left, reply);
        auto outcome = failed(reply);
        if (!had_by_some_) return outcome;
        if (!reply.refused.empty()) outcome.why = safe_(list_of(reply.refused));
        if (outcome.advice.empty()) outcome.advice = kOthersHaveIt;
        return partly(left, !reply.refused.empty(), std::move(outcome));
    }
    void interrupt() noexcept override { client_.interrupt(); }

private:
    void begin(const std::string& event) {
        event_ = event;
        done_.clear();
        had_by_some_.reset();
    }

    /// Who was put off may get it later, and is waited for unless the last wait was in vain; who
    /// was refused never will.
    Outcome sent(const std::vector<std::string>& to, const SmtpReply& reply) {
        done_.insert(to.begin(), to.end());
        auto reached = std::set<std::string>{to.begin(), to.end()};
        std::vector<std::string> put_off;
        for (const auto& one : reply.refused) {
            reached.erase(one.recipient);
            if (one.code >= 500 || in_vain_.contains(one.recipient)) continue;
            done_.erase(one.recipient);
            put_off.push_back(one.recipient);
        }
        for (const auto& recipient : reached) in_vain_.erase(recipient);
        if (!had_by_some_) had_by_some_ = clock_.mono();
        Outcome outcome;
        outcome.why = safe_(list_of(reply.refused));
        if (!reply.refused.empty()) outcome.advice = kOthersHaveIt;
        if (!put_off.empty()) return partly(put_off, true, std::move(outcome));
        event_.clear();  // should it ever come again, then to all
        return outcome;
    }

    /// Somebody has the mail, so it must come again as it was, if at all: ok when the time for that
    /// is over, or it would be in vain. A server that does not answer keeps all mails waiting
    /// alike.
    Outcome partly(const std::vector<std::string>& left, bool put_off, Outcome outcome) {
        const bool in_time = clock_.mono() - *had_by_some_ < kPatience;
        if (outcome.kind != Kind::permanent && (in_time || !put_off)) {
            outcome.kind = Kind::ambiguous;
            return outcome;
        }
        if (outcome.kind != Kind::permanent) in_vain_.insert(left.begin(), left.end());
        event_.clear();
        outcome.kind = Kind::ok;
        outcome.most_attempts = 0;
        outcome.of_this_text = false;
        return outcome;
    }

    Outcome failed(const SmtpReply& reply) const {
        Outcome outcome;
        outcome.kind = reply.kind;
        outcome.why = safe_(reply.no_login ? "the server offers no login" : reply.error);
        outcome.of_this_text =
            reply.kind == Kind::permanent && reply.step == Step::content && reply.code >= 500;
        outcome.advice = advice_about(reply);
        if (reply.code == 0 && settings_.server.port == kMailPort && !outcome.advice.empty())
            outcome.advice += "; port 25 is often blocked: try 587 or 465";
        const bool of_this_mail = reply.code >= 400 && reply.step == Step::content;
        return outcome.kind == Kind::transient && of_this_mail ? for_a_day(std::move(outcome))
                                                               : outcome;
    }

    SmtpSettings settings_;
    SmtpClient client_;
    SafeText safe_;
    const base::Clock& clock_;
    std::string event_;
    std::set<std::string> done_;  // recipients of event_ who have it, or are not waited for
    std::optional<base::MonoTime> had_by_some_;  // since when somebody has event_
    std::set<std::string> in_vain_;  // recipients who did not get a mail in time, nor one since
};

class SmtpRecipe final : public Recipe {
public:
    explicit SmtpRecipe(SmtpSettings settings) : settings_(std::move(settings)) {}

    std::unique_ptr<Provider> make(const Tools& tools) const override {
        return std::make_unique<Smtp>(settings_, tools.clock);
    }
    Pace pace() const override {
        const auto& server = settings_.server;
        return {robot_of(fmt::format("{} {} {}", server.host, server.username, server.from))};
    }
    std::vector<std::string> secrets() const override { return secrets_of(settings_); }
    std::string route() const override { return route_of(settings_.server.transport); }

private:
    SmtpSettings settings_;
};

bool is_loopback(const std::string& host) {
    in_addr address{};
    const bool is_v4 = ::inet_pton(AF_INET, host.c_str(), &address) == 1;
    return host == "localhost" || host == "::1" || (is_v4 && host.starts_with("127."));
}

void read_server(EntryReader& entry, SmtpOptions& server) {
    constexpr std::string_view kOfHosts =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";
    if (const auto* const host = entry.needed("host")) {
        if (host->text.find_first_not_of(kOfHosts) != std::string::npos)
            entry.error(host->place, "host must be a name or an address, without a port");
        server.host = host->text;
    }
    auto& map = entry.map();
    server.tls = static_cast<Tls>(map.choice("tls", {"starttls", "tls", "none"}).value_or(0));
    const auto usual = server.tls == Tls::starttls ? 587 : server.tls == Tls::tls ? 465 : 25;
    server.port = static_cast<std::uint16_t>(map.integer("port", 1, 65535).value_or(usual));
    server.username = map.text("username").value_or("");
    server.password = base::Secret{map.text("password").value_or("")};
    if (server.username.empty() != server.password.empty()) {
        entry.error(entry.map().place(), "username and password belong together: one is missing");
    }
    server.transport = entry.transport();
    const bool stays_here = is_loopback(server.host) && server.transport.proxy.empty();
    if (server.tls == Tls::none && !server.username.empty() && !stays_here) {
        entry.error(entry.place_of("tls"),
                    "tls: none would send the password readable for everybody on the way; use "
                    "starttls or tls");
    }
}

std::optional<Mailbox> read_mailbox(EntryReader& entry, std::string_view key,
                                    std::string_view text) {
    auto mailbox = parse_mailbox(text);
    if (!mailbox) {
        entry.error(entry.place_of(key),
                    fmt::format("{} must be written like ops@example.com or \"Name "
                                "<ops@example.com>\"",
                                key));
    }
    return mailbox;
}

}  // namespace

std::shared_ptr<const Recipe> read_smtp(EntryReader& entry) {
    SmtpSettings settings;
    read_server(entry, settings.server);
    if (const auto* const from = entry.needed("from")) {
        settings.from = read_mailbox(entry, "from", from->text).value_or(Mailbox{});
        settings.server.from = settings.from.address;
    }
    if (entry.map().require("to") != nullptr) {
        const auto to = entry.map().texts("to").value_or(std::vector<std::string>{});
        if (to.empty() || to.size() > kMostRecipients) {
            entry.error(entry.place_of("to"),
                        fmt::format("to must name 1 to {} addresses", kMostRecipients));
        }
        for (const auto& one : to)
            settings.to.push_back(read_mailbox(entry, "to", one).value_or(Mailbox{}));
    }
    return std::make_shared<SmtpRecipe>(std::move(settings));
}

}  // namespace quotafuse::notifiers
