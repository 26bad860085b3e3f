#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "notifiers/http_client.h"
#include "notifiers/provider.h"
#include "notifiers/safe_text.h"

namespace quotafuse::notifiers {

/// A number that nobody has documented may be anything, so it does not block the queue for ever.
constexpr int kTriesOfUnknown = 3;

/// What a number in an answer means, and what a person can do about it.
struct Meaning {
    std::int64_t code = 0;
    Outcome::Kind kind = Outcome::Kind::transient;
    std::string_view advice = {};
    bool of_this_text = false;
    std::chrono::seconds wait{0};
    int most_attempts = 0;
};
/// That of `code`, or that of a number that nobody has documented.
Meaning meaning_of(std::span<const Meaning> known, std::int64_t code);

/// What the chat services have in common: JSON over POST, and texts of their answers that may quote
/// our secrets. Belongs to one thread but for interrupt().
class Api {
public:
    /// `clock` must outlive this.
    Api(HttpOptions http, const std::vector<std::string>& secrets, const base::Clock& clock)
        : client_(std::move(http)), shown_(secrets), clock_(clock) {}

    HttpReply post(const base::Secret& url, const std::string& json) {
        return client_.post(url, json);
    }
    HttpReply send(const HttpRequest& request) { return client_.send(request); }
    void interrupt() noexcept { client_.interrupt(); }

    /// What people may read of it.
    std::string shown(std::string_view text) const { return shown_(text); }
    /// An outcome whose `why` is shown(why).
    Outcome outcome(const Meaning& meaning, std::string_view why) const;
    Outcome outcome(Outcome::Kind kind, std::string_view why) const;
    Outcome wait(std::chrono::seconds wait, std::string_view why) const;

    /// For an answer in which the service's own verdict cannot be read: no JSON (a proxy's page, a
    /// captive portal's) or none at all. Never ok; permanent only where the transport failed for
    /// good: what stands between us and the service says nothing about the message, whatever its
    /// status.
    Outcome without_verdict(const HttpReply& reply) const;

    const base::Clock& clock() const { return clock_; }

private:
    HttpClient client_;
    SafeText shown_;
    const base::Clock& clock_;
};

/// How a message goes out once more after a refusal that another try may heal.
struct Form {
    bool plain = false;      // without markup
    bool shorter = false;    // half as long
    bool again = false;      // as it was, signed at a new time
    bool off_topic = false;  // not in the thread that it was meant for
};

/// A chat service: its own file says what a message looks like there, and what its answers mean.
class ChatProvider : public Provider {
public:
    Outcome send(const Mail& mail) final;
    void interrupt() noexcept final { api_.interrupt(); }

protected:
    ChatProvider(HttpOptions http, const std::vector<std::string>& secrets,
                 const base::Clock& clock)
        : api_(std::move(http), secrets, clock) {}
    Api& api() { return api_; }
    const Api& api() const { return api_; }

private:
    virtual base::Secret url() const = 0;
    virtual std::string body(const Message& message, const Form& form) const = 0;
    /// Changes what the answer complains of. What was done about it, empty when nothing can be.
    virtual std::string correct(Form& form, const nlohmann::json& answer) = 0;
    virtual Outcome judge(const HttpReply& reply, const nlohmann::json& answer) const = 0;
    /// The message arrived: whatever else belongs to it.
    virtual void follow(const Message&, Outcome&) {}

    Api api_;
};

/// What to do about a transport that failed so; empty where nobody knows. `error`: what libcurl
/// says.
std::string advice_about_transport(std::string_view error, bool at_proxy);

/// A service's answer; discarded where it is no JSON. What is nested deeper than any service nests
/// is left out: a hostile answer would cost more stack than there is.
nlohmann::json answer_in(const HttpReply& reply);
/// A member of an answer, which may be anything: nothing unless `answer` is an object with such a
/// member.
std::optional<std::int64_t> number_in(const nlohmann::json& answer, const char* key);
std::string text_in(const nlohmann::json& answer, const char* key);
/// "the address 1.2.3.4 (…)", of the first IP address in a text: services name ours. Words for it
/// where they do not.
std::string our_address_in(std::string_view text);
/// How far the service's clock, by its header `date`, is ahead of ours.
std::optional<std::chrono::seconds> clock_lag(const HttpReply& reply, const base::Clock& clock);
/// What to do about a signature that was refused: the clock, or the secret.
std::string advice_about_sign(const HttpReply& reply, const base::Clock& clock);

/// HMAC-SHA256, in bytes. Throws std::runtime_error where OpenSSL cannot.
std::string hmac_sha256(std::string_view key, std::string_view message);
std::string base64(std::string_view bytes);

}  // namespace quotafuse::notifiers
