#include "alerts/silence.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace quotafuse::alerts {
namespace {

/// "3 (azure-eu)" holds its name in the brackets, "k1 (alice)" before them; either may hold
/// brackets itself.
bool matches_display(const std::string& pattern, const KeyName& part) {
    const std::string_view display = part.display;
    if (base::glob_match(pattern, display)) return true;
    if (part.dimension == Dimension::channel && part.id) {
        const auto lead = std::to_string(*part.id) + " (";
        return display.starts_with(lead) && display.ends_with(')') &&
               base::glob_match(pattern,
                                display.substr(lead.size(), display.size() - lead.size() - 1));
    }
    if (part.dimension != Dimension::token) return false;
    for (auto at = display.find(" ("); at != std::string_view::npos;
         at = display.find(" (", at + 1)) {
        if (base::glob_match(pattern, display.substr(0, at))) return true;
    }
    return false;
}

bool matches(const Term& term, const KeyName& part) {
    if (term.id) return part.id == term.id;
    const bool has_name = part.dimension == Dimension::channel ||
                          part.dimension == Dimension::token || part.dimension == Dimension::user;
    if (has_name) return matches_display(term.pattern, part);
    return base::glob_match(term.pattern, part.id ? std::to_string(*part.id) : part.text);
}

bool holds(const Condition& condition, const std::vector<KeyName>& key) {
    const auto part = std::ranges::find(key, condition.dimension, &KeyName::dimension);
    if (part == key.end()) return false;
    bool any_positive = false;
    bool matched = false;
    for (const auto& term : condition.terms) {
        if (term.negated && matches(term, *part)) return false;
        if (term.negated) continue;
        any_positive = true;
        matched = matched || matches(term, *part);
    }
    return matched || !any_positive;
}

nlohmann::json to_json(const Term& term) {
    nlohmann::json json{{"negated", term.negated}};
    if (term.id) {
        json["id"] = *term.id;
    } else {
        json["pattern"] = term.pattern;
    }
    return json;
}

Term term_from(const nlohmann::json& json) {
    Term term;
    term.negated = json.at("negated").get<bool>();
    if (json.contains("id")) {
        term.id = json.at("id").get<std::int64_t>();
    } else {
        term.pattern = json.at("pattern").get<std::string>();
    }
    return term;
}

std::optional<Condition> condition_from(const nlohmann::json& json) {
    const auto& names = dimension_names();
    const auto at = std::ranges::find(names, json.at("dimension").get<std::string>());
    if (at == names.end()) return std::nullopt;
    Condition condition{static_cast<Dimension>(at - names.begin()), {}};
    for (const auto& term : json.at("terms")) condition.terms.push_back(term_from(term));
    return condition;
}

}  // namespace

bool concerns(const Silence& silence, const std::string& rule) {
    return base::glob_match(silence.rule, rule);
}

bool silences(const Silence& silence, const std::string& rule, const std::vector<KeyName>& key,
              base::Second t) {
    return silence.from <= t && t < silence.until && concerns(silence, rule) &&
           std::ranges::all_of(silence.where,
                               [&](const Condition& condition) { return holds(condition, key); });
}

std::string to_json(const Silence& silence) {
    auto where = nlohmann::json::array();
    for (const auto& condition : silence.where) {
        auto terms = nlohmann::json::array();
        for (const auto& term : condition.terms) terms.push_back(to_json(term));
        where.push_back(
            {{"dimension", std::string{dimension_name(condition.dimension)}}, {"terms", terms}});
    }
    const nlohmann::json json{{"id", silence.id},
                              {"rule", silence.rule},
                              {"where", where},
                              {"from", base::unix_seconds(silence.from)},
                              {"until", base::unix_seconds(silence.until)},
                              {"reason", silence.reason},
                              {"holds_actions", silence.holds_actions}};
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<Silence> silence_from_json(std::string_view text) {
    try {
        const auto json = nlohmann::json::parse(text);
        Silence silence;
        silence.id = json.at("id").get<std::int64_t>();
        silence.rule = json.at("rule").get<std::string>();
        for (const auto& one : json.at("where")) {
            auto condition = condition_from(one);
            if (!condition) return std::nullopt;
            silence.where.push_back(std::move(*condition));
        }
        silence.from = base::from_unix(json.at("from").get<std::int64_t>());
        silence.until = base::from_unix(json.at("until").get<std::int64_t>());
        silence.reason = json.at("reason").get<std::string>();
        silence.holds_actions = json.at("holds_actions").get<bool>();
        return silence;
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;
    }
}

}  // namespace quotafuse::alerts
