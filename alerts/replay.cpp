#include "alerts/replay.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>

#include <SQLiteCpp/Database.h>

#include "alerts/player.h"
#include "alerts/row_source.h"
#include "alerts/window.h"

namespace quotafuse::alerts {
namespace {

constexpr std::size_t kMostThreads = 4;

/// Rules that one engine must have together: those that inhibit each other, and, if wanted, those
/// that share a window. Those with equally long windows are neighbours: the same rows leave them at
/// the same time.
std::vector<std::vector<Rule>> parts_of_rules(const std::vector<Rule>& rules, bool by_window) {
    const auto together = [&](const Rule& a, const Rule& b) {
        const auto inhibits = [](const Rule& one, const Rule& other) {
            return std::ranges::count(other.inhibited_by, one.name) > 0;
        };
        const bool rows = by_window && !is_gauge(a.metric) && !is_gauge(b.metric);
        return inhibits(a, b) || inhibits(b, a) || (rows && window_of(a) == window_of(b));
    };
    std::vector<std::vector<Rule>> parts;
    for (const auto& rule : rules) {
        std::vector<Rule> part{rule};
        std::erase_if(parts, [&](const std::vector<Rule>& other) {
            const bool joins =
                std::ranges::any_of(other, [&](const Rule& one) { return together(one, rule); });
            if (joins) part.insert(part.end(), other.begin(), other.end());
            return joins;
        });
        parts.push_back(std::move(part));
    }
    std::ranges::stable_sort(parts, {}, [](const std::vector<Rule>& part) {
        return is_gauge(part.front().metric) ? std::chrono::seconds{0}
                                             : longest(part.front().window);
    });
    return parts;
}

/// As many shares as there are processors for, about equally large.
std::vector<std::vector<Rule>> shares_of(const std::vector<Rule>& rules) {
    const auto most = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMostThreads);
    auto parts = parts_of_rules(rules, true);
    if (parts.size() < most) parts = parts_of_rules(rules, false);
    std::vector<std::vector<Rule>> shares(std::clamp<std::size_t>(parts.size(), 1, most));
    std::size_t at = 0;
    std::size_t placed = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const bool full = placed * shares.size() >= rules.size() * (at + 1);
        const bool others_need_all = parts.size() - i < shares.size() - at;
        if (!shares[at].empty() && (full || others_need_all)) ++at;
        shares[at].insert(shares[at].end(), parts[i].begin(), parts[i].end());
        placed += parts[i].size();
    }
    return shares;
}

void add(ReplayResult&& more, ReplayResult& all) {
    const auto append = [](auto& from, auto& to) {
        to.insert(to.end(), std::make_move_iterator(from.begin()),
                  std::make_move_iterator(from.end()));
    };
    append(more.events, all.events);
    append(more.episodes, all.episodes);
    append(more.silent, all.silent);
    all.notices.merge(more.notices);
    for (auto& note : more.notes) {
        if (std::ranges::count(all.notes, note) == 0) all.notes.push_back(std::move(note));
    }
    std::ranges::stable_sort(all.events, {}, &Event::at);
    std::ranges::stable_sort(all.episodes, {}, &Episode::fired);
}

/// One of several engines, on a thread and a connection of its own.
class Companion {
public:
    Companion(const std::vector<Rule>& rules, const std::string& path, const ReplayOptions& options)
        : history_(path), player_(rules, history_, options) {}
    ~Companion() = default;
    Companion(const Companion&) = delete;
    Companion& operator=(const Companion&) = delete;

    void begin(RowSource& source, std::size_t reader) {
        thread_ = std::jthread{[this, &source, reader] {
            try {
                result_ = player_.run(source, reader);
            } catch (const std::exception&) {
                source.fail(std::current_exception());  // for all; end() tells
                failed_ = std::current_exception();
            }
        }};
    }
    ReplayResult end() {
        thread_.join();
        if (failed_) std::rethrow_exception(failed_);
        return std::move(result_);
    }

private:
    sync::History history_;
    Player player_;
    ReplayResult result_;
    std::exception_ptr failed_;
    std::jthread thread_;
};

}  // namespace

ReplayResult replay(const std::vector<Rule>& rules, sync::History& history,
                    const ReplayOptions& options) {
    const auto path = history.handle().getFilename();
    const auto shares =
        options.as_it_was ? std::vector<std::vector<Rule>>{rules} : shares_of(rules);
    std::unique_ptr<RowSource> source;  // lives longest: the others read it
    Player first(shares.front(), history, options);
    source = std::make_unique<RowSource>(path, first.start(), first.until(), shares.size());
    auto others = options;
    others.progress = {};
    others.until = first.until();  // the mirror may grow meanwhile
    std::vector<std::unique_ptr<Companion>> companions;
    ReplayResult result;
    try {
        for (std::size_t i = 1; i < shares.size(); ++i) {
            companions.push_back(std::make_unique<Companion>(shares[i], path, others));
            companions.back()->begin(*source, i);
        }
        result = first.run(*source, 0);
    } catch (const std::exception&) {
        source->fail(std::current_exception());  // nobody goes on alone
        throw;
    }
    for (const auto& companion : companions) add(companion->end(), result);
    return result;
}

}  // namespace quotafuse::alerts
