#pragma once

#include "sync/gateway_session.h"

namespace quotafuse::demo {

/// A transaction at a gateway that rolls back unless it was committed.
class Transaction {
public:
    explicit Transaction(sync::GatewaySession& session) : session_(session) { session_.begin(); }
    ~Transaction() {
        if (!committed_) session_.rollback();
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit() {
        session_.commit();
        committed_ = true;
    }

private:
    sync::GatewaySession& session_;
    bool committed_ = false;
};

}  // namespace quotafuse::demo
