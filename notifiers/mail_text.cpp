#include "notifiers/mail_text.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "base/text.h"
#include "notifiers/api.h"
#include "notifiers/rendering.h"

namespace quotafuse::notifiers {
namespace {

constexpr std::size_t kMostText = 64 * 1024;
constexpr std::size_t kMostAddress = 254;  // RFC 5321
/// Of a word in base64, so that a line with its header's name stays within 76 characters.
constexpr std::size_t kBytesInWord = 39;
constexpr std::size_t kBytesInLine = 57;
constexpr std::size_t kPlainSubject = 60;

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

std::string short_hash(std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error("OpenSSL cannot hash");
    std::string hex;
    for (std::size_t i = 0; i < 12; ++i) hex += fmt::format("{:02x}", digest.at(i));
    return hex;
}

/// RFC 2047: words in base64, none of which ends within a character, one a line.
std::string encoded_words(std::string_view text) {
    std::string words;
    while (!text.empty()) {
        auto length = std::min(text.size(), kBytesInWord);
        while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U)
            --length;
        words += fmt::format("{}=?UTF-8?B?{}?=", words.empty() ? "" : "\r\n ",
                             base64(text.substr(0, length)));
        text.remove_prefix(length);
    }
    return words;
}

std::string header_text(std::string_view text) {
    const bool plain =
        is_ascii(text) && text.size() <= kPlainSubject && text.find("=?") == std::string_view::npos;
    return plain ? std::string{text} : encoded_words(text);
}

std::string header_mailbox(const Mailbox& mailbox) {
    if (mailbox.name.empty()) return mailbox.address;
    if (!is_ascii(mailbox.name) || mailbox.name.find("=?") != std::string::npos)
        return fmt::format("{}\r\n <{}>", encoded_words(mailbox.name), mailbox.address);
    std::string quoted;
    for (const char c : mailbox.name) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return fmt::format("\"{}\" <{}>", quoted, mailbox.address);
}

std::string header_date(std::int64_t unix_seconds) {
    constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::chrono::sys_seconds at{std::chrono::seconds{unix_seconds}};
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss time{at - day};
    return fmt::format(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} +0000",
        kDays.at(std::chrono::weekday{day}.c_encoding()), static_cast<unsigned>(date.day()),
        kMonths.at(static_cast<unsigned>(date.month()) - 1), static_cast<int>(date.year()),
        time.hours().count(), time.minutes().count(), time.seconds().count());
}

/// What mails about one alert have in common; empty where a mail is about none or many.
std::string thread_of(const Message& message) {
    if (message.alerts.size() != 1) return {};
    const auto alert = nlohmann::json::parse(message.alerts.front(), nullptr, false);
    if (!alert.is_object() || !alert.contains("rule") || !alert.contains("since")) return {};
    auto key = alert["rule"].dump() + alert["since"].dump();
    for (const auto& label : alert.value("labels", nlohmann::json::array())) {
        // Not its name, which may change in between.
        if (label.is_object())
            key += label.value("dimension", nlohmann::json{}).dump() +
                   label.value("id", nlohmann::json{}).dump();
    }
    return short_hash(key);
}

std::string_view colour_of(const Message& message) {
    if (message.kind == Message::Kind::resolved) return message.recovered ? "#2e7d32" : "#616161";
    switch (message.severity) {
        case base::Severity::info:
            return "#1565c0";
        case base::Severity::warning:
            return "#e65100";
        case base::Severity::critical:
            return "#c62828";
    }
    std::abort();
}

std::string escape(std::string_view text) {
    std::string html{text};
    base::replace_all(html, "&", "&amp;");
    base::replace_all(html, "<", "&lt;");
    base::replace_all(html, ">", "&gt;");
    base::replace_all(html, "\"", "&quot;");
    return html;
}

