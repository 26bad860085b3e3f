#include "notifiers/api.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <stdexcept>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/duration.h"

namespace quotafuse::notifiers {
namespace {

/// Services take a signature for an hour; whose clock is off by less is signed well.
constexpr std::chrono::seconds kClockMatters{300};
/// Nobody has so many faults: a service that answers without end is broken.
constexpr int kMostRequests = 5;
constexpr int kDeepestAnswer = 32;

/// What libcurl says of a transport that failed, and what to do about it. The first that fits.
struct Trouble {
    std::string_view said;
    std::string_view advice;
};
constexpr std::array kTroubles = {
    Trouble{"resolve host",
            "this host's DNS does not know the service: check the network, or set proxy to one "
            "that asks the DNS itself (socks5h://)"},
    Trouble{"certificate",
            "the certificate is not trusted: check this host's clock, and ca_file if a proxy "
            "opens TLS"},
    Trouble{"SSL", "TLS failed: check what stands between this host and the service"},
    Trouble{"reset by peer",
            "the connection was cut off: check the firewall; where the service is blocked set "
            "proxy"},
    Trouble{"onnect",
            "nobody answers there: check the network and the firewall; where the service is "
            "blocked set proxy"},
    Trouble{"timed out", "no answer in time: check the network, and proxy if one is set"},
};

constexpr std::string_view kProxyWantsUser =
    "the proxy wants a user and a password, or other ones: write them into proxy";

std::string_view advice_about_status(int status) {
    if (status == 407) return kProxyWantsUser;
    if (status >= 500) return {};  // the service's own front, which recovers
    return "something between this host and the service answered in its place: check proxy, the "
           "firewall and the URL";
}

/// The first IP address in a text, empty where there is none.
std::string address_in(std::string_view text) {
    constexpr std::string_view kOfAddresses = "0123456789abcdefABCDEF.:";
    while (!text.empty()) {
        text.remove_prefix(std::min(text.find_first_of(kOfAddresses), text.size()));
        std::string word{text.substr(0, text.find_first_not_of(kOfAddresses))};
        text.remove_prefix(word.size());
        while (word.ends_with('.') || word.ends_with(':')) word.pop_back();  // of the sentence
        std::array<unsigned char, sizeof(in6_addr)> address{};
        for (const int family : {AF_INET, AF_INET6}) {
            if (::inet_pton(family, word.c_str(), address.data()) == 1) return word;
        }
    }
    return {};
}

}  // namespace

std::string advice_about_transport(std::string_view error, bool at_proxy) {
    const auto says = [&](std::string_view text) {
        return error.find(text) != std::string_view::npos;
    };
    if (at_proxy && says("407")) return std::string{kProxyWantsUser};
    if (at_proxy) {
        return "the proxy refused or does not answer: check proxy (its address, user and "
               "password), and that it lets this host reach the service";
    }
    for (const auto& [said, advice] : kTroubles) {
        if (says(said)) return std::string{advice};
    }
    return {};
}

Meaning meaning_of(std::span<const Meaning> known, std::int64_t code) {
    for (const auto& meaning : known) {
        if (meaning.code == code) return meaning;
    }
    Meaning unknown;
    unknown.code = code;
    unknown.most_attempts = kTriesOfUnknown;
    return unknown;
}

Outcome Api::outcome(const Meaning& meaning, std::string_view why) const {
    Outcome result;
    result.kind = meaning.kind;
    result.wait = meaning.wait;
    result.why = shown(why);
    result.most_attempts = meaning.most_attempts;
    result.of_this_text = meaning.of_this_text;
    result.advice = meaning.advice;
    return result;
}

Outcome Api::outcome(Outcome::Kind kind, std::string_view why) const {
    Meaning meaning;
    meaning.kind = kind;
    return outcome(meaning, why);
}

Outcome Api::wait(std::chrono::seconds wait, std::string_view why) const {
    auto result = outcome(Outcome::Kind::transient, why);
    result.wait = wait;
    return result;
}

Outcome Api::without_verdict(const HttpReply& reply) const {
    if (reply.transport != Outcome::Kind::ok) {
        auto result = outcome(reply.transport, reply.error);
        result.advice = advice_about_transport(reply.error, reply.at_proxy);
        return result;
    }
    const auto status = reply.status;
    if (status >= 300 && status < 400) {
        auto result = outcome(Outcome::Kind::permanent,
                              fmt::format("HTTP {}: a redirect, which is not followed", status));
        result.advice = "check the URL: another one was given in answer";
        return result;
    }
    auto result =
        wait(reply.retry_after(clock_.now()),
             fmt::format("HTTP {}, not the service's own answer: {}", status, reply.body));
    result.advice = advice_about_status(status);
    return result;
}

Outcome ChatProvider::send(const Mail& mail) {
    Form form;
    std::string corrections;
    for (int requests = 1;; ++requests) {
        const auto reply = api_.post(url(), body(mail.message, form));
        const auto answer = answer_in(reply);
        const auto correction = requests < kMostRequests ? correct(form, answer) : std::string{};
        if (!correction.empty()) {
            corrections += correction + ". ";
            continue;
        }
        auto outcome = judge(reply, answer);
        outcome.why = api_.shown(corrections + outcome.why);
        outcome.requests = requests;
        if (outcome.kind == Outcome::Kind::ok) follow(mail.message, outcome);
        return outcome;
    }
}

nlohmann::json answer_in(const HttpReply& reply) {
    const auto shallow = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
        return depth <= kDeepestAnswer;
    };
    return nlohmann::json::parse(reply.body, shallow, false);
}

