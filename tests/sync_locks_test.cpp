// What a server does when two transactions are in each other's way.

#include <future>
#include <thread>

#include <doctest/doctest.h>

#include "support/mariadb.h"
#include "sync_source_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using tests::shared_mariadb;

namespace {

std::unique_ptr<GatewaySession> writer() {
    SessionOptions options;
    options.read_only = false;
    return make_session(tests::dsn_of(shared_mariadb().dsn("root", "", "locks")), options);
}

void load() {
    shared_mariadb().sql(
        "DROP DATABASE IF EXISTS locks; CREATE DATABASE locks; "
        "CREATE TABLE locks.t(id INT PRIMARY KEY, n INT); INSERT INTO locks.t VALUES(1, 0), (2, "
        "0)");
}

/// The kind of the error, if there is one.
std::optional<GatewayError::Kind> trouble(const std::function<void()>& action) {
    try {
        action();
        return {};
    } catch (const GatewayError& e) {
        return e.kind();
    }
}

void update(GatewaySession& session, std::int64_t id) {
    session.execute("UPDATE t SET n = n + 1 WHERE id = ?", {id});
}

}  // namespace

TEST_CASE("who loses a deadlock was in somebody's way: it is told as a lock, and begun again") {
    load();
    const auto first = writer();
    const auto second = writer();
    first->begin();
    second->begin();
    update(*first, 1);
    update(*second, 2);
    auto waiting =
        std::async(std::launch::async, [&] { return trouble([&] { update(*first, 2); }); });
    const auto watch = writer();
    while (watch->query("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")[0][1] == "0")
        std::this_thread::yield();
    const auto of_second = trouble([&] { update(*second, 1); });
    if (of_second) second->rollback();
    const auto of_first = waiting.get();
    // The server chooses the victim.
    CHECK(of_first.has_value() != of_second.has_value());
    CHECK(of_first.value_or(GatewayError::Kind::locked) == GatewayError::Kind::locked);
    CHECK(of_second.value_or(GatewayError::Kind::locked) == GatewayError::Kind::locked);
    first->rollback();
    second->rollback();
    // The connection of the victim goes on.
    for (auto* const session : {first.get(), second.get()}) {
        session->begin();
        update(*session, 1);
        session->commit();
    }
    CHECK(watch->query("SELECT n FROM t WHERE id = 1")[0][0] == "2");
}

TEST_CASE("a row that was changed since the transaction's first look is told as a lock") {
    load();
    const auto session = writer();
    session->execute("SET SESSION innodb_snapshot_isolation = ON");  // MariaDB's default from 11.6
    session->begin();
    session->query("SELECT n FROM t");
    update(*writer(), 1);
    CHECK(trouble([&] { update(*session, 1); }) == GatewayError::Kind::locked);
    session->rollback();
}
