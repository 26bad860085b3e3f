#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "circuit_breaker/channel_tables.h"
#include "circuit_breaker/circuit.h"
#include "circuit_breaker/results.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

/// One order to give something back, with what it is carried out by.
struct ReturnCase {
    sync::GatewaySession& session;
    const std::string& database;  // of the gateway, for its options
    const ReturnRequest& request;
    const Guard& guard;
    base::Second now;
};

/// What is given back: a channel, a model of one, or a key. All throw GatewayError.
class ReturnTarget {
public:
    ReturnTarget() = default;
    ReturnTarget(const ReturnTarget&) = delete;
    ReturnTarget& operator=(const ReturnTarget&) = delete;
    virtual ~ReturnTarget() = default;

    /// What is asked once, before any transaction.
    virtual void prepare() {}
    /// Reads, and says the end where nothing is to be written; empty when write() may follow.
    virtual std::optional<ReturnResult> judge(Lock lock) = 0;
    /// Writes what the last judge() decided, inside its transaction; false when it changed since.
    virtual bool write() = 0;
    /// Whether the last write() stands, read under a lock: a commit that is on its way is then
    /// over.
    virtual bool stands_as_written() = 0;
    virtual ReturnResult success(ReturnResult::Kind kind) const = 0;
    /// After a commit that took effect.
    virtual ReturnResult finish() { return success(ReturnResult::Kind::done); }
};

std::unique_ptr<ReturnTarget> return_channel(const ReturnCase& order);
std::unique_ptr<ReturnTarget> return_model(const ReturnCase& order);
std::unique_ptr<ReturnTarget> return_token(const ReturnCase& order);

ReturnResult make_theirs(const ReturnRequest& request, Change change);

}  // namespace quotafuse::circuit_breaker
