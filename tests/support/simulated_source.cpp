#include "support/simulated_source.h"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

namespace quotafuse::tests {
namespace {

using sync::Column;
using Error = sync::GatewayError;

constexpr std::array<const char*, 4> kModels{"gpt-4o", "claude-sonnet-4-5", "deepseek-chat", ""};

sync::Dialect new_api() {
    std::set<std::string> columns;
    for (std::size_t i = 0; i < sync::kColumns; ++i) {
        const auto column = static_cast<Column>(i);
        if (column != Column::elapsed_time) columns.insert(std::string{column_name(column)});
    }
    return sync::Dialect::detect(columns);
}

sync::RawRow raw(const SimulatedRow& row) {
    sync::RawRow result;
    const auto number = [&](Column column, std::int64_t value) {
        result.numbers[static_cast<std::size_t>(column)] = value;
    };
    const auto text = [&](Column column, std::string_view value) {
        result.texts[static_cast<std::size_t>(column) - result.numbers.size()] = value;
    };
    number(Column::id, row.id);
    number(Column::created_at, row.values.created_at);
    number(Column::type, row.type);
    number(Column::user_id, row.values.user);
    number(Column::channel_id, row.values.channel);
    number(Column::token_id, row.values.token);
    number(Column::quota, row.values.quota);
    number(Column::prompt_tokens, row.values.prompt_tokens);
    number(Column::completion_tokens, row.values.completion_tokens);
    number(Column::use_time, row.use_time);
    number(Column::is_stream, 0);
    text(Column::username, "somebody");
    text(Column::token_name, "a-key");
    text(Column::model_name, kModels[static_cast<std::size_t>(row.model)]);
    text(Column::group, "default");
    if (row.type == 5) text(Column::other, R"({"status_code":429,"error_code":"rate_limit"})");
    return result;
}

}  // namespace

/// What a reader holds: it knows nothing but statements.
class SimulatedGateway::Source final : public sync::LogSource {
public:
    explicit Source(SimulatedGateway& gateway) : gateway_(gateway) {}

    const sync::Dialect& dialect() override { return gateway_.dialect_; }

    std::size_t fetch(std::int64_t first, std::int64_t last, std::size_t limit,
                      const Visit& visit) override {
        gateway_.begin_statement();
        return range(first, last, limit, visit);
    }

    std::size_t fetch_gaps(std::span<const sync::Gap> gaps, std::size_t limit,
                           const Visit& visit) override {
        if (gaps.empty() || gaps.size() > kMostRanges)
            throw std::logic_error(fmt::format("asked for {} gaps at once", gaps.size()));
        gateway_.begin_statement();
        std::size_t count = 0;
        std::int64_t before = 0;
        for (const auto& gap : gaps) {
            if (gap.first <= before || gap.last < gap.first)
                throw std::logic_error("gaps are not ascending");
            before = gap.last;
            ++gateway_.work_.ranges;
            if (count < limit) count += range(gap.first, gap.last, limit - count, visit);
        }
        return count;
    }

    std::size_t fetch_down(std::int64_t last, std::size_t limit, const Visit& visit) override {
        gateway_.begin_statement();
        std::size_t count = 0;
        const auto& rows = gateway_.rows_;
        for (auto at = std::make_reverse_iterator(rows.upper_bound(last));
             at != rows.rend() && count < limit; ++at) {
            if (!gateway_.shows(at->second)) continue;
            gateway_.hand_over(at->second, visit);
            ++count;
        }
        return count;
    }

    std::int64_t last_id() override {
        gateway_.begin_statement();
        const auto& rows = gateway_.rows_;
        const auto found = std::find_if(rows.rbegin(), rows.rend(),
                                        [&](const auto& r) { return gateway_.shows(r.second); });
        return found == rows.rend() ? 0 : found->first;
    }

    bool steps_ids() override { return gateway_.habits_.cluster; }
    void interrupt() noexcept override {}

private:
    std::size_t range(std::int64_t first, std::int64_t last, std::size_t limit,
                      const Visit& visit) {
        std::size_t count = 0;
        const auto& rows = gateway_.rows_;
        for (auto at = rows.lower_bound(first);
             at != rows.end() && at->first <= last && count < limit; ++at) {
            if (!gateway_.shows(at->second)) continue;
            gateway_.hand_over(at->second, visit);
            ++count;
        }
        return count;
    }

