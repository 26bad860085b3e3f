#include "notifiers/bundling.h"

#include <algorithm>
#include <map>
#include <set>

namespace quotafuse::notifiers {
namespace {

struct Group {
    std::optional<Bundle::Why> why;
    bool listed = true;
    std::vector<std::int64_t> letters;
};

/// Nothing of an alert is too old while what was put of it before is not.
std::vector<Waiting> kept_in_order(std::vector<Waiting> waiting) {
    std::set<std::string> kept;
    for (auto& letter : waiting) {
        if (letter.alert.empty()) continue;
        if (!letter.expired) kept.insert(letter.alert);
        letter.expired = letter.expired && !kept.contains(letter.alert);
    }
    return waiting;
}

/// The alerts that nobody has heard of and that are over.
std::set<std::string> past_alerts(const std::vector<Waiting>& waiting) {
    std::set<std::string> begun;
    std::set<std::string> over;
    for (const auto& letter : waiting) {
        if (letter.alert.empty() || !letter.listed || letter.expired) continue;
        if (letter.begins) begun.insert(letter.alert);
        if (letter.ends && begun.contains(letter.alert)) over.insert(letter.alert);
    }
    return over;
}

/// In order of each one's first letter. Without the expired ones, and without what was put of an
/// alert after a letter that is expired or must go out alone: that one goes first.
std::vector<Group> group(const std::vector<Waiting>& waiting) {
    using Why = Bundle::Why;
    const auto past = past_alerts(waiting);
    std::vector<Group> groups;
    std::map<std::pair<Why, std::string>, std::size_t> known;
    std::set<std::string> held_up;
    for (const auto& letter : waiting) {
        const bool behind = held_up.contains(letter.alert);
        if (!letter.alert.empty() && (letter.expired || !letter.listed))
            held_up.insert(letter.alert);
        if (letter.expired || behind) continue;
        const bool both = letter.listed && past.contains(letter.alert);
        const bool batch = letter.listed && !both && !letter.batch.empty();
        if (!both && !batch) {
            groups.push_back({std::nullopt, letter.listed, {letter.id}});
            continue;
        }
        const std::pair key{both ? Why::both : Why::batch, both ? letter.alert : letter.batch};
        const auto [at, is_new] = known.try_emplace(key, groups.size());
        if (is_new) groups.push_back({key.first, true, {}});
        groups[at->second].letters.push_back(letter.id);
    }
    for (auto& one : groups) {
        if (one.letters.size() == 1) one.why.reset();
    }
    return groups;
}

/// The first group with as many of the others as have room.
Choice list_of(const std::vector<Group>& groups, std::size_t most) {
    Choice choice{Bundle::Why::queue, {}};
    for (const auto& one : groups) {
        if (!one.listed) continue;
        const auto room = most - choice.letters.size();
        if (one.letters.size() > room && one.why == Bundle::Why::both) break;
        const auto taken = std::min(one.letters.size(), room);
        choice.letters.insert(choice.letters.end(), one.letters.begin(),
                              one.letters.begin() + static_cast<std::ptrdiff_t>(taken));
        if (choice.letters.size() == most) break;
    }
    return choice;
}

}  // namespace

Choice choose(const std::vector<Waiting>& all, std::size_t most) {
    const auto waiting = kept_in_order(all);
    Choice choice;
    if (waiting.front().expired) {
        choice.why = Bundle::Why::expired;
        for (const auto& letter : waiting) {
            if (letter.expired) choice.letters.push_back(letter.id);
        }
        return choice;
    }
    const auto groups = group(waiting);
    const auto& first = groups.front();
    const auto in_list = std::ranges::count_if(groups, &Group::listed);
    const bool both = first.why == Bundle::Why::both;
    const bool alone = !first.listed || (both && first.letters.size() > most) ||
                       static_cast<std::size_t>(in_list) <= Outbox::kReadOneByOne;
    choice = alone ? Choice{first.why, first.letters} : list_of(groups, most);
    if (alone && !both) choice.letters.resize(std::min(choice.letters.size(), most));
    if (choice.letters.size() == 1) choice.why.reset();
    const std::set<std::int64_t> chosen{choice.letters.begin(), choice.letters.end()};
    choice.letters.clear();
    for (const auto& letter : waiting) {
        if (chosen.contains(letter.id)) choice.letters.push_back(letter.id);
    }
    return choice;
}

}  // namespace quotafuse::notifiers
