#include "circuit_breaker/grant_list.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <utility>

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

/// A doubled quote stands for one. In texts a backslash escapes, too; in `names` it is a backslash.
Token read_quoted(std::string_view text, std::size_t& at) {
    const char quote = text[at++];
    Token token{.text = "", .quoted = true};
    for (; at < text.size(); ++at) {
        if (text[at] == quote) {
            if (at + 1 == text.size() || text[at + 1] != quote) break;
            ++at;
        } else if (text[at] == '\\' && quote != '`' && at + 1 < text.size()) {
            ++at;
        }
        token.text += text[at];
    }
    ++at;
    return token;
}

/// Words, quoted names, and the signs between them.
std::vector<Token> tokens_of(std::string_view text) {
    constexpr std::string_view kSigns = "(),.@;";
    std::vector<Token> tokens;
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (std::isspace(static_cast<unsigned char>(c)) != 0) {
            ++at;
        } else if (is_quote(c)) {
            tokens.push_back(read_quoted(text, at));
        } else if (kSigns.find(c) != std::string_view::npos) {
            tokens.push_back({.text = std::string{c}});
            ++at;
        } else {
            const auto end = std::min(text.find_first_of(" \t\r\n(),.@;`'\"", at), text.size());
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

/// Reads the tokens of one line from the left.
class Parser {
public:
    explicit Parser(std::string_view line) : tokens_(tokens_of(line)) {}

    GrantLine read() {
        GrantLine line;
        const bool takes = next_is("REVOKE");
        if (!takes && !next_is("GRANT")) return line;
        const auto names = read_list(line);
        if (next_is("ON")) {
            read_object(line);
        } else {
            line.kind = GrantLine::Kind::roles;
            line.roles = names;
            line.rights.clear();
        }
        if (takes) line.kind = GrantLine::Kind::takes;
        if (!next_is("TO") && !next_is("FROM")) return {};
        line.grantee = read_account();
        line.may_grant = has_option();
        return line;
    }

    std::vector<std::string> read_roles() {
        std::vector<std::string> roles;
        while (at_ < tokens_.size()) {
            if (next_is(",")) continue;
            const bool quoted = tokens_[at_].quoted;
            auto name = take();
            skip_host();
            if (quoted || !(same_name(name, "NONE") || same_name(name, "NULL")))
                roles.push_back(std::move(name));
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
    std::string take() { return at_end() ? std::string{} : tokens_[at_++].text; }
    void skip_host() {
        if (next_is("@")) take_host();
    }
    /// A bare host may have points in it.
    std::string take_host() {
        auto host = take();
        while (next_is(".")) host += "." + take();
        return host;
    }

    /// Rights or roles up to ON or TO; returns the names that roles would have.
    std::vector<std::string> read_list(GrantLine& line) {
        std::vector<std::string> names;
        while (!at_end() && !sees("ON") && !sees("TO") && !sees("FROM")) {
            if (next_is(",")) continue;
            GrantLine::Right right{.name = take(), .columns = {}};
            names.push_back(right.name);
            skip_host();
            while (!at_end() && !sees(",") && !sees("(") && !sees("ON") && !sees("TO") &&
                   !sees("FROM"))
                right.name += " " + take();
            right.name = upper(std::move(right.name));
            if (right.name == "ALL") right.name = "ALL PRIVILEGES";
            if (next_is("(")) right.columns = read_columns();
            line.rights.push_back(std::move(right));
        }
        return names;
    }

    std::vector<std::string> read_columns() {
        std::vector<std::string> columns;
        while (!at_end() && !next_is(")")) {
            if (!next_is(",")) columns.push_back(take());
        }
        return columns;
    }

    void read_object(GrantLine& line) {
        if (line.rights.size() == 1 && line.rights.front().name == "PROXY") {
            line.kind = GrantLine::Kind::proxy;
            line.database = read_account();
            return;
        }
        line.kind = GrantLine::Kind::rights;
        // A word before the name, not before its point, is the kind of object.
        while (at_ + 1 < tokens_.size() && !tokens_[at_].quoted && !tokens_[at_ + 1].is("."))
            line.type += (line.type.empty() ? "" : " ") + upper(take());
        if (line.type == "TABLE") line.type.clear();
        line.database = take();
        next_is(".");
        line.table = take();
    }

    std::string read_account() {
        const bool quoted = !at_end() && tokens_[at_].quoted;
        auto user = take();
        if (next_is("@")) return quote_account(user, take_host());
        return quoted ? quote_name(std::move(user)) : user;
    }

    bool has_option() const {
        bool with = false;
        for (auto at = at_; at < tokens_.size(); ++at) {
            with = with || tokens_[at].is("WITH");
            if (with && tokens_[at].is("OPTION")) return true;
        }
        return false;
    }

    std::vector<Token> tokens_;
    std::size_t at_ = 0;
};

/// LIKE of MySQL: % is any run, _ any one character, a backslash takes the next one as it is.
bool is_like(std::string_view pattern, std::string_view text) {
    if (pattern.empty()) return text.empty();
    if (pattern.front() == '%') {
        for (std::size_t skip = 0; skip <= text.size(); ++skip) {
            if (is_like(pattern.substr(1), text.substr(skip))) return true;
        }
        return false;
    }
    const bool any = pattern.front() == '_';
    if (pattern.front() == '\\' && pattern.size() > 1) pattern.remove_prefix(1);
    return !text.empty() && (any || same_name(pattern.substr(0, 1), text.substr(0, 1))) &&
           is_like(pattern.substr(1), text.substr(1));
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
