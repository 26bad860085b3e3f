#include "circuit_breaker/grant_list.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <utility>

#include "base/text.h"
#include "circuit_breaker/grants.h"

namespace quotafuse::circuit_breaker {
namespace {

struct Token {
    std::string text;
    bool quoted = false;
    bool is(std::string_view word) const { return !quoted && same_name(text, word); }
};

bool is_quote(char c) {
    return c == '`' || c == '\'' || c == '"';
}

/// A doubled quote stands for one. A backslash is a character as any other: servers write names so
/// in every sql_mode. False where the quote does not end.
bool read_quoted(std::string_view text, std::size_t& at, Token& token) {
    const char quote = text[at++];
    token.quoted = true;
    for (; at < text.size(); ++at) {
        if (text[at] == quote) {
            ++at;
            if (at == text.size() || text[at] != quote) return true;
        }
        token.text += text[at];
    }
    return false;
}

/// Words, quoted names, and the signs between them. Nothing where a quote does not end.
std::optional<std::vector<Token>> tokens_of(std::string_view text) {
    constexpr std::string_view kSigns = "(),.@;";
    std::vector<Token> tokens;
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (std::isspace(static_cast<unsigned char>(c)) != 0) {
            ++at;
        } else if (is_quote(c)) {
            if (!read_quoted(text, at, tokens.emplace_back())) return {};
        } else if (kSigns.find(c) != std::string_view::npos) {
            tokens.push_back({.text = std::string{c}});
            ++at;
        } else {
            const auto end = std::min(text.find_first_of(" \t\r\n\v\f(),.@;`'\"", at), text.size());
            tokens.push_back({.text = std::string{text.substr(at, end - at)}});
            at = end;
        }
    }
    return tokens;
}

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) {
        return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    });
    return text;
}

/// A word of a right's name: "SELECT", "BACKUP_ADMIN".
bool is_word(const Token& token) {
    return !token.quoted && !token.text.empty() && std::ranges::all_of(token.text, [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    });
}

/// Reads the tokens of one line from the left. What does not fit makes it fail for good.
class Parser {
public:
    explicit Parser(std::string_view line) {
        auto tokens = tokens_of(line);
        good_ = tokens.has_value();
        if (tokens) tokens_ = std::move(*tokens);
    }

    GrantLine read() {
        GrantLine line;
        if (next_is("SET") && next_is("DEFAULT") && next_is("ROLE")) {
            line.kind = GrantLine::Kind::nothing;
            return line;
        }
        at_ = 0;
        const bool takes = next_is("REVOKE");
        if (!takes) want("GRANT");
        if (gives_roles()) {
            line.kind = GrantLine::Kind::roles;
            line.roles = read_role_list();
        } else {
            line.kind = GrantLine::Kind::rights;
            line.rights = read_rights();
            want("ON");
            read_object(line);
        }
        want(takes ? "FROM" : "TO");
        line.grantee = read_account();
        read_rest(line);
        if (takes) line.kind = GrantLine::Kind::takes;
        return good_ ? line : GrantLine{};
    }

    std::vector<std::string> read_roles() {
        std::vector<std::string> roles;
        while (good_ && !at_end()) {
            const bool none = sees("NONE") || sees("NULL");
            auto name = take_name();
            if (!none) roles.push_back(quote_account(name, next_is("@") ? take_host() : "%"));
            if (!at_end()) want(",");
        }
        return roles;
    }

private:
    bool at_end() const { return at_ >= tokens_.size(); }
    bool sees(std::string_view word) const { return !at_end() && tokens_[at_].is(word); }
    bool next_is(std::string_view word) {
        if (!sees(word)) return false;
        ++at_;
        return true;
    }
    void want(std::string_view word) {
        if (!next_is(word)) good_ = false;
    }
    /// A name, quoted or not; a sign is none.
    std::string take_name() {
        constexpr std::string_view kSigns = "(),.@;";
        const bool sign = !at_end() && !tokens_[at_].quoted && tokens_[at_].text.size() == 1 &&
                          kSigns.find(tokens_[at_].text[0]) != std::string_view::npos;
        if (at_end() || sign) {
            good_ = false;
            return {};
        }
        return tokens_[at_++].text;
    }
    /// A bare host may have points in it.
    std::string take_host() {
        const bool bare = !at_end() && !tokens_[at_].quoted;
        auto host = take_name();
        while (bare && next_is(".")) host += "." + take_name();
        return host;
    }

    /// Whether TO or FROM comes without an ON before it.
    bool gives_roles() const {
        for (auto at = at_; at < tokens_.size(); ++at) {
            if (tokens_[at].is("ON")) return false;
            if (tokens_[at].is("TO") || tokens_[at].is("FROM")) return true;
        }
        return false;
    }

    std::vector<std::string> read_role_list() {
        std::vector<std::string> roles;
        do {
            roles.push_back(read_role());
        } while (good_ && next_is(","));
        return roles;
    }

    /// Accounts and MySQL's roles have a host, MariaDB's roles have none.
    std::string read_role() {
        auto name = take_name();
        return next_is("@") ? quote_account(name, take_host()) : quote_name(std::move(name));
    }

    std::vector<GrantLine::Right> read_rights() {
        std::vector<GrantLine::Right> rights;
        do {
            GrantLine::Right right{.name = "", .columns = {}};
            while (!at_end() && is_word(tokens_[at_]) && !sees("ON"))
                right.name += (right.name.empty() ? "" : " ") + upper(take_name());
            if (right.name.empty()) good_ = false;
            if (right.name == "ALL") right.name = "ALL PRIVILEGES";
            if (next_is("(")) right.columns = read_columns();
            rights.push_back(std::move(right));
        } while (good_ && next_is(","));
        return rights;
    }