    SimulatedGateway& gateway_;
};

SimulatedGateway::SimulatedGateway(const base::Clock& clock, std::uint64_t seed,
                                   SimulatedHabits habits)
    : clock_(clock), random_(seed), habits_(habits), dialect_(new_api()) {}

std::unique_ptr<sync::LogSource> SimulatedGateway::connect() {
    return std::make_unique<Source>(*this);
}

std::int64_t SimulatedGateway::whole(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>{least, most}(random_);
}

bool SimulatedGateway::chance(double share) {
    return std::bernoulli_distribution{share}(random_);
}

std::int64_t SimulatedGateway::delay() {
    if (chance(habits_.hours_late)) return whole(3600, 20 * 3600);
    if (chance(habits_.minutes_late)) return whole(60, 20 * 60);
    return chance(0.6) ? 0 : whole(1, 5);
}

SimulatedRow SimulatedGateway::make(std::int64_t id) {
    const auto now = base::unix_seconds(clock_.now());
    SimulatedRow row;
    row.id = id;
    row.type = chance(0.1) ? 5 : 2;
    row.use_time = whole(1, 40);
    row.model = static_cast<int>(whole(0, kModels.size() - 1));
    // Several nodes, whose clocks differ a little.
    row.values = {now - whole(0, 2), whole(1, 9),      whole(1, 30),   whole(1, 12),
                  whole(0, 100'000), whole(0, 50'000), whole(0, 9'000)};
    if (row.type == 5) row.values.quota = 0;
    row.visible_at = now + delay();
    return row;
}

std::int64_t SimulatedGateway::write(int transactions) {
    for (int i = 0; i < transactions; ++i) {
        const auto id = next_id_;
        next_id_ += habits_.id_step;
        if (!chance(habits_.rolled_back)) rows_.emplace(id, make(id));
    }
    return next_id_ - habits_.id_step;
}

void SimulatedGateway::prune(std::int64_t before) {
    const auto now = base::unix_seconds(clock_.now());
    std::erase_if(rows_, [&](const auto& entry) {
        const auto& row = entry.second;
        if (row.visible_at > now || row.values.created_at >= before) return false;
        deleted_.emplace(row.id, row);
        return true;
    });
}

void SimulatedGateway::replaced(std::int64_t since) {
    deleted_.clear();
    own_since_ = since;
    lag_ = 0;
}

void SimulatedGateway::truncate() {
    rows_.clear();
    dump_.clear();
    next_id_ = 1;
    replaced(1);
}

void SimulatedGateway::dump() {
    dump_ = visible();
}

void SimulatedGateway::restore() {
    rows_ = dump_;
    next_id_ = dump_.empty() ? 1 : dumped_up_to() + habits_.id_step;
    replaced(next_id_);
}

void SimulatedGateway::replace(std::int64_t first, int rows) {
    rows_.clear();
    dump_.clear();
    next_id_ = first;
    replaced(first);
    write(rows);
}

bool SimulatedGateway::shows(const SimulatedRow& row) const {
    return row.visible_at <= base::unix_seconds(clock_.now()) - lag_;
}

bool SimulatedGateway::quiet() const {
    const auto now = base::unix_seconds(clock_.now());
    return std::all_of(rows_.begin(), rows_.end(),
                       [&](const auto& entry) { return entry.second.visible_at <= now; });
}

std::map<std::int64_t, SimulatedRow> SimulatedGateway::visible() const {
    std::map<std::int64_t, SimulatedRow> result;
    for (const auto& [id, row] : rows_) {
        if (shows(row)) result.emplace_hint(result.end(), id, row);
    }
    return result;
}

void SimulatedGateway::begin_statement() {
    ++work_.statements;
    if (down_) throw Error(Error::Kind::unreachable, "the simulated gateway is down");
    breaks_after_.reset();
    if (!chance(habits_.faults)) return;
    if (chance(0.3)) throw Error(Error::Kind::stalled, "the simulated gateway does not answer");
    breaks_after_ = whole(0, 20);
}

void SimulatedGateway::hand_over(const SimulatedRow& row, const sync::LogSource::Visit& visit) {
    if (breaks_after_ && (*breaks_after_)-- <= 0)
        throw Error(Error::Kind::unreachable, "the simulated connection was cut");
    ++work_.rows;
    visit(raw(row));
}

}  // namespace quotafuse::tests
