#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "circuit_breaker/last_channel_guard.h"
#include "circuit_breaker/statements.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

/// Whether a list as in `channels.models` ("gpt-4o,o1") has this very name.
bool has_model(const sync::Cell& models, const std::string& model);
/// The list without it, all other bytes kept.
std::string without_model(const sync::Cell& models, const std::string& model);
/// Whether the list has a name at all.
bool names_any(const std::string& models);

/// A channel as its models see it.
struct ModelsRow {
    int status = 0;
    sync::Cell models{};
};

/// The statements on one model of a channel: `channels.models` (New API routes by it with its cache
/// on) and the abilities of that name. All throw GatewayError.
class ModelTables {
public:
    explicit ModelTables(sync::GatewaySession& session) : session_(session) {}

    /// Empty when the channel is gone.
    std::optional<ModelsRow> read(std::int64_t channel, Lock lock);
    /// Of many, without locks; those that are gone are left out.
    std::map<std::int64_t, ModelsRow> read(const std::vector<std::int64_t>& channels);
    /// The channel's abilities of that very name.
    std::vector<Ability> own_abilities(std::int64_t channel, const std::string& model, Lock lock);
    /// Those of the models (each with its channel) that an enabled ability serves, without locks.
    using Models = std::vector<std::pair<std::int64_t, std::string>>;
    std::set<Models::value_type> served(const Models& models);

    /// Puts `after` in the place of `before` while the channel is enabled; false when either is not
    /// so. The row is locked from then on, also where both lists are equal.
    bool set_list(std::int64_t channel, const sync::Cell& before, const sync::Cell& after);
    void disable_abilities(std::int64_t channel, const std::string& model);
    /// Enables those of `lit`.
    void enable_abilities(const std::vector<Ability>& lit);
    /// Enables all of that name but those that are disabled in `before`; a row that was added
    /// meanwhile is enabled as well.
    void restore_abilities(std::int64_t channel, const std::string& model,
                           const std::vector<Ability>& before);

private:
    std::vector<sync::Cells> query_lists(const std::string& which,
                                         const std::vector<sync::Argument>& arguments, Lock lock);
    std::string this_model() const;

    sync::GatewaySession& session_;
};

}  // namespace quotafuse::circuit_breaker
