#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace quotafuse::daemon {

/// What became of orders that people gave, until they ask: the newest few, in memory. After a
/// reload or a restart the audit knows (see recorded_answer()). Pipeline thread only.
class BreakerAnswers {
public:
    static constexpr std::size_t kMost = 200;

    /// Under which a return by hand is answered; a trip is under its own id.
    static std::string id_of_return(const std::string& trip_id, bool dry_run) {
        return trip_id + (dry_run ? "-dry" : kReturn);
    }
    /// The trip of such an id; empty for others, and for a dry run, which leaves no trace.
    static std::optional<std::string> trip_of_return(const std::string& id) {
        if (!id.ends_with(kReturn)) return {};
        return id.substr(0, id.size() - std::char_traits<char>::length(kReturn));
    }

    void expect(const std::string& id) {
        std::erase_if(answers_, [&](const auto& known) { return known.first == id; });
        if (answers_.size() == kMost) answers_.pop_front();
        answers_.emplace_back(id, "");
    }
    /// `json`: the fields of the answer. Nothing happens for an id that nobody waits for.
    void answer(const std::string& id, const std::string& json) {
        for (auto& [known, text] : answers_) {
            if (known == id) text = json;
        }
    }
    /// Empty for an id that is not known; an empty text for one that is still on its way.
    std::optional<std::string> find(const std::string& id) const {
        for (const auto& [known, text] : answers_) {
            if (known == id) return text;
        }
        return {};
    }

private:
    static constexpr const char* kReturn = "-back";
    std::deque<std::pair<std::string, std::string>> answers_;
};

}  // namespace quotafuse::daemon
