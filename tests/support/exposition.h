#pragma once
// What /metrics says, read strictly: whatever the format forbids is a fault.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace quotafuse::tests {

class Exposition {
public:
    explicit Exposition(const std::string& text) {
        REQUIRE(text.ends_with('\n'));
        std::string_view rest{text};
        while (!rest.empty()) {
            const auto end = rest.find('\n');
            const std::string line{rest.substr(0, end)};
            rest.remove_prefix(end + 1);
            CAPTURE(line);
            CHECK_FALSE(is_openmetrics);  // nothing comes after # EOF
            if (line == "# EOF")
                is_openmetrics = true;
            else if (line.starts_with("# HELP "))
                begin_family(line.substr(7));
            else if (line.starts_with("# TYPE "))
                take_type(line.substr(7));
            else
                take_sample(line);
        }
    }

    bool is_openmetrics = false;
    std::map<std::string, double> series;      // name{labels in order} → value
    std::map<std::string, std::string> types;  // of families
    std::set<std::string> names;               // of samples

    double at(const std::string& key) const {
        CAPTURE(key);
        REQUIRE(series.contains(key));
        return series.at(key);
    }
    std::string type_of(const std::string& key) const { return families_.at(key); }
    bool is_counter(const std::string& key) const {
        const auto& type = families_.at(key);
        return type == "counter" || type == "histogram";
    }

private:
    static bool is_name(std::string_view text) {
        const auto is_letter = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        };
        if (text.empty() || !is_letter(text.front())) return false;
        for (const char c : text)
            if (!is_letter(c) && !(c >= '0' && c <= '9')) return false;
        return true;
    }
    void begin_family(const std::string& rest) {
        family_ = rest.substr(0, rest.find(' '));
        CHECK(is_name(family_));
        CHECK_FALSE(types.contains(family_));
        CHECK(rest.size() > family_.size() + 10);  // a sentence of some use
    }
    void take_type(const std::string& rest) {
        const auto space = rest.find(' ');
        CHECK(rest.substr(0, space) == family_);
        CHECK(types.emplace(family_, rest.substr(space + 1)).second);
    }
    void take_sample(const std::string& line) {
        const auto end = line.find_first_of("{ ");
        REQUIRE(end != std::string::npos);
        const auto name = line.substr(0, end);
        REQUIRE(types.contains(family_));
        const auto& type = types.at(family_);
        // Of the family that was begun last, in both ways of naming a counter's.
        const auto part = name.substr(std::min(name.size(), family_.size()));
        CHECK(name.starts_with(family_));
        if (type == "histogram")
            CHECK((part == "_bucket" || part == "_sum" || part == "_count"));
        else
            CHECK((part.empty() || (type == "counter" && part == "_total")));
        CHECK(name.ends_with("_total") == (type == "counter"));
        auto at = end;
        if (line[at] == '{') at = take_labels(line, at + 1);
        REQUIRE(at < line.size());
        REQUIRE(line[at] == ' ');
        std::size_t used = 0;
        const auto value = std::stod(line.substr(at + 1), &used);
        CHECK(used == line.size() - at - 1);
        const auto key = line.substr(0, at);
        CHECK(series.emplace(key, value).second);
        families_[key] = type;
        names.insert(name);
    }
    /// Returns the place behind the closing brace.
    std::size_t take_labels(const std::string& line, std::size_t at) {
        std::set<std::string> seen;
        while (true) {
            const auto equals = line.find("=\"", at);
            REQUIRE(equals != std::string::npos);
            const auto label = line.substr(at, equals - at);
            CHECK(is_name(label));
            CHECK(seen.insert(label).second);
            at = equals + 2;
            while (at < line.size() && line[at] != '"') {
                if (line[at] == '\\') {
                    ++at;
                    REQUIRE(at < line.size());
                    CHECK((line[at] == '\\' || line[at] == '"' || line[at] == 'n'));
                }
                ++at;
            }
            ++at;
            REQUIRE(at < line.size());
            if (line[at] == '}') return at + 1;
            CHECK(line[at] == ',');
            ++at;
        }
    }

    std::string family_;
    std::map<std::string, std::string> families_;  // series → type
};

/// Every counter of `before` is in `after`, and is no lower.
inline void check_no_fall(const Exposition& before, const Exposition& after,
                          const std::string& prefix = "quotafuse_") {
    std::size_t counters = 0;
    for (const auto& [key, value] : before.series) {
        if (!key.starts_with(prefix) || !before.is_counter(key)) continue;
        ++counters;
        CAPTURE(key);
        REQUIRE(after.series.contains(key));
        CHECK(after.series.at(key) >= value);
    }
    CHECK(counters > 0);
}

}  // namespace quotafuse::tests