std::string render_html(const Message& message) {
    auto html = fmt::format(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head>\n"
        "<body style=\"font-family:sans-serif\">\n<h3 style=\"color:{}\">{} {}</h3>\n",
        colour_of(message), mark_of(message), escape(message.title));
    if (!message.facts.empty()) html += "<table>\n";
    for (const auto& fact : message.facts) {
        html +=
            fmt::format("<tr><td style=\"color:#666;padding-right:1em\">{}</td><td>{}</td></tr>\n",
                        escape(fact.label), escape(fact.value));
    }
    if (!message.facts.empty()) html += "</table>\n";
    for (const auto& section : message.sections) {
        html += "<p>";
        if (!section.heading.empty())
            html += fmt::format("<b>{}</b><br>\n", escape(section.heading));
        for (const auto& line : section.lines) html += escape(line) + "<br>\n";
        html += "</p>\n";
    }
    if (message.link) {
        html += fmt::format("<p><a href=\"{}\">{}</a></p>\n", escape(message.link->url),
                            escape(message.link->text));
    }
    return html + fmt::format("<p style=\"color:#888;font-size:small\">{}</p>\n</body></html>\n",
                              escape(message.footer));
}

/// Base64, which no relay changes and no line of which can end the mail early.
std::string part(std::string_view type, std::string text) {
    base::replace_all(text, "\n", "\r\n");
    auto mime = fmt::format(
        "Content-Type: {}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n", type);
    for (std::size_t at = 0; at < text.size(); at += kBytesInLine)
        mime += base64(std::string_view{text}.substr(at, kBytesInLine)) + "\r\n";
    return mime;
}

std::string headers(const Mail& mail, const Message& message, const Mailbox& from,
                    const std::vector<Mailbox>& to) {
    const auto domain = from.address.substr(from.address.find('@') + 1);
    std::string text =
        fmt::format("Date: {}\r\nFrom: {}\r\nTo: ", header_date(mail.put_at), header_mailbox(from));
    for (const auto& mailbox : to)
        text += (&mailbox == &to.front() ? "" : ",\r\n ") + header_mailbox(mailbox);
    text += fmt::format("\r\nSubject: {}\r\nMessage-ID: <{}.quotafuse@{}>\r\n",
                        header_text(fmt::format("{} {}", mark_of(message), message.title)),
                        base::percent_encode(mail.event_id), domain);
    if (const auto thread = thread_of(mail.message); !thread.empty()) {
        const auto root = fmt::format("<{}.alert.quotafuse@{}>", thread, domain);
        text += fmt::format("In-Reply-To: {}\r\nReferences: {}\r\n", root, root);
    }
    return text + "MIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n";
}

}  // namespace

std::optional<Mailbox> parse_mailbox(std::string_view text) {
    Mailbox mailbox;
    text = base::trim(text);
    if (const auto open = text.find('<'); open != std::string_view::npos && text.ends_with('>')) {
        auto name = base::trim(text.substr(0, open));
        if (name.size() > 1 && name.starts_with('"') && name.ends_with('"'))
            name = name.substr(1, name.size() - 2);
        mailbox.name = name;
        text = text.substr(open + 1, text.size() - open - 2);
    }
    mailbox.address = text;
    const auto at = text.find('@');
    const bool has_sides = at != std::string_view::npos && at > 0 && at + 1 < text.size();
    const bool has_controls = std::any_of(mailbox.name.begin(), mailbox.name.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (!has_sides || has_controls || text.size() > kMostAddress || !is_ascii(text) ||
        text.find_first_of(" <>()[],;:\"\\") != std::string_view::npos || text.rfind('@') != at) {
        return std::nullopt;
    }
    return mailbox;
}

std::string compose_mail(const Mail& mail, const Mailbox& from, const std::vector<Mailbox>& to) {
    const auto boundary = "quotafuse-" + short_hash(mail.event_id);
    const auto compose = [&](const Message& message) {
        auto text = headers(mail, message, from, to);
        text += fmt::format("Content-Type: multipart/alternative;\r\n boundary=\"{}\"\r\n\r\n",
                            boundary);
        text += fmt::format("--{}\r\n{}", boundary, part("text/plain", plain_text(message)));
        text += fmt::format("--{}\r\n{}", boundary, part("text/html", render_html(message)));
        return text + fmt::format("--{}--\r\n", boundary);
    };
    return render_to_fit(mail.message, kMostText, compose,
                         [](const std::string& text) { return text.size() <= 8 * kMostText; });
}

}  // namespace quotafuse::notifiers
