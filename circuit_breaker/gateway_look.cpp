#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "circuit_breaker/gateway_return.h"
#include "circuit_breaker/ownership.h"
#include "circuit_breaker/rank_tables.h"

namespace quotafuse::circuit_breaker {
namespace {

using Kind = Target::Kind;
using State = Circuit::State;
using Circuits = std::vector<const Circuit*>;

/// Ids, or pairs, in one statement.
constexpr std::size_t kMostIds = 500;
constexpr std::size_t kMostPairs = 200;

/// One look at the circuits of one kind of gateway.
class Look {
public:
    Look(sync::GatewaySession& session, sync::Gateway gateway)
        : session_(session), new_api_(gateway == sync::Gateway::new_api) {}

    void read(const Circuits& circuits);
    Change change(const Circuit& circuit) const;
    bool half_on(const Circuit& circuit) const {
        return circuit.target.kind == Kind::channel && circuit.state == State::open &&
               change(circuit) == Change::none && lit_.contains(circuit.target.channel);
    }

private:
    enum class Columns { status, status_and_rank, models };
    void read_channels(const Circuits& circuits, Columns columns);
    void read_lit(const Circuits& circuits);
    void read_served(const Circuits& circuits);
    void read_keys(const Circuits& circuits);
    void read_named_keys(const Circuits& circuits);
    ChannelStand stand(const sync::Cells& row) const;
    std::string select_list(Columns columns) const;

