#include "sync/usage_totals.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace quotafuse::sync {
namespace {

// minus_…: what negative numbers took away from the sums. Hours before `folded` are in the two
// other tables.
constexpr auto kTables = R"sql(
CREATE TABLE usage_pair(
    place INTEGER PRIMARY KEY, channel INTEGER NOT NULL, model INTEGER NOT NULL,
    answers INTEGER NOT NULL DEFAULT 0, errors INTEGER NOT NULL DEFAULT 0,
    client_errors INTEGER NOT NULL DEFAULT 0, prompt_tokens INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0, cache_tokens INTEGER NOT NULL DEFAULT 0,
    quota INTEGER NOT NULL DEFAULT 0, refund INTEGER NOT NULL DEFAULT 0,
    empty_replies INTEGER NOT NULL DEFAULT 0,
    minus_prompt_tokens INTEGER NOT NULL DEFAULT 0,
    minus_completion_tokens INTEGER NOT NULL DEFAULT 0, minus_quota INTEGER NOT NULL DEFAULT 0,
    minus_refund INTEGER NOT NULL DEFAULT 0,
    UNIQUE(channel, model));
CREATE TABLE usage_model(
    model INTEGER PRIMARY KEY, latency_ms INTEGER NOT NULL, first_token_ms INTEGER NOT NULL,
    latency BLOB, first_token BLOB);
CREATE TABLE usage_state(
    one INTEGER PRIMARY KEY CHECK(one = 1), folded INTEGER NOT NULL, day INTEGER NOT NULL,
    zone TEXT NOT NULL);
INSERT INTO usage_state SELECT 1, closed, 0, '' FROM rollup_state;
)sql";

constexpr auto kSums =
    "answers, errors, client_errors, prompt_tokens, completion_tokens, cache_tokens, quota, "
    "refund, empty_replies";
constexpr auto kTimes = "latency_ms, first_token_ms, latency, first_token";
constexpr auto kModel = "iif(channel = 0, 0, model)";

constexpr auto kOrAddPair =
    " ON CONFLICT(channel, model) DO UPDATE SET answers = answers + excluded.answers, "
    "errors = errors + excluded.errors, client_errors = client_errors + excluded.client_errors, "
    "prompt_tokens = prompt_tokens + excluded.prompt_tokens, "
    "completion_tokens = completion_tokens + excluded.completion_tokens, "
    "cache_tokens = cache_tokens + excluded.cache_tokens, quota = quota + excluded.quota, "
    "refund = refund + excluded.refund, empty_replies = empty_replies + excluded.empty_replies";
constexpr auto kOrAddModel =
    " ON CONFLICT(model) DO UPDATE SET latency_ms = latency_ms + excluded.latency_ms, "
    "first_token_ms = first_token_ms + excluded.first_token_ms, "
    "latency = merge_histograms(latency, excluded.latency), "
    "first_token = merge_histograms(first_token, excluded.first_token)";

/// Of kRollupSums, those that rows may make smaller; as the columns minus_… stand in order.
constexpr std::array<std::size_t, 4> kMayBeNegative{3, 4, 6, 7};
static_assert(kRollupSums[3] == "prompt_tokens" && kRollupSums[4] == "completion_tokens" &&
              kRollupSums[6] == "quota" && kRollupSums[7] == "refund");

/// What strangers call a model is no model where no channel has it.
std::int64_t model_of(std::int64_t channel, std::int64_t model) {
    return channel == 0 ? 0 : model;
}

/// `span`: hour or day. `where` goes on from it.
std::string fold_pairs(std::string_view span, std::string_view where) {
    return fmt::format(
        "INSERT INTO usage_pair(channel, model, {0}) SELECT channel, {1}, {0} "
        "FROM {2}_channel_model WHERE {2} {3} ORDER BY {2}, channel, model{4}",
        kSums, kModel, span, where, kOrAddPair);
}
std::string fold_models(std::string_view span, std::string_view where) {
    return fmt::format(
        "INSERT INTO usage_model(model, {0}) SELECT model, {0} FROM {1}_model WHERE {1} {2} AND "
        "(latency IS NOT NULL OR first_token IS NOT NULL) ORDER BY {1}, model{3}",
        kTimes, span, where, kOrAddModel);
}

/// Empty is NULL, which takes no room. The bytes must outlive the statement's next step.
void bind_bytes(SQLite::Statement& statement, int at, const std::string& bytes) {
    if (bytes.empty())
        statement.bind(at);
    else
        statement.bindNoCopy(at, bytes.data(), static_cast<int>(bytes.size()));
}

void fold(SQLite::Database& database, std::string_view span, std::int64_t from,
          std::int64_t until) {
    for (const auto& sql : {fold_pairs(span, ">= ? AND " + std::string{span} + " < ?"),
                            fold_models(span, ">= ? AND " + std::string{span} + " < ?")}) {
        SQLite::Statement statement{database, sql};
        statement.bind(1, from);
        statement.bind(2, until);
        statement.exec();
    }
}

}  // namespace

std::string UsageTotals::tables() {
    // The open hours' pairs have their places, too, as they would have had from the beginning.
    return std::string{kTables} + fold_pairs("day", "IS NOT NULL") + ";\n" +
           fold_models("day", "IS NOT NULL") +
           fmt::format(
               ";\nINSERT OR IGNORE INTO usage_pair(channel, model) SELECT channel, {} FROM "
               "hour_channel_model WHERE hour >= (SELECT closed FROM rollup_state) "
               "ORDER BY hour, channel, model;\n",
               kModel);
}

