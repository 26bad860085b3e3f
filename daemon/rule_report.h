#pragma once

#include <string>
#include <vector>

#include "alerts/engine.h"
#include "alerts/evaluation.h"

namespace quotafuse::daemon {

/// "12 requests < min_requests 20": why an evaluation of the rule did what it did.
std::string why(const alerts::Evaluation& evaluation, const alerts::Rule& rule);

/// The answer to the control command {"command": "rule", "rule": NAME}: the report as JSON, each
/// evaluation with its reason in words. `blind`: rules that the engine evaluates in vain, because
/// of the gateway; they are in error. Throws Failure (usage) for a rule that there is not.
std::string report_json(const alerts::Engine& engine, const std::string& request,
                        const std::vector<alerts::Overview::Error>& blind = {});

}  // namespace quotafuse::daemon
