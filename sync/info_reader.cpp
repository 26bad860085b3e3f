#include "sync/info_reader.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "sync/cells.h"
#include "sync/channel_keys.h"
#include "sync/display.h"
#include "sync/gateway_options.h"

namespace quotafuse::sync {
namespace {

/// MySQL has a type of its own for JSON, which the connector cannot fetch; MariaDB's is a text.
constexpr const char* kChannelInfo = "CAST(`channel_info` AS CHAR)";

constexpr std::int64_t kSlice = 1000;
constexpr auto kQuotaPerUnit = "QuotaPerUnit";
constexpr auto kAutoEnable = "AutomaticEnableChannelEnabled";

// Columns come and go with an upgrade of the gateway, or with other grants.
constexpr int kLooksPerColumns = 120;

// What rules do not wait for has its turn with each of so many, too.
constexpr int kLooksPerRest = 4;

// So many are watched: a rule that groups by more keys is in error anyway.
constexpr std::size_t kMostObjects = 100'000;

// From this on providers mean that there is no limit.
constexpr double kUnlimitedBalance = 1e7;

/// Whether the gateway's own spelling of a boolean option means yes.
bool is_true(const std::string& value) {
    return value == "true" || value == "1";
}

std::optional<double> to_balance(const Cell& balance, bool refreshed) {
    const auto value = to_number(balance);
    if (!value || *value >= kUnlimitedBalance || (*value == 0 && !refreshed)) return std::nullopt;
    return value;
}

}  // namespace

InfoReader::InfoReader(GatewaySession& session, std::string database, InfoNeeds needs,
                       int most_statements)
    : session_(session), database_(std::move(database)), needs_(needs), most_(most_statements) {}

void InfoReader::set_needs(InfoNeeds needs) {
    if (needs == needs_) return;
    needs_ = needs;
    faults_.forget_all();
    turn_ = 0;
    // Who asks again later begins anew: by then what was read is old.
    if (!needs.tokens) tokens_ = {};
    if (!needs.users) users_ = {};
    if (!needs.abilities) {
        abilities_.forget();
        info_.healthy.reset();
    }
}

GatewayInfo InfoReader::read() {
    try {
        auto info = look();
        failures_ = 0;
        return info;
    } catch (const GatewayError&) {
        if (++failures_ >= KindFaults::kLooksKept) begin_anew();
        throw;
    }
}

void InfoReader::begin_anew() {
    channels_ = tokens_ = users_ = {};
    abilities_.forget();
    info_.healthy.reset();
}

/// A look that fails hands on nothing: the slices that it had read are read again.
GatewayInfo InfoReader::look() {
    const auto channels = channels_;
    const auto tokens = tokens_;
    const auto users = users_;
    try {
        take_look();
    } catch (...) {
        channels_ = channels;
        tokens_ = tokens;
        users_ = users;
        throw;
    }
    ++looks_;
    return info_;
}

void InfoReader::take_look() {
    used_ = 0;
    channels_.done = tokens_.done = users_.done = abilities_done_ = false;
    info_.tokens.clear();
    info_.tokens_covered = {};
    info_.users.clear();
    info_.users_covered = {};
    if (looks_ % kLooksPerColumns == 0 || columns_are_old_) look_up_columns();
    try {
        read_channels();
    } catch (const GatewayError& e) {
        columns_are_old_ = is_refused(e);
        throw;
    }
    run_tasks();
    give_up_old();
    // A channel that was not read yet would count as one that does not serve.
    if (abilities_.are_known() && channels_.complete)
        info_.healthy = abilities_.count_healthy(info_.channels);
    note_extents();
    info_.troubles = faults_.told(looks_);
    info_.limits = limits_;
}

/// Everything once before anything twice; what got no turn begins the next look.
void InfoReader::run_tasks() {
    const auto all = tasks();
    std::size_t served = 0;
    while (served < all.size() && has_statements_left()) {
        run(all[(turn_ + served) % all.size()]);
        ++served;
    }
    turn_ = (turn_ + served) % all.size();
    for (int before = -1; before != used_ && has_statements_left();) {
        before = used_;
        for (const auto task : {Task::abilities, Task::tokens, Task::users}) {
            if (std::find(all.begin(), all.end(), task) != all.end() && has_statements_left())
                run(task);
        }
    }
}

/// What is refused for too long is read anew as a whole when it may be read again.
void InfoReader::give_up_old() {
    if (faults_.is_told("tokens", looks_)) tokens_ = {};
    if (faults_.is_told("users", looks_)) users_ = {};
    if (!faults_.is_told("abilities", looks_)) return;
    abilities_.forget();
    info_.healthy.reset();
}

void InfoReader::note_extents() {
    const bool abilities_complete = abilities_.are_known() && channels_.complete;
    info_.extents = {
        {ObjectKind::channels, extent_of("channels", true, channels_.complete)},
        {ObjectKind::tokens, extent_of("tokens", needs_.tokens, tokens_.complete)},
        {ObjectKind::users, extent_of("users", needs_.users, users_.complete)},
        {ObjectKind::abilities, extent_of("abilities", needs_.abilities, abilities_complete)}};
}

Extent InfoReader::extent_of(const std::string& kind, bool needed, bool complete) const {
    if (!needed) return Extent::unread;
    if (faults_.is_told(kind, looks_)) return Extent::refused;
    if (!complete) return Extent::begun;
    return limits_.contains(kind) ? Extent::most : Extent::all;
}

std::vector<Cells> InfoReader::ask(const std::string& sql, const std::vector<Argument>& arguments) {
    ++used_;
    return session_.query(sql, arguments);
}

/// With grants on columns these are the ones that the account may read.
void InfoReader::look_up_columns() {
    constexpr auto kTables = "'channels', 'abilities', 'tokens', 'users', 'options'";
    const bool mysql = session_.kind() == Dsn::Kind::mysql;
    const auto rows =
        mysql ? ask(fmt::format("SELECT table_name, column_name FROM information_schema.columns "
                                "WHERE table_schema = DATABASE() AND table_name IN ({}) UNION ALL "
                                "SELECT '(view)', column_name FROM information_schema.columns "
                                "WHERE table_schema = 'quotafuse' AND table_name = ?",
                                kTables),
                    {database_ + "_options"})
              : ask(fmt::format("SELECT m.name, c.name FROM sqlite_master AS m "
                                "JOIN pragma_table_info(m.name) AS c WHERE m.name IN ({})",
                                kTables));
    columns_are_old_ = false;
    columns_.clear();
    for (const auto& row : rows) columns_[row[0].value_or("")].insert(row[1].value_or(""));
    options_from_.reset();
    if (columns_.contains("(view)"))
        options_from_ = options_view(database_);
    else if (columns_.contains("options"))
        options_from_ = kOptionsTable;
    for (const auto task : {Task::options, Task::server, Task::requests})
        faults_.forget(task_name(task));
    const bool is_new = has_column("channels", "tag") || has_column("channels", "other_info") ||
                        has_column("channels", "auto_ban");
    if (!info_.gateway && is_new) info_.gateway = Gateway::new_api;
}

bool InfoReader::has_column(const std::string& table, const std::string& column) const {
    const auto at = columns_.find(table);
    return at != columns_.end() && at->second.contains(column);
}

bool InfoReader::may_read(const std::string& kind, const std::string& table,
                          const std::vector<std::string>& columns) {
    std::string missing;
    for (const auto& column : columns) {
        if (has_column(table, column)) continue;
        missing += (missing.empty() ? "" : ", ") + table + "." + column;
    }
    if (missing.empty()) return true;
    const auto why = fmt::format(
        "the gateway has no {}, or the account of source.dsn may not read it: `quotafuse grants` "
        "prints what the rules need",
        missing);
    faults_.note_fault(kind, why, looks_);
    return false;
}

void InfoReader::note_limit(const std::string& kind, bool reached, std::size_t most) {
    if (reached)
        limits_[kind] =
            fmt::format("the gateway has over {} {}: the others are not watched", most, kind);
    else
        limits_.erase(kind);
}

std::vector<InfoReader::Task> InfoReader::tasks() const {
    std::vector<Task> all{Task::options};
    if (needs_.abilities) all.push_back(Task::abilities);
    if (needs_.tokens) all.push_back(Task::tokens);
    if (needs_.users) all.push_back(Task::users);
    // Rules wait for what was begun, and nobody for these.
    const bool hurries = std::ranges::any_of(
        info_.extents, [](const auto& kind) { return kind.second == Extent::begun; });
    if (hurries && looks_ % kLooksPerRest != 0) return all;
    all.push_back(Task::server);
    all.push_back(Task::requests);
    return all;
}

const char* InfoReader::task_name(Task task) {
    constexpr std::array kNames{"options", "server", "requests", "abilities", "tokens", "users"};
    return kNames.at(static_cast<std::size_t>(task));
}

/// A kind that is refused leaves the others alone.
void InfoReader::run(Task task) {
    try {
        read(task);
    } catch (const GatewayError& e) {
        if (!is_refused(e)) throw;
        columns_are_old_ = true;
        faults_.note_fault(task_name(task), e.what(), looks_);
    }
}

void InfoReader::read(Task task) {
    switch (task) {
        case Task::options:
            return read_options();
        case Task::server:
            return read_server();
        case Task::requests:
            return read_requests();
        case Task::abilities:
            return read_abilities();
        case Task::tokens:
            return read_tokens();
        case Task::users:
            return read_users();
    }
    std::abort();
}

/// The first look is for names: it takes what statements there are. Later ones leave some for
/// others.
void InfoReader::read_channels() {
    constexpr int kMostSlices = 2;
    info_.channels_covered = {};
    for (int slices = 0; has_statements_left() && (looks_ == 0 || slices < kMostSlices); ++slices) {
        if (!read_channel_slice()) return;
    }
}

/// False when it was the last one.
bool InfoReader::read_channel_slice() {
    info_.has_balances =
        needs_.balances && may_read("balances", "channels", {"balance", "balance_updated_time"});
    info_.has_keys = needs_.keys && may_read("keys", "channels", {"channel_info"});
    const auto column = [&](bool wanted, const char* name) { return wanted ? name : "NULL"; };
    const auto from = channels_.last;
    const auto rows = read_slice("channels",
                                 fmt::format("`name`, `type`, `status`, {}, {}, {}, {}",
                                             column(has_column("channels", "tag"), "`tag`"),
                                             column(info_.has_balances, "`balance`"),
                                             column(info_.has_balances, "`balance_updated_time`"),
                                             column(info_.has_keys, kChannelInfo)),
                                 channels_, info_.channels_covered);
    if (info_.has_balances) faults_.note_read("balances");
    if (info_.has_keys) faults_.note_read("keys");
    const auto& covered = info_.channels_covered;
    std::erase_if(info_.channels, [&](const auto& known) {
        return known.first > from && covered.contains(known.first);
    });
    for (const auto& row : rows) {
        auto& channel = info_.channels[to_integer(row[0])];
        channel = {to_text(row[1]), static_cast<int>(to_integer(row[2])),
                   static_cast<int>(to_integer(row[3])), to_text(row[4])};
        channel.balance_at = to_time(row[6]);
        channel.balance = to_balance(row[5], channel.balance_at.has_value());
        if (row[7]) channel.dead_keys = count_dead_keys(*row[7]);
    }
    return !channels_.done;
}

std::vector<Cells> InfoReader::read_slice(const std::string& kind, const std::string& columns,
                                          Round& round, Coverage& covered) {
    const auto from = round.last;
    auto rows = ask(fmt::format("SELECT `id`, {} FROM `{}` WHERE `id` > ? ORDER BY `id` LIMIT ?",
                                columns, kind),
                    {from, kSlice});
    if (covered.last < covered.first) covered.first = from == 0 ? kEveryId.first : from + 1;
    round.count += rows.size();
    round.done = rows.size() < static_cast<std::size_t>(kSlice);
    if (!rows.empty()) round.last = to_integer(rows.back()[0]);
    covered.last = round.done ? Coverage::kHighest : round.last;
    const bool too_many = !round.done && round.count >= kMostObjects;
    round.done = round.done || too_many;
    if (round.done) {
        round.complete = true;
        note_limit(kind, too_many, kMostObjects);
        round.last = 0;
        round.count = 0;
    }
    return rows;
}

void InfoReader::read_options() {
    info_.auto_enable.reset();
    info_.display.reset();
    if (!options_from_) return;
    auto keys = display_keys();
    keys.insert(keys.end(), {kQuotaPerUnit, kAutoEnable});
    const auto options = ask_options(session_, *options_from_, keys);
    ++used_;
    if (!options) {
        options_from_.reset();  // grants changed; the columns are looked up again by and by
        return;
    }
    if (const auto unit = options->find(kQuotaPerUnit); unit != options->end()) {
        if (const auto value = to_number(unit->second); value && *value > 0)
            info_.quota_per_unit = *value;
    }
    info_.display = display_of(*options);
    // Only options that an administrator ever saved have a row; the gateway's default is off.
    const auto enable = options->find(kAutoEnable);
    info_.auto_enable = enable != options->end() && is_true(enable->second);
}

void InfoReader::read_server() {
    if (session_.kind() == Dsn::Kind::sqlite) return;
    // MariaDB 12 knows more values than ON, and MySQL and MariaDB not the same variables.
    info_.read_only = !ask("SHOW GLOBAL VARIABLES WHERE Variable_name IN "
                           "('read_only', 'super_read_only', 'innodb_read_only') "
                           "AND Value NOT IN ('OFF', '0')")
                           .empty();
}

void InfoReader::read_requests() {
    info_.requests.reset();
    if (!has_column("users", "id") || !has_column("users", "request_count")) return;
    const auto rows =
        ask("SELECT SUM(`request_count`) FROM "
            "(SELECT `request_count` FROM `users` ORDER BY `id` LIMIT ?) AS `first_users`",
            {kSlice});
    info_.requests = rows.empty() ? 0 : to_integer(rows[0][0]);
}

void InfoReader::read_abilities() {
    if (abilities_done_) return;
    if (!may_read("abilities", "abilities", {"group", "model", "channel_id", "enabled"})) return;
    const auto next = abilities_.next(session_.kind());
    abilities_done_ = abilities_.take(ask(next.sql, next.arguments));
    faults_.note_read("abilities");
    note_limit("abilities", abilities_.has_too_many(), AbilityRounds::kMost);
}

}  // namespace quotafuse::sync