UsageTotals::UsageTotals(SQLite::Database& database)
    : database_(database),
      get_highest_(database, "SELECT ifnull(max(place), 0) FROM usage_pair"),
      place_(database, "INSERT OR IGNORE INTO usage_pair(channel, model) VALUES(?, ?)"),
      add_pair_(database,
                fmt::format("INSERT INTO usage_pair(channel, model, {}) VALUES(?, ?, ?, ?, ?, ?, "
                            "?, ?, ?, ?, ?){}",
                            kSums, kOrAddPair)),
      add_model_(database, fmt::format("INSERT INTO usage_model(model, {}) VALUES(?, ?, ?, ?, ?){}",
                                       kTimes, kOrAddModel)),
      take_(database,
            "UPDATE usage_pair SET minus_prompt_tokens = minus_prompt_tokens + ?, "
            "minus_completion_tokens = minus_completion_tokens + ?, minus_quota = minus_quota + ?, "
            "minus_refund = minus_refund + ? WHERE channel = ? AND model = ?"),
      get_state_(database, "SELECT folded, day, zone FROM usage_state WHERE one = 1"),
      set_state_(database, "UPDATE usage_state SET folded = ?, day = ?, zone = ? WHERE one = 1") {}

void UsageTotals::Minus::add(const Row& row, const Tally& tally) {
    if (tally.prompt_tokens >= 0 && tally.completion_tokens >= 0 && tally.quota >= 0 &&
        tally.refund >= 0)
        return;
    RollupCell cell;  // bounds what a row counts for
    cell.add(tally);
    auto& minus = minus_[{row.channel, model_of(row.channel, row.model)}];
    for (std::size_t i = 0; i < minus.size(); ++i)
        minus[i] += std::max<std::int64_t>(-cell.sums[kMayBeNegative[i]], 0);
}

UsageTotals::State UsageTotals::read_state() {
    get_state_.tryReset();
    get_state_.executeStep();
    State state{get_state_.getColumn(0).getInt64(), get_state_.getColumn(1).getInt64(),
                get_state_.getColumn(2).getString()};
    get_state_.reset();
    return state;
}

void UsageTotals::write_state(const State& state) {
    set_state_.tryReset();
    set_state_.bind(1, state.folded);
    set_state_.bind(2, state.day);
    set_state_.bind(3, state.zone);
    set_state_.exec();
}

std::int64_t UsageTotals::folded() {
    return read_state().folded;
}

void UsageTotals::add(const RollupCells& channel_model, const Minus& minus) {
    place(channel_model);
    add_late(channel_model, folded());
    for (const auto& [pair, numbers] : minus.minus_) {
        take_.tryReset();  // also after a failed one, whose error was told then
        int at = 0;
        for (const auto number : numbers) take_.bind(++at, number);
        take_.bind(++at, pair.first);
        take_.bind(++at, pair.second);
        take_.exec();
    }
}

/// Pairs are never deleted: fewer places than there were are those of a transaction that was rolled
/// back.
void UsageTotals::place(const RollupCells& channel_model) {
    if (highest_place() < highest_) placed_.clear();
    std::set<RollupKey> fresh;  // by hour
    for (const auto& [key, cell] : channel_model) {
        if (!placed_.contains({key[1], model_of(key[1], key[2])})) fresh.insert(key);
    }
    for (const auto& key : fresh) {
        const Pair pair{key[1], model_of(key[1], key[2])};
        if (!placed_.insert(pair).second) continue;
        place_.tryReset();
        place_.bind(1, pair.first);
        place_.bind(2, pair.second);
        place_.exec();
    }
    highest_ = highest_place();
}

std::int64_t UsageTotals::highest_place() {
    get_highest_.tryReset();
    get_highest_.executeStep();
    const auto place = get_highest_.getColumn(0).getInt64();
    get_highest_.reset();
    return place;
}

void UsageTotals::add_late(const RollupCells& channel_model, std::int64_t folded) {
    std::map<Pair, RollupCell> pairs;
    std::map<std::int64_t, RollupCell> models;
    for (const auto& [key, cell] : channel_model) {
        if (key[0] >= folded) continue;
        pairs[{key[1], model_of(key[1], key[2])}].merge(cell);
        if (!cell.latency.empty() || !cell.first_token.empty()) models[key[2]].merge(cell);
    }
    for (const auto& [pair, cell] : pairs) {
        add_pair_.tryReset();
        add_pair_.bind(1, pair.first);
        add_pair_.bind(2, pair.second);
        int at = 2;
        for (const auto sum : cell.sums) add_pair_.bind(++at, sum);
        add_pair_.bind(++at, cell.time_sums[0]);
        add_pair_.exec();
    }
    for (const auto& [model, cell] : models) {
        const std::array<std::string, 2> blobs{cell.latency.encode(), cell.first_token.encode()};
        add_model_.tryReset();
        add_model_.bind(1, model);
        add_model_.bind(2, cell.time_sums[1]);
        add_model_.bind(3, cell.time_sums[2]);
        bind_bytes(add_model_, 4, blobs[0]);
        bind_bytes(add_model_, 5, blobs[1]);
        add_model_.exec();
        add_model_.reset();  // lets go of the bytes
    }
}

void UsageTotals::fold_days(const DayStart& until, std::int64_t kept_day) {
    const auto state = read_state();
    if (until.hour <= state.folded) return;
    if (state.zone == until.zone && state.day > kept_day + 1)
        fold(database_, "day", state.day, until.day);
    else
        fold(database_, "hour", state.folded, until.hour);
    write_state({until.hour, until.day, until.zone});
}

void UsageTotals::fold_hours(std::int64_t until) {
    const auto state = read_state();
    if (until <= state.folded) return;
    fold(database_, "hour", state.folded, until);
    write_state({until, 0, {}});
}

}  // namespace quotafuse::sync