    sync::GatewaySession& session_;
    bool new_api_;
    // By channel: a circuit on trial is read with its rank, another without.
    std::map<std::int64_t, ChannelStand> open_;
    std::map<std::int64_t, ChannelStand> trials_;
    std::set<std::int64_t> lit_;  // open channels with an enabled ability
    std::map<std::int64_t, std::string> models_;
    std::set<std::pair<std::int64_t, std::string>> served_;
    std::map<std::int64_t, int> keys_;
    std::map<std::pair<std::int64_t, std::string>, int> named_keys_;
};

Circuits select(const Circuits& circuits, bool (*wanted)(const Circuit&)) {
    Circuits found;
    std::ranges::copy_if(circuits, std::back_inserter(found),
                         [wanted](const Circuit* circuit) { return wanted(*circuit); });
    return found;
}

/// Calls back with at most `most` of them at a time; not at all for none.
template <class T, class F>
void in_slices(const std::vector<T>& all, std::size_t most, F read) {
    for (std::size_t at = 0; at < all.size(); at += most) {
        const auto end = std::min(all.size(), at + most);
        read(std::vector<T>(all.begin() + static_cast<std::ptrdiff_t>(at),
                            all.begin() + static_cast<std::ptrdiff_t>(end)));
    }
}

template <class F>
std::vector<std::int64_t> distinct(const Circuits& circuits, F id) {
    std::set<std::int64_t> ids;
    for (const auto* circuit : circuits) ids.insert(id(*circuit));
    return {ids.begin(), ids.end()};
}

std::int64_t channel_of(const Circuit& circuit) {
    return circuit.target.channel;
}

std::string Look::select_list(Columns columns) const {
    switch (columns) {
        case Columns::status:
            return new_api_ ? "`id`, `status`, `other_info`" : "`id`, `status`, NULL";
        case Columns::status_and_rank:
            return new_api_ ? "`id`, `status`, `other_info`, `priority`, `weight`"
                            : "`id`, `status`, NULL, `priority`, NULL";
        case Columns::models:
            return "`id`, `models`";
    }
    std::abort();
}

ChannelStand Look::stand(const sync::Cells& row) const {
    ChannelStand stand{.status = static_cast<int>(stored_number(row[1]).value_or(0)),
                       .other_info = row[2]};
    if (row.size() > 3) {
        stand.rank = {.priority = stored_number(row[3]), .weight = stored_number(row[4])};
    }
    return stand;
}

void Look::read_channels(const Circuits& circuits, Columns columns) {
    in_slices(distinct(circuits, channel_of), kMostIds, [&](const auto& ids) {
        for (const auto& row :
             session_.query(fmt::format("SELECT {} FROM `channels` WHERE `id` IN ({})",
                                        select_list(columns), fmt::join(ids, ",")))) {
            const auto id = stored_number(row[0]).value_or(0);
            if (columns == Columns::models) {
                models_[id] = row[1].value_or("");
            } else if (columns == Columns::status) {
                open_[id] = stand(row);
            } else {
                trials_[id] = stand(row);
            }
        }
    });
}

void Look::read_lit(const Circuits& circuits) {
    in_slices(distinct(circuits, channel_of), kMostIds, [&](const auto& ids) {
        for (const auto& row :
             session_.query(fmt::format("SELECT DISTINCT `channel_id` FROM `abilities` "
                                        "WHERE `enabled` = 1 AND `channel_id` IN ({})",
                                        fmt::join(ids, ","))))
            lit_.insert(stored_number(row[0]).value_or(0));
    });
}

/// Only the abilities that are asked for: a channel may have thousands.
void Look::read_served(const Circuits& circuits) {
    in_slices(circuits, kMostPairs, [&](const Circuits& slice) {
        std::vector<std::string> pairs;
        std::vector<sync::Argument> arguments;
        for (const auto* circuit : slice) {
            pairs.emplace_back("`channel_id` = ? AND `model` = ?");
            arguments.emplace_back(circuit->target.channel);
            arguments.emplace_back(circuit->target.model);
        }
        for (const auto& row :
             session_.query(fmt::format("SELECT `channel_id`, `model` FROM `abilities` "
                                        "WHERE `enabled` = 1 AND ({})",
                                        fmt::join(pairs, " OR ")),
                            arguments)) {
            served_.emplace(stored_number(row[0]).value_or(0), row[1].value_or(""));
        }
    });
}

void Look::read_keys(const Circuits& circuits) {
    const auto id_of = [](const Circuit& circuit) { return circuit.target.token; };
    in_slices(distinct(circuits, id_of), kMostIds, [&](const auto& ids) {
        for (const auto& row : session_.query(
                 fmt::format("SELECT `id`, `status` FROM `tokens` WHERE `id` IN ({}){}",
                             fmt::join(ids, ","), new_api_ ? " AND `deleted_at` IS NULL" : ""))) {
            keys_[stored_number(row[0]).value_or(0)] =
                static_cast<int>(stored_number(row[1]).value_or(0));
        }
    });
}

/// Of several keys of one name, one that is on counts: it serves.
void Look::read_named_keys(const Circuits& circuits) {
    in_slices(circuits, kMostPairs, [&](const Circuits& slice) {
        std::vector<std::string> pairs;
        std::vector<sync::Argument> arguments;
        for (const auto* circuit : slice) {
            pairs.emplace_back("`user_id` = ? AND `name` = ?");
            arguments.emplace_back(circuit->target.user);
            arguments.emplace_back(circuit->target.token_name);
        }
        for (const auto& row : session_.query(
                 fmt::format("SELECT `user_id`, `name`, `status` FROM `tokens` "
                             "WHERE ({}){}",
                             fmt::join(pairs, " OR "), new_api_ ? " AND `deleted_at` IS NULL" : ""),
                 arguments)) {
            const auto status = static_cast<int>(stored_number(row[2]).value_or(0));
            const auto [at, first] = named_keys_.emplace(
                std::pair{stored_number(row[0]).value_or(0), row[1].value_or("")}, status);
            if (!first && status == kEnabled) at->second = status;
        }
    });
}

void Look::read(const Circuits& circuits) {
    const auto models =
        select(circuits, [](const Circuit& c) { return c.target.kind == Kind::model; });
    const auto open = select(circuits, [](const Circuit& c) {
        return c.target.kind == Kind::channel && c.state != State::trial;
    });
    read_channels(open, Columns::status);
    read_lit(open);
    read_channels(select(circuits,
                         [](const Circuit& c) {
                             return c.target.kind == Kind::channel && c.state == State::trial;
                         }),
                  Columns::status_and_rank);
    read_channels(models, Columns::models);
    read_served(models);
    read_keys(select(circuits, [](const Circuit& c) {
        return c.target.kind == Kind::token && c.target.token != 0;
    }));
    read_named_keys(select(circuits, [](const Circuit& c) {
        return c.target.kind == Kind::token && c.target.token == 0;
    }));
}

template <class Map>
std::optional<typename Map::mapped_type> find(const Map& map, const typename Map::key_type& key) {
    const auto at = map.find(key);
    if (at == map.end()) return {};
    return at->second;
}

Change Look::change(const Circuit& circuit) const {
    const auto& target = circuit.target;
    switch (target.kind) {
        case Kind::channel:
            return change_of_channel(
                circuit, find(circuit.state == State::trial ? trials_ : open_, target.channel));
        case Kind::model: {
            const auto list = find(models_, target.channel);
            if (!list) return change_of_model(circuit, {});
            return change_of_model(
                circuit, ModelStand{.models = *list,
                                    .served = served_.contains({target.channel, target.model})});
        }
        case Kind::token:
            return change_of_token(target.token != 0
                                       ? find(keys_, target.token)
                                       : find(named_keys_, {target.user, target.token_name}));
    }
    std::abort();
}

}  // namespace

std::vector<Sighting> look_at(sync::GatewaySession& session, const std::vector<Circuit>& circuits) {
    std::map<sync::Gateway, Circuits> of_gateway;
    for (const auto& circuit : circuits) of_gateway[circuit.gateway].push_back(&circuit);
    std::map<std::string, Sighting> seen;
    for (const auto& [gateway, those] : of_gateway) {
        Look look{session, gateway};
        look.read(those);
        for (const auto* circuit : those) {
            seen[circuit->trip_id] = {circuit->trip_id, look.change(*circuit),
                                      look.half_on(*circuit), circuit->state};
        }
    }
    std::vector<Sighting> sightings;
    for (const auto& circuit : circuits) sightings.push_back(seen.at(circuit.trip_id));
    return sightings;
}

}  // namespace quotafuse::circuit_breaker
