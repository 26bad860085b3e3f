#include "sync/gauges.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <utility>

#include <SQLiteCpp/Statement.h>

#include "sync/channel_types.h"
#include "sync/gauge_tables.h"
#include "sync/store.h"

namespace quotafuse::sync {
namespace {

constexpr double kEnough = 0.01;           // of itself
constexpr std::int64_t kLongEnough = 300;  // seconds

constexpr std::array kOfChannel{Gauge::channel_status, Gauge::channel_balance,
                                Gauge::channel_balance_at, Gauge::dead_keys};
constexpr std::array kOfToken{Gauge::token_status, Gauge::token_remaining, Gauge::token_used,
                              Gauge::token_expires_at};
constexpr std::array kOfUser{Gauge::user_status, Gauge::user_remaining, Gauge::user_used};

bool moves_with_requests(Gauge gauge) {
    return gauge == Gauge::token_remaining || gauge == Gauge::token_used ||
           gauge == Gauge::user_remaining || gauge == Gauge::user_used;
}

template <class Number>
std::optional<double> to_value(const std::optional<Number>& number) {
    return number ? std::optional{static_cast<double>(*number)} : std::nullopt;
}

template <class... Values>
void run(SQLite::Statement& statement, const Values&... values) {
    statement.tryReset();  // also after a failed one, whose error was told then
    int i = 0;
    (statement.bind(++i, values), ...);
    statement.exec();
}

}  // namespace

struct Gauges::Impl {
    Impl(base::Database& opened, Store& interns);

    /// A gauge's newest value; those that have none are left out.
    struct Newest {
        std::int64_t series;
        std::int64_t at;
        double value;
    };
    /// One snapshot on its way into the file. What it changes in memory waits until it is there.
    struct Taking {
        std::int64_t at;
        bool stands;  // the clock was set back to before what is stored
        std::vector<GaugeChange> changes;
        std::vector<std::function<void()>> then;
    };

    void take_channels(const GatewayInfo& info, Taking& taking);
    void take_tokens(const GatewayInfo& info, Taking& taking);
    void take_users(const GatewayInfo& info, Taking& taking);
    void take_routes(const GatewayInfo& info, Taking& taking);
    void take_state(const GatewayInfo& info, Taking& taking);
    void take_extent(ObjectKind kind, Extent extent, Taking& taking);
    std::vector<GaugeChange> write(base::Second at, const std::function<void(Taking&)>& take);
    void set(const GaugeKey& key, std::optional<double> value, Taking& taking);
    void add_former(std::int64_t evaluated, std::vector<GaugeChange>& all);
    std::int64_t series_of(const GaugeKey& key);
    template <class Objects, class Shown, std::size_t count>
    void end_missing(const Objects& objects, const Shown& shown, const Coverage& covered,
                     const std::array<Gauge, count>& gauges, SQLite::Statement& remove,
                     void (*forget)(Directory&, std::int64_t), Taking& taking);