    std::vector<std::string> read_columns() {
        std::vector<std::string> columns;
        do {
            columns.push_back(take_name());
        } while (good_ && next_is(","));
        want(")");
        return columns;
    }

    void read_object(GrantLine& line) {
        if (line.rights.size() == 1 && line.rights.front().name == "PROXY") {
            line.kind = GrantLine::Kind::proxy;
            line.database = read_account();
            return;
        }
        // A word before the name, not before its point, is the kind of object.
        while (at_ + 1 < tokens_.size() && is_word(tokens_[at_]) && !tokens_[at_ + 1].is("."))
            line.type += (line.type.empty() ? "" : " ") + upper(take_name());
        if (line.type == "TABLE") line.type.clear();
        line.database = take_name();
        want(".");
        line.table = take_name();
        if (line.database.empty() || line.table.empty()) good_ = false;
    }

    std::string read_account() {
        if (next_is("PUBLIC")) return "PUBLIC";
        return read_role();
    }

    /// How it logs in and what bounds it say nothing of its rights, save GRANT OPTION.
    void read_rest(GrantLine& line) {
        const bool known = at_end() || sees(";") || sees("IDENTIFIED") || sees("REQUIRE") ||
                           sees("WITH") || sees("ACCOUNT");
        if (!known) good_ = false;
        bool with = false;
        for (; !at_end(); ++at_) {
            with = with || sees("WITH");
            if (with && sees("OPTION")) line.may_grant = true;
        }
    }

    std::vector<Token> tokens_;
    std::size_t at_ = 0;
    bool good_ = true;  // all that was read so far was understood
};

/// LIKE of MySQL: % is any run, _ any one character, a backslash takes the next one as it is.
bool is_like(std::string_view pattern, std::string_view text) {
    std::size_t at = 0;
    std::size_t p = 0;
    // Where to go on when it fails: behind the last %, which then takes one character more.
    std::size_t after_run = std::string_view::npos;
    std::size_t run_end = 0;
    while (at < text.size()) {
        if (p < pattern.size() && pattern[p] == '%') {
            after_run = ++p;
            run_end = at;
            continue;
        }
        const bool escaped = p + 1 < pattern.size() && pattern[p] == '\\';
        const auto sign = p + (escaped ? 1 : 0);
        if (sign < pattern.size() && ((!escaped && pattern[sign] == '_') ||
                                      same_name(pattern.substr(sign, 1), text.substr(at, 1)))) {
            p = sign + 1;
            ++at;
        } else if (after_run != std::string_view::npos) {
            p = after_run;
            at = ++run_end;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('%', p) == std::string_view::npos;
}

bool names_database(const Power& power, std::string_view database) {
    if (power.database == "*" || same_name(power.database, database)) return true;
    // Only a grant on a whole database knows wildcards.
    return power.table == "*" && is_like(power.database, database);
}

void add(std::vector<Power>& powers, Power power) {
    if (std::ranges::find(powers, power) == powers.end()) powers.push_back(std::move(power));
}

void add(std::vector<Power>& powers, const GrantLine& line) {
    Power power{.right = "",
                .column = "",
                .type = line.type,
                .database = line.database,
                .table = line.table,
                .grantee = line.grantee};
    for (const auto& right : line.rights) {
        power.right = right.name;
        power.column.clear();
        if (right.columns.empty()) add(powers, power);
        for (const auto& column : right.columns) {
            power.column = column;
            add(powers, power);
        }
    }
    power.right = "GRANT OPTION";
    power.column.clear();
    // To pass PROXY on is no more than to have it.
    if (line.may_grant && line.kind == GrantLine::Kind::rights) add(powers, power);
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
    const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    return std::ranges::equal(a, b, {}, lower, lower);
}

GrantLine parse_grant(std::string_view line) {
    return Parser{line}.read();
}

std::string shown_grant(std::string_view line) {
    constexpr std::size_t kMost = 200;
    const auto end = upper(std::string{line}).find("IDENTIFIED");
    auto shown = base::valid_utf8(line.substr(0, end));
    std::ranges::replace_if(
        shown, [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
    return base::cut_bytes(base::trim(shown), kMost);
}

std::vector<std::string> parse_roles(std::string_view text) {
    return Parser{text}.read_roles();
}

std::vector<Power> powers_of(const std::vector<GrantLine>& lines) {
    std::vector<Power> powers;
    for (const auto& line : lines) {
        if (line.kind == GrantLine::Kind::rights || line.kind == GrantLine::Kind::proxy)
            add(powers, line);
    }
    return powers;
}

std::vector<Power> taken_by(const std::vector<GrantLine>& lines) {
    std::vector<Power> powers;
    for (const auto& line : lines) {
        if (line.kind == GrantLine::Kind::takes) add(powers, line);
    }
    return powers;
}

bool gives(const Power& power, std::string_view right, std::string_view database,
           std::string_view table, std::string_view column) {
    if (!power.type.empty() || (power.right != right && power.right != "ALL PRIVILEGES"))
        return false;
    return names_database(power, database) &&
           (power.table == "*" || same_name(power.table, table)) &&
           (power.column.empty() || same_name(power.column, column));
}

std::string object_of(const Power& power) {
    if (power.right == "PROXY") return power.database;
    const auto part = [](const std::string& name) { return name == "*" ? name : quote_name(name); };
    return (power.type.empty() ? "" : power.type + " ") + part(power.database) + "." +
           part(power.table);
}

}  // namespace quotafuse::circuit_breaker
