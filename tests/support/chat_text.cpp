#include "support/chat_text.h"

#include <array>
#include <regex>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/text.h"

namespace quotafuse::tests {
namespace {

std::string utf8(unsigned long point) {
    std::string out;
    const auto add = [&](unsigned long byte) { out += static_cast<char>(byte); };
    if (point < 0x80) {
        add(point);
    } else if (point < 0x800) {
        add(0xC0 | point >> 6);
        add(0x80 | (point & 0x3F));
    } else {
        add(0xE0 | point >> 12);
        add(0x80 | (point >> 6 & 0x3F));
        add(0x80 | (point & 0x3F));
    }
    return out;
}

bool is_word(char c) {
    return static_cast<unsigned char>(c) >= 0x80 ||
           std::isalnum(static_cast<unsigned char>(c)) != 0;
}

/// Of one line without its leading mark.
std::string seen_of_line(std::string line) {
    static const std::map<std::string, std::string> kNamed = {
        {"lt", "<"}, {"gt", ">"}, {"amp", "&"}, {"quot", "\""}};
    line = std::regex_replace(line, std::regex{R"(\[([^\]]*)\]\(([^)]*)\))"}, "$1: $2");
    std::string seen;
    char before = ' ';
    for (std::string_view rest = line; !rest.empty();) {
        if (const auto entity = rest.front() == '&' ? take_entity(rest, kNamed) : std::nullopt) {
            seen += *entity;
            before = ' ';
            continue;
        }
        const char c = rest.front();
        const char after = rest.size() > 1 ? rest[1] : ' ';
        const bool emphasis = c == '_' && !(is_word(before) && is_word(after));
        const bool struck = c == '~' && (after == '~' || before == '~');
        if (!emphasis && !struck && std::string_view{"*`\\<|"}.find(c) == std::string_view::npos)
            seen += c;
        before = c;
        rest.remove_prefix(1);
    }
    return seen;
}

}  // namespace

bool is_json(const Call& call) {
    return call.method == "POST" && call.content_type.starts_with("application/json");
}

std::optional<std::string> take_entity(std::string_view& text,
                                       const std::map<std::string, std::string>& named) {
    static const std::regex kEntity{"&(#([0-9]{1,5})|[a-z]{1,8});"};
    const std::string head{text.substr(0, 12)};
    std::smatch match;
    if (!std::regex_search(head, match, kEntity, std::regex_constants::match_continuous)) {
        return std::nullopt;
    }
    const auto name = named.find(match[1]);
    if (!match[2].matched && name == named.end()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(match.length(1)) + 2);
    return match[2].matched ? utf8(std::stoul(match[2])) : name->second;
}

std::string signature(const std::string& key, const std::string& message) {
    std::array<unsigned char, 32> digest{};
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(message.c_str()), message.size(), digest.data(),
         &size);
    std::array<unsigned char, 64> text{};
    EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
    return reinterpret_cast<const char*>(text.data());
}

std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
        ++count;
    return count;
}

std::string seen_of_markdown(const std::string& content) {
    static const std::regex kMark{"^ *(#+|>|-|\\+|[0-9]+\\.) +"};
    std::string seen;
    for (const auto part : base::split(content, '\n')) {
        const std::string line{base::trim(part)};
        if (line == "---") continue;
        seen += seen_of_line(std::regex_replace(line, kMark, "")) + '\n';
    }
    return seen;
}

}  // namespace quotafuse::tests