    base::Database& database;
    Store& store;
    Directory directory;
    std::map<GaugeKey, Newest> newest;
    std::map<GaugeKey, std::int64_t> ended;  // statuses: since when there is none any more
    std::int64_t newest_at = 0;
    SQLite::Statement put_series;
    SQLite::Statement find_series;
    SQLite::Statement put_change;
    SQLite::Statement put_channel;
    SQLite::Statement put_token;
    SQLite::Statement put_user;
    SQLite::Statement remove_channel;
    SQLite::Statement remove_token;
    SQLite::Statement remove_user;
    SQLite::Statement put_state;
};

Gauges::Impl::Impl(base::Database& opened, Store& interns)
    : database(opened),
      store(interns),
      directory(read_directory(opened.handle())),
      put_series(opened.handle(),
                 "INSERT INTO gauge_series(gauge, object, grp, model) VALUES(?, ?, ?, ?) "
                 "ON CONFLICT DO NOTHING"),
      find_series(opened.handle(),
                  "SELECT id FROM gauge_series WHERE gauge = ? AND object = ? AND grp = ? "
                  "AND model = ?"),
      put_change(opened.handle(),
                 "INSERT INTO gauge_change(series, at, value) VALUES(?, ?, ?) "
                 "ON CONFLICT DO UPDATE SET value = excluded.value"),
      put_channel(opened.handle(),
                  "REPLACE INTO gateway_channel(id, name, status, provider, tag) "
                  "VALUES(?, ?, ?, ?, ?)"),
      put_token(opened.handle(), "REPLACE INTO gateway_token(id, name, user) VALUES(?, ?, ?)"),
      put_user(opened.handle(), "REPLACE INTO gateway_user(id, name, grp) VALUES(?, ?, ?)"),
      remove_channel(opened.handle(), "DELETE FROM gateway_channel WHERE id = ?"),
      remove_token(opened.handle(), "DELETE FROM gateway_token WHERE id = ?"),
      remove_user(opened.handle(), "DELETE FROM gateway_user WHERE id = ?"),
      put_state(opened.handle(), "UPDATE gateway_state SET known = 1, quota_per_unit = ?") {
    for (const auto& gauge : gauges_at(opened.handle(), Coverage::kHighest)) {
        newest_at = std::max(newest_at, gauge.at);
        if (gauge.value) {
            newest[gauge.key] = {series_of(gauge.key), gauge.at, *gauge.value};
        } else {
            ended[gauge.key] = gauge.at;
        }
    }
}

std::int64_t Gauges::Impl::series_of(const GaugeKey& key) {
    find_series.tryReset();
    find_series.bind(1, static_cast<int>(key.gauge));
    find_series.bind(2, key.object);
    find_series.bind(3, key.group);
    find_series.bind(4, key.model);
    const bool found = find_series.executeStep();
    const auto id = found ? find_series.getColumn(0).getInt64() : 0;
    find_series.reset();
    if (found) return id;
    run(put_series, static_cast<int>(key.gauge), key.object, key.group, key.model);
    return database.handle().getLastInsertRowid();
}

/// What statuses were before the changes from `evaluated` on.
void Gauges::Impl::add_former(std::int64_t evaluated, std::vector<GaugeChange>& all) {
    SQLite::Statement query{database.handle(),
                            "SELECT at, value FROM gauge_change WHERE series = ? AND at < ? "
                            "ORDER BY at DESC LIMIT 1"};
    const auto add = [&](const GaugeKey& key, std::int64_t changed) {
        if (!is_status(key.gauge) || changed < evaluated) return;
        query.reset();
        query.bind(1, series_of(key));
        query.bind(2, evaluated);
        if (!query.executeStep()) return;
        const auto value = query.getColumn(1);
        all.push_back({key, query.getColumn(0).getInt64(),
                       value.isNull() ? std::nullopt : std::optional{value.getDouble()}});
    };
    for (const auto& [key, value] : newest) add(key, value.at);
    for (const auto& [key, at] : ended) add(key, at);
}

void Gauges::Impl::set(const GaugeKey& key, std::optional<double> value, Taking& taking) {
    const auto known = newest.find(key);
    if (known == newest.end() && !value) return;
    if (known != newest.end() && value) {
        const auto& [series, at, former] = known->second;
        if (*value == former) return;
        const bool small = !taking.stands && (*value > 0) == (former > 0) &&
                           std::abs(*value - former) < kEnough * std::abs(former) &&
                           taking.at - at < kLongEnough;
        if (small && moves_with_requests(key.gauge)) return;
    }
    const auto series = known != newest.end() ? known->second.series : series_of(key);
    put_change.tryReset();
    put_change.bind(1, series);
    put_change.bind(2, taking.at);
    if (value)
        put_change.bind(3, *value);
    else
        put_change.bind(3);
    put_change.exec();
    taking.changes.push_back({key, taking.at, value});
    taking.then.emplace_back([this, key, series, at = taking.at, value] {
        if (value) {
            newest[key] = {series, at, *value};
            ended.erase(key);
        } else {
            newest.erase(key);
            if (is_status(key.gauge)) ended[key] = at;
        }
    });
}

/// Of objects that the snapshot should show and does not: all gauges, and the entry.
template <class Objects, class Shown, std::size_t count>
void Gauges::Impl::end_missing(const Objects& objects, const Shown& shown, const Coverage& covered,
                               const std::array<Gauge, count>& gauges, SQLite::Statement& remove,
                               void (*forget)(Directory&, std::int64_t), Taking& taking) {
    for (const auto& object : objects) {
        const auto id = object.first;
        if (!covered.contains(id) || shown.contains(id)) continue;
        for (const auto gauge : gauges) set({gauge, id}, std::nullopt, taking);
        run(remove, id);
        taking.then.emplace_back([this, forget, id] { forget(directory, id); });
    }
}

void Gauges::Impl::take_channels(const GatewayInfo& info, Taking& taking) {
    for (const auto& [id, channel] : info.channels) {
        const auto known = directory.channels.find(id);
        const bool is_known = known != directory.channels.end();
        Directory::Channel entry{channel.name, channel.status, 0, store.intern(channel.tag)};
        if (info.gateway)
            entry.provider = store.intern(channel_type_name(*info.gateway, channel.type));
        else if (is_known)
            entry.provider = known->second.provider;
        if (!is_known || known->second != entry) {
            run(put_channel, id, entry.name, entry.status, entry.provider, entry.tag);
            taking.then.emplace_back([this, id = id, entry] { directory.channels[id] = entry; });
        }
        set({Gauge::channel_status, id}, channel.status, taking);
        if (info.has_balances) {
            set({Gauge::channel_balance, id}, channel.balance, taking);
            set({Gauge::channel_balance_at, id}, to_value(channel.balance_at), taking);
        }
        if (info.has_keys) set({Gauge::dead_keys, id}, to_value(channel.dead_keys), taking);
    }
    end_missing(
        directory.channels, info.channels, info.channels_covered, kOfChannel, remove_channel,
        [](Directory& names, std::int64_t id) { names.channels.erase(id); }, taking);
}

void Gauges::Impl::take_tokens(const GatewayInfo& info, Taking& taking) {
    for (const auto& [id, token] : info.tokens) {
        const auto known = directory.tokens.find(id);
        Directory::Token entry{token.name, token.user};
        if (known == directory.tokens.end() || known->second != entry) {
            run(put_token, id, entry.name, entry.user);
            taking.then.emplace_back([this, id = id, entry] { directory.tokens[id] = entry; });
        }
        set({Gauge::token_status, id}, token.status, taking);
        set({Gauge::token_remaining, id}, to_value(token.remaining), taking);
        set({Gauge::token_used, id}, static_cast<double>(token.used), taking);
        set({Gauge::token_expires_at, id}, to_value(token.expires_at), taking);
    }
    end_missing(
        directory.tokens, info.tokens, info.tokens_covered, kOfToken, remove_token,
        [](Directory& names, std::int64_t id) { names.tokens.erase(id); }, taking);
}

void Gauges::Impl::take_users(const GatewayInfo& info, Taking& taking) {
    for (const auto& [id, user] : info.users) {
        const auto known = directory.users.find(id);
        Directory::User entry{user.name, store.intern(user.group)};
        if (known == directory.users.end() || known->second != entry) {
            run(put_user, id, entry.name, entry.group);
            taking.then.emplace_back([this, id = id, entry] { directory.users[id] = entry; });
        }
        set({Gauge::user_status, id}, user.status, taking);
        set({Gauge::user_remaining, id}, static_cast<double>(user.remaining), taking);
        set({Gauge::user_used, id}, static_cast<double>(user.used), taking);
    }
    end_missing(
        directory.users, info.users, info.users_covered, kOfUser, remove_user,
        [](Directory& names, std::int64_t id) { names.users.erase(id); }, taking);
}

void Gauges::Impl::take_routes(const GatewayInfo& info, Taking& taking) {
    if (!info.healthy) return;
    for (const auto& [route, channels] : *info.healthy) {
        set({Gauge::healthy_channels, 0, store.intern(route.first), store.intern(route.second)},
            channels, taking);
    }
    std::vector<GaugeKey> gone;
    const auto& texts = store.texts();
    for (auto at = newest.lower_bound({Gauge::healthy_channels, 0, 0, 0});
         at != newest.end() && at->first.gauge == Gauge::healthy_channels; ++at) {
        const auto& key = at->first;
        if (!info.healthy->contains({texts.text(key.group), texts.text(key.model)}))
            gone.push_back(key);
    }
    for (const auto& key : gone) set(key, std::nullopt, taking);
}

void Gauges::Impl::take_state(const GatewayInfo& info, Taking& taking) {
    if (directory.known && directory.quota_per_unit == info.quota_per_unit) return;
    run(put_state, info.quota_per_unit);
    taking.then.emplace_back([this, unit = info.quota_per_unit] {
        directory.known = true;
        directory.quota_per_unit = unit;
    });
}

void Gauges::Impl::take_extent(ObjectKind kind, Extent extent, Taking& taking) {
    set({Gauge::extent, static_cast<std::int64_t>(kind)}, static_cast<double>(extent), taking);
}

std::vector<GaugeChange> Gauges::Impl::write(base::Second at,
                                             const std::function<void(Taking&)>& take) {
    const auto now = base::unix_seconds(at);
    Taking taking{std::max(now, newest_at), now < newest_at, {}, {}};
    base::WriteTransaction transaction{database};
    take(taking);
    transaction.commit();
    for (const auto& apply : taking.then) apply();
    newest_at = taking.at;
    std::sort(taking.changes.begin(), taking.changes.end(),
              [](const GaugeChange& a, const GaugeChange& b) { return a.key < b.key; });
    return std::move(taking.changes);
}

Gauges::Gauges(base::Database& database, Store& store)
    : impl_(std::make_unique<Impl>(database, store)) {}
Gauges::~Gauges() = default;

std::vector<GaugeChange> Gauges::record(const GatewayInfo& info, base::Second at) {
    return impl_->write(at, [&](Impl::Taking& taking) {
        impl_->take_channels(info, taking);
        impl_->take_tokens(info, taking);
        impl_->take_users(info, taking);
        impl_->take_routes(info, taking);
        impl_->take_state(info, taking);
        for (const auto& [kind, extent] : info.extents) impl_->take_extent(kind, extent, taking);
    });
}

std::vector<GaugeChange> Gauges::begin(const InfoNeeds& needs, base::Second at) {
    return impl_->write(at, [&](Impl::Taking& taking) {
        const auto expect = [&](ObjectKind kind, bool needed) {
            impl_->take_extent(kind, needed ? Extent::begun : Extent::unread, taking);
        };
        expect(ObjectKind::channels, true);
        expect(ObjectKind::tokens, needs.tokens);
        expect(ObjectKind::users, needs.users);
        expect(ObjectKind::abilities, needs.abilities);
    });
}

std::vector<GaugeChange> Gauges::refuse(base::Second at) {
    return impl_->write(at, [&](Impl::Taking& taking) {
        for (const auto kind :
             {ObjectKind::channels, ObjectKind::tokens, ObjectKind::users, ObjectKind::abilities}) {
            const auto known =
                impl_->newest.find({Gauge::extent, static_cast<std::int64_t>(kind), 0, 0});
            const bool asked = known != impl_->newest.end() &&
                               known->second.value != static_cast<double>(Extent::unread);
            if (asked) impl_->take_extent(kind, Extent::refused, taking);
        }
    });
}

std::vector<GaugeChange> Gauges::current(std::optional<base::Second> evaluated) const {
    std::vector<GaugeChange> all;
    if (evaluated) impl_->add_former(base::unix_seconds(*evaluated), all);
    all.reserve(impl_->newest.size() + impl_->ended.size());
    for (const auto& [key, value] : impl_->newest) all.push_back({key, value.at, value.value});
    for (const auto& [key, at] : impl_->ended) all.push_back({key, at, std::nullopt});
    return all;
}

const Directory& Gauges::directory() const {
    return impl_->directory;
}

}  // namespace quotafuse::sync
