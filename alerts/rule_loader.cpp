#include "alerts/rule_loader.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "alerts/rule_reader.h"
#include "alerts/self_alerts.h"
#include "base/text.h"

namespace quotafuse::alerts {
namespace {

using base::yaml::Diagnostics;
using base::yaml::Mapping;
using base::yaml::Node;
using base::yaml::Weight;
using namespace std::chrono_literals;

constexpr std::chrono::hours kWeek{7 * 24};
constexpr std::size_t kMostRules = 10'000;
/// Defaults are copied into every rule of their file: one file's, and what all rules get of them.
constexpr std::size_t kMostDefaults = 200;
constexpr std::size_t kMostDefaultText = 4'000;  // bytes
constexpr std::size_t kMostGiven = 200'000;
constexpr std::size_t kMostGivenText = 8'000'000;  // bytes
/// So many unknown names get the nearest known one with them.
constexpr std::size_t kMostGuesses = 20;

bool contains(const std::vector<std::string_view>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

/// The `defaults` of a file: keys that its rules have where they do not say otherwise.
class Defaults {
public:
    Defaults(const std::string& file, const Node& node, const LoadContext& context,
             Diagnostics& diagnostics) {
        Mapping map{file, node, "defaults", diagnostics};
        weight_.add(node);
        is_too_much_ = weight_.values > kMostDefaults || weight_.text > kMostDefaultText;
        if (is_too_much_) {
            map.error(
                node.place,
                weight_.values > kMostDefaults
                    ? fmt::format("defaults holds more than {} values", kMostDefaults)
                    : fmt::format("defaults holds more than {} bytes of text", kMostDefaultText));
            return;
        }
        for (const auto& member : node.members) {
            if (member.key == "name" || member.key == "tests") {
                map.error(member.key_place, fmt::format("defaults cannot give a {}", member.key));
            } else if (is_well(file, member, context, diagnostics)) {
                members_.push_back(member);
            } else {
                faulty_.push_back(member.key);
            }
        }
    }
    Defaults() = default;

    const std::vector<std::string>& faulty() const { return faulty_; }
    /// Then rules cannot be judged without them.
    bool is_too_much() const { return is_too_much_; }
    const Weight& weight() const { return weight_; }

    Node apply(const Node& rule) const {
        auto whole = rule;
        if (rule.kind != Node::Kind::map) return whole;
        const auto metric = metric_of(rule);
        for (const auto& member : members_) {
            if (rule.find(member.key) != nullptr || !fits(member.key, rule, metric)) continue;
            whole.members.push_back(member);
            if (member.key == "inhibited_by") leave_out_itself(rule, whole.members);
        }
        return whole;
    }

private:
    /// Tells what is wrong with one key, once and not in every rule.
    static bool is_well(const std::string& file, const base::yaml::Member& member,
                        const LoadContext& context, Diagnostics& diagnostics) {
        Node alone;
        alone.kind = Node::Kind::map;
        alone.place = member.key_place;
        alone.members.push_back(member);
        const auto read = [&](Diagnostics& into) {
            RuleReader reader{file, alone, context, {}, into};
            reader.read_keys();
            reader.refuse_strange_variables();
            reader.refuse_unknown();
        };
        Diagnostics scratch;
        read(scratch);
        if (!scratch.ok()) read(diagnostics);
        return scratch.ok();
    }

    std::optional<Metric> metric_of(const Node& rule) const {
        const auto* node = rule.find("metric");
        for (const auto& member : members_) {
            if (node == nullptr && member.key == "metric") node = &member.value;
        }
        if (node == nullptr) return std::nullopt;
        const auto at = std::find(metric_names().begin(), metric_names().end(), node->text);
        if (at == metric_names().end()) return std::nullopt;
        return static_cast<Metric>(at - metric_names().begin());
    }

    /// What a rule cannot have is not given to it; a limit of its own comes with its own clear.
    static bool fits(std::string_view key, const Node& rule, std::optional<Metric> metric) {
        if (key == "above" || key == "below" || key == "clear") {
            return rule.find("above") == nullptr && rule.find("below") == nullptr;
        }
        if (key == "errors_when") return !metric || counts_attempts(*metric);
        static const std::vector<std::string_view> kOfRows{"window", "compare_to", "min_requests",
                                                           "eval_delay", "by"};
        return !metric || !is_gauge(*metric) || !contains(kOfRows, key);
    }

    static void leave_out_itself(const Node& rule, std::vector<base::yaml::Member>& members) {
        const auto* const name = rule.find("name");
        auto& value = members.back().value;
        if (name == nullptr) return;
        std::erase_if(value.items, [&](const Node& item) { return item.text == name->text; });
        const bool alone =
            value.kind == Node::Kind::list ? value.items.empty() : value.text == name->text;
        if (alone) members.pop_back();
    }

    std::vector<base::yaml::Member> members_;
    std::vector<std::string> faulty_;
    Weight weight_;
    bool is_too_much_ = false;
};

/// Reads files one after the other and sees that names are unique and inhibitors known.
class Loader {
public:
    Loader(const LoadContext& context, Diagnostics& diagnostics)
        : context_(context), diagnostics_(diagnostics) {}

    void add(const std::optional<base::yaml::Document>& document) {
        // A file of comments only is as good as one that is not there.
        if (!document || document->root.kind == Node::Kind::null) return;
        Mapping file{document->file, document->root, "a rule file", diagnostics_};
        const auto* const defaults_node = file.find("defaults");
        const auto defaults =
            defaults_node == nullptr || defaults_node->kind == Node::Kind::null
                ? Defaults{}
                : Defaults{document->file, *defaults_node, context_, diagnostics_};
        const auto* const rules = file.require("rules");
        if (rules != nullptr && rules->kind == Node::Kind::list) {
            if (!defaults.is_too_much()) add_rules(document->file, *rules, defaults);
        } else if (rules != nullptr && rules->kind != Node::Kind::null) {
            file.error(rules->place,
                       fmt::format("rules must be a list of rules, not {}", rules->describe()));
        }
        file.refuse_unknown();
    }

    RuleSet take() {
        link_inhibitors();
        refuse_circles();
        RuleSet set;
        if (!diagnostics_.ok()) return set;
        for (auto& loaded : loaded_) {
            set.rules.push_back(std::move(loaded.rule));
            std::move(loaded.tests.begin(), loaded.tests.end(), std::back_inserter(set.tests));
        }
        return set;
    }

private:
    void add_rules(const std::string& file, const Node& rules, const Defaults& defaults) {
        for (const auto& node : rules.items) {
            if (full_) return;
            given_.values += defaults.weight().values;
            given_.text += defaults.weight().text;
            full_ = true;
            if (loaded_.size() == kMostRules) {
                diagnostics_.error(file, node.place, fmt::format("over {} rules", kMostRules));
            } else if (given_.values > kMostGiven || given_.text > kMostGivenText) {
                diagnostics_.error(file, node.place,
                                   fmt::format("defaults give more than {} values or {} MB of text "
                                               "to the rules, up to this one",
                                               kMostGiven, kMostGivenText / 1'000'000));
            } else {
                full_ = false;
                add_rule(file, node, defaults);
            }
        }
    }

    void add_rule(const std::string& file, const Node& node, const Defaults& defaults) {
        const auto whole = defaults.apply(node);
        loaded_.push_back(
            RuleReader{file, whole, context_, defaults.faulty(), diagnostics_}.read());
        const auto& rule = loaded_.back().rule;
        const auto* const name = node.find("name");
        if (name == nullptr || rule.name.empty()) return;
        const auto here = fmt::format("{}:{}:{}", file, name->place.line, name->place.column);
        const auto [former, fresh] = places_.emplace(rule.name, here);
        if (!fresh) {
            diagnostics_.error(
                file, name->place,
                fmt::format("a rule named '{}' is already at {}", rule.name, former->second));
        }
    }

    void link_inhibitors();
    void refuse_circles();
    void tell_circle(const std::vector<std::size_t>& path);

    struct Inhibitor {
        std::size_t rule;  // index
        base::yaml::Place place;
    };
    const LoadContext& context_;
    Diagnostics& diagnostics_;
    std::map<std::string, std::string> places_;
    std::vector<LoadedRule> loaded_;
    Weight given_;                                    // by defaults
    bool full_ = false;                               // and told
    std::vector<std::vector<Inhibitor>> inhibitors_;  // of each rule, those that are rules
};

void Loader::link_inhibitors() {
    std::unordered_map<std::string_view, std::size_t> index;
    auto known = self_alert_names();
    for (std::size_t i = 0; i < loaded_.size(); ++i) {
        if (index.emplace(loaded_[i].rule.name, i).second) known.emplace_back(loaded_[i].rule.name);
    }
    std::size_t guesses = 0;
    inhibitors_.resize(loaded_.size());
    for (std::size_t i = 0; i < loaded_.size(); ++i) {
        for (const auto& [name, place] : loaded_[i].inhibitors) {
            const auto rule = index.find(name);
            if (rule != index.end() && !name.empty()) {
                inhibitors_[i].push_back({rule->second, place});
            } else if (!contains(self_alert_names(), name)) {
                const auto close =
                    guesses++ < kMostGuesses ? base::nearest(name, known) : std::string_view{};
                diagnostics_.error(
                    loaded_[i].file, place,
                    fmt::format("there is no rule and no built-in alert '{}'{}",
                                base::cut_bytes(base::valid_utf8(name), 60),
                                close.empty() ? "" : fmt::format("; did you mean '{}'?", close)));
            }
        }
    }
}

/// Takes away again and again what nothing inhibits any more; in what is left every way ends in a
/// circle.
void Loader::refuse_circles() {
    std::vector<std::size_t> open(loaded_.size());
    std::vector<std::vector<std::size_t>> inhibits(loaded_.size());
    std::vector<std::size_t> free;
    for (std::size_t i = 0; i < loaded_.size(); ++i) {
        open[i] = inhibitors_[i].size();
        if (open[i] == 0) free.push_back(i);
        for (const auto& inhibitor : inhibitors_[i]) inhibits[inhibitor.rule].push_back(i);
    }
    while (!free.empty()) {
        const auto rule = free.back();
        free.pop_back();
        for (const auto other : inhibits[rule]) {
            if (--open[other] == 0) free.push_back(other);
        }
    }
    std::vector<bool> seen(loaded_.size());
    for (std::size_t i = 0; i < loaded_.size(); ++i) {
        std::vector<std::size_t> path;
        auto at = i;
        while (open[at] > 0 && !seen[at]) {
            seen[at] = true;
            path.push_back(at);
            at = std::find_if(inhibitors_[at].begin(), inhibitors_[at].end(),
                              [&](const Inhibitor& next) { return open[next.rule] > 0; })
                     ->rule;
        }
        const auto begin = std::find(path.begin(), path.end(), at);
        if (begin != path.end()) tell_circle({begin, path.end()});
    }
}

void Loader::tell_circle(const std::vector<std::size_t>& path) {
    const auto last = path.back();
    const auto place =
        std::find_if(inhibitors_[last].begin(), inhibitors_[last].end(),
                     [&](const Inhibitor& next) { return next.rule == path.front(); })
            ->place;
    if (path.size() == 1) {
        diagnostics_.error(loaded_[last].file, place, "a rule cannot inhibit itself");
        return;
    }
    std::string way;
    for (const auto rule : path) way += loaded_[rule].rule.name + " -> ";
    diagnostics_.error(
        loaded_[last].file, place,
        fmt::format("inhibited_by goes in a circle: {}{}", way, loaded_[path.front()].rule.name));
}

}  // namespace

int weeks_kept(std::chrono::seconds window, std::optional<std::chrono::seconds> kept) {
    if (!kept) return kMostWeeks;
    // One hour for a clock that went back, one because bases move once an hour, and the delay.
    const auto room = *kept - window - 2h - 10min;
    return std::clamp(static_cast<int>(room / kWeek), 0, kMostWeeks);
}

RuleSet load_rules(const std::vector<std::string>& files, const LoadContext& context,
                   Diagnostics& diagnostics) {
    Loader loader{context, diagnostics};
    for (const auto& file : files) loader.add(base::yaml::load(file, diagnostics));
    return loader.take();
}

RuleSet parse_rules(const std::vector<RuleText>& texts, const LoadContext& context,
                    Diagnostics& diagnostics) {
    Loader loader{context, diagnostics};
    for (const auto& [file, text] : texts) loader.add(base::yaml::parse(file, text, diagnostics));
    return loader.take();
}

RuleSet parse_rules(const std::string& file, const std::string& text, const LoadContext& context,
                    Diagnostics& diagnostics) {
    return parse_rules({{file, text}}, context, diagnostics);
}

}  // namespace quotafuse::alerts
