#include "sync/mysql_connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <mysql_driver.h>
#include <unistd.h>

#include "sync/mysql_errors.h"

namespace quotafuse::sync {
namespace {

constexpr int kTlsRefused = 2026;  // the client library's number for it
constexpr auto kHostCa = "/etc/ssl/certs/ca-certificates.crt";  // package ca-certificates

/// From Connector/C 3.4 on a certificate's issuer is checked together with its name, or not at all;
/// before, it is checked wherever there are authorities. 3.4 asks no name of 127.0.0.1 and ::1.
bool checks_issuer_only_with_name() {
    // The library's headers do not come with the connector's.
    using VersionOf = unsigned long (*)();
    const auto version_of =
        reinterpret_cast<VersionOf>(::dlsym(RTLD_DEFAULT, "mysql_get_client_version"));
    return version_of == nullptr || version_of() >= 30'400;
}

/// MariaDB 11 refuses to lock a row that changed since the transaction's first read (1020). Our
/// writes compare with what they lock, so they want the row as it is now, as every other server
/// gives it.
void wait_for_rows_that_change(sql::Statement& statement) {
    constexpr int kUnknownVariable = 1193;
    try {
        statement.execute("SET SESSION innodb_snapshot_isolation = OFF");
    } catch (const sql::SQLException& e) {
        if (e.getErrorCode() != kUnknownVariable) throw;
    }
}

}  // namespace

MysqlConnection::MysqlConnection(Dsn dsn, SessionOptions options)
    : dsn_(std::move(dsn)), options_(options) {}

MysqlConnection::~MysqlConnection() = default;

MysqlConnection::Use::Use(MysqlConnection& connection) : connection_(connection) {
    // An interrupt that came between two calls has nothing to end.
    if (connection_.uses_ == 0) connection_.interrupted_ = false;
    ++connection_.uses_;
    connection_.answered();
}

MysqlConnection::Use::~Use() {
    --connection_.uses_;
}

sql::Connection& MysqlConnection::get() {
    if (connection_) return *connection_;
    try {
        lifeline_.expect(dsn_.socket.empty() ? dsn_.port : 0);
        connecting_ = true;
        auto connection = connect({options_.connect_timeout, options_.read_timeout});
        connecting_ = false;
        lifeline_.hold();
        set_up(*connection);
        connection_ = std::move(connection);
        ++generation_;
        return *connection_;
    } catch (const sql::SQLException& e) {
        raise(e);
    } catch (const GatewayError&) {
        drop();
        throw;
    }
}

void MysqlConnection::set_up(sql::Connection& connection) {
    answered();
    demand_encryption(connection);
    const std::unique_ptr<sql::Statement> statement{connection.createStatement()};
    // A lock must show as such, before the read timeout makes it look like a server that hangs.
    const auto lock_wait = std::max<std::int64_t>(1, options_.read_timeout.count() * 3 / 5);
    statement->execute(fmt::format("SET SESSION lock_wait_timeout = {}", lock_wait));
    if (options_.read_only) {
        statement->execute("SET SESSION TRANSACTION READ ONLY");
    } else {
        wait_for_rows_that_change(*statement);
    }
    const std::unique_ptr<sql::ResultSet> id{statement->executeQuery("SELECT CONNECTION_ID()")};
    id->next();
    server_id_ = id->getUInt64(1);
    answered();
}

std::unique_ptr<sql::Connection> MysqlConnection::connect(const Timeouts& timeouts) const {
    sql::ConnectOptionsMap options;
    // The client library takes "localhost" as its word for the socket; gateways mean TCP by it.
    const auto host = dsn_.host == "localhost" ? std::string{"127.0.0.1"} : dsn_.host;
    const auto shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
    options["hostName"] =
        sql::SQLString{dsn_.socket.empty() ? fmt::format("tcp://{}:{}", shown, dsn_.port)
                                           : "unix://" + dsn_.socket};
    options["userName"] = sql::SQLString{dsn_.user};
    options["password"] = sql::SQLString{dsn_.password.reveal()};
    options["schema"] = sql::SQLString{dsn_.database};
    options["OPT_CHARSET_NAME"] = sql::SQLString{"utf8mb4"};
    options["OPT_CONNECT_TIMEOUT"] = static_cast<int>(timeouts.connect.count());
    options["OPT_READ_TIMEOUT"] = static_cast<int>(timeouts.read.count());
    options["OPT_WRITE_TIMEOUT"] = static_cast<int>(timeouts.read.count());
    if (dsn_.tls != Tls::off) options["sslEnforce"] = true;
    if (dsn_.tls == Tls::ca || dsn_.tls == Tls::full) {
        // Without a CA the client library checks nothing at all.
        const auto ca = dsn_.tls_ca.empty() ? std::string{kHostCa} : dsn_.tls_ca;
        demand_readable(ca);
        options["sslCA"] = sql::SQLString{ca};
    }
    // Said in any case: later client libraries check where nobody asked them to.
    options["sslVerify"] =
        dsn_.tls == Tls::full || (dsn_.tls == Tls::ca && checks_issuer_only_with_name());
    // The connector's own first call is a race between threads; a local static is none.
    static auto* const driver = sql::mysql::get_driver_instance();
    return std::unique_ptr<sql::Connection>{driver->connect(options)};
}

/// The library's own text about it is that of any earlier error.
void MysqlConnection::demand_readable(const std::string& ca) const {
    if (::access(ca.c_str(), R_OK) == 0) return;
    throw GatewayError(GatewayError::Kind::denied,
                       fmt::format("{}: the file of tls_ca cannot be read: {} ({})",
                                   dsn_.describe(), ca, std::strerror(errno)));
}

/// The connector connects in plaintext, without a word, to a server that offers no TLS.
void MysqlConnection::demand_encryption(sql::Connection& connection) const {
    if (dsn_.tls == Tls::off) return;
    const std::unique_ptr<sql::Statement> statement{connection.createStatement()};
    const std::unique_ptr<sql::ResultSet> row{
        statement->executeQuery("SHOW SESSION STATUS LIKE 'Ssl_cipher'")};
    if (row->next() && row->getString(2).length() > 0) return;
    throw explain(
        {.code = kTlsRefused, .text = "SSL is required, but the server does not support it"}, dsn_,
        options_);
}

void MysqlConnection::drop() noexcept {
    server_id_ = 0;
    connecting_ = false;
    connection_.reset();
    lifeline_.let_go();
}

void MysqlConnection::interrupt() noexcept {
    if (uses_ == 0) return;
    interrupted_ = true;
    const auto id = server_id_.load();
    lifeline_.cut();  // first: nobody can kill a statement behind a network that hangs
    if (id != 0) kill_statement(id);
}

/// The server does not notice that nobody waits for its statement any more.
void MysqlConnection::kill_statement(std::uint64_t id) noexcept {
    constexpr std::chrono::seconds kBriefly{1};
    try {
        const auto killer = connect({kBriefly, kBriefly});
        demand_encryption(*killer);
        const std::unique_ptr<sql::Statement> statement{killer->createStatement()};
        statement->execute(fmt::format("KILL QUERY {}", id));
    } catch (const sql::SQLException&) {
        // It has ended, or nobody can be reached: its locks and timeouts end it.
    } catch (const GatewayError&) {
        // No encryption, no order.
    }
}

bool MysqlConnection::waited(std::chrono::seconds timeout) const {
    // The library's own timer may end a little before ours.
    return std::chrono::steady_clock::now() - waiting_since_ >=
           timeout - std::chrono::milliseconds{50};
}

void MysqlConnection::raise(const sql::SQLException& e) {
    const auto error = explain(
        {.code = e.getErrorCode(),
         .text = e.what(),
         .connecting = connecting_,
         .timed_out = waited(connecting_ ? options_.connect_timeout : options_.read_timeout),
         .interrupted = interrupted_.exchange(false)},
        dsn_, options_);
    switch (error.kind()) {
        case GatewayError::Kind::unreachable:
        case GatewayError::Kind::stalled:
        case GatewayError::Kind::interrupted:
            drop();  // whatever comes next on this connection may be the answer to something else
            break;
        case GatewayError::Kind::locked:
        case GatewayError::Kind::denied:
        case GatewayError::Kind::schema:
        case GatewayError::Kind::rejected:
            if (!connection_) drop();  // it failed while it was being made
            break;
    }
    throw error;
}

}  // namespace quotafuse::sync
