#pragma once

#include <cstdint>
#include <string>
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

/// The statements on one model of a channel: `channels.models` (New API routes by it with its cache
/// on) and the abilities of that name. All throw GatewayError.
class ModelTables {
public:
    explicit ModelTables(sync::GatewaySession& session) : session_(session) {}

    /// NULL too where the channel is gone.
    sync::Cell read_list(std::int64_t channel);
    /// Puts `after` in the place of `before` while the channel is enabled; false when either is not
    /// so. The row is locked from then on, also where both lists are equal.
    bool set_list(std::int64_t channel, const sync::Cell& before, const sync::Cell& after);
    void disable_abilities(std::int64_t channel, const std::string& model);
    /// Enables those of `lit`.
    void enable_abilities(const std::vector<Ability>& lit);

private:
    sync::GatewaySession& session_;
};

}  // namespace quotafuse::circuit_breaker