std::optional<std::int64_t> number_in(const nlohmann::json& answer, const char* key) {
    if (!answer.is_object()) return std::nullopt;
    const auto at = answer.find(key);
    if (at == answer.end() || !at->is_number_integer()) return std::nullopt;
    return at->get<std::int64_t>();
}

std::string text_in(const nlohmann::json& answer, const char* key) {
    if (!answer.is_object()) return {};
    const auto at = answer.find(key);
    return at != answer.end() && at->is_string() ? at->get<std::string>() : std::string{};
}

std::string our_address_in(std::string_view text) {
    const auto address = address_in(text);
    return address.empty() ? "this host's public address, or its proxy's,"
                           : fmt::format("the address {} (this host's, or its proxy's)", address);
}

std::optional<std::chrono::seconds> clock_lag(const HttpReply& reply, const base::Clock& clock) {
    const auto date = reply.headers.find("date");
    std::tm parts{};
    if (date == reply.headers.end() ||
        ::strptime(date->second.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) {
        return std::nullopt;
    }
    return base::from_unix(::timegm(&parts)) - clock.now();
}

std::string advice_about_sign(const HttpReply& reply, const base::Clock& clock) {
    const auto lag = clock_lag(reply, clock);
    if (!lag) return "check secret, and this host's clock: they make the signature";
    if (std::chrono::abs(*lag) < kClockMatters) {
        return "secret is not the one of this bot: copy it anew from the bot's settings";
    }
    return fmt::format("this host's clock is {} {}: set it right",
                       base::format_duration(std::chrono::abs(*lag)),
                       lag->count() > 0 ? "slow" : "fast");
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    // Never null, which OpenSSL takes for "no data": an empty view has a pointer to something.
    const std::string text{message};
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.c_str()), text.size(), digest.data(),
             &size) == nullptr) {
        throw std::runtime_error("OpenSSL cannot sign");
    }
    return {digest.begin(), digest.begin() + size};
}

std::string base64(std::string_view bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // EVP ends it with a zero
    const auto length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                        reinterpret_cast<const unsigned char*>(bytes.data()),
                                        static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

}  // namespace quotafuse::notifiers
