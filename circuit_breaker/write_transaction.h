#pragma once

#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

/// begin() to commit(); rolls back when it ends without one.
class GatewayTransaction {
public:
    explicit GatewayTransaction(sync::GatewaySession& session) : session_(session) {
        session_.begin();
    }
    ~GatewayTransaction() {
        if (open_) session_.rollback();
    }
    GatewayTransaction(const GatewayTransaction&) = delete;
    GatewayTransaction& operator=(const GatewayTransaction&) = delete;
    /// Throws GatewayError: then it was rolled back, or took effect and nobody told us.
    void commit() {
        open_ = false;
        try {
            session_.commit();
        } catch (const sync::GatewayError&) {
            session_.rollback();
            throw;
        }
    }

private:
    sync::GatewaySession& session_;
    bool open_ = true;
};

}  // namespace quotafuse::circuit_breaker
