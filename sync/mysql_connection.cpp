#include "sync/mysql_connection.h"

#include <algorithm>
#include <array>

#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>
#include <fmt/format.h>
#include <mysql_driver.h>

#include "base/text.h"

namespace quotafuse::sync {
namespace {

constexpr auto kHostCa = "/etc/ssl/certs/ca-certificates.crt";  // package ca-certificates

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

template <std::size_t N>
bool is_one_of(int code, const std::array<int, N>& codes) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

/// Error numbers of client and server, by what a person or a loop can do about them.
GatewayError::Kind kind_of(int code) {
    // Connection, handshake and shutdown; 1040, 1203 and 1226 are "too many connections".
    static constexpr std::array kUnreachable{2000, 2001, 2002, 2003, 2005, 2006, 2012, 2013,
                                             2014, 2026, 2027, 2055, 1040, 1053, 1077, 1079,
                                             1080, 1152, 1153, 1154, 1155, 1156, 1157, 1158,
                                             1159, 1160, 1161, 1184, 1203, 1226, 1927, 4031};
    static constexpr std::array kDenied{1044, 1045, 1129, 1130, 1142, 1143, 1227,
                                        1251, 1370, 1524, 1698, 1820, 1862, 3118};
    static constexpr std::array kSchema{1046, 1049, 1051, 1054, 1109, 1146};
    if (code == 1317) return GatewayError::Kind::interrupted;
    if (is_one_of(code, kUnreachable)) return GatewayError::Kind::unreachable;
    if (is_one_of(code, kDenied)) return GatewayError::Kind::denied;
    if (is_one_of(code, kSchema)) return GatewayError::Kind::schema;
    return GatewayError::Kind::rejected;
}

}  // namespace

MysqlConnection::MysqlConnection(Dsn dsn, SessionOptions options)
    : dsn_(std::move(dsn)), options_(options) {}

MysqlConnection::~MysqlConnection() = default;

sql::Connection& MysqlConnection::get() {
    if (connection_) return *connection_;
    try {
        auto connection = connect(options_.connect_timeout);
        demand_encryption(*connection);
        const std::unique_ptr<sql::Statement> statement{connection->createStatement()};
        if (options_.read_only) {
            statement->execute("SET SESSION TRANSACTION READ ONLY");
        } else {
            wait_for_rows_that_change(*statement);
        }
        const std::unique_ptr<sql::ResultSet> id{statement->executeQuery("SELECT CONNECTION_ID()")};
        id->next();
        server_id_ = id->getUInt64(1);
        connection_ = std::move(connection);
        ++generation_;
        return *connection_;
    } catch (const sql::SQLException& e) {
        raise(e);
    }
}

std::unique_ptr<sql::Connection> MysqlConnection::connect(std::chrono::seconds timeout) const {
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
    options["OPT_CONNECT_TIMEOUT"] = static_cast<int>(timeout.count());
    options["OPT_READ_TIMEOUT"] = static_cast<int>(options_.read_timeout.count());
    options["OPT_WRITE_TIMEOUT"] = static_cast<int>(options_.read_timeout.count());
    if (dsn_.tls != Tls::off) options["sslEnforce"] = true;
    if (dsn_.tls == Tls::ca || dsn_.tls == Tls::full) {
        // Without a CA the client library checks nothing at all.
        options["sslCA"] = sql::SQLString{dsn_.tls_ca.empty() ? kHostCa : dsn_.tls_ca};
    }
    if (dsn_.tls == Tls::full) options["sslVerify"] = true;
    // The connector's own first call is a race between threads; a local static is none.
    static auto* const driver = sql::mysql::get_driver_instance();
    return std::unique_ptr<sql::Connection>{driver->connect(options)};
}

/// The connector connects in plaintext, without a word, to a server that offers no TLS.
void MysqlConnection::demand_encryption(sql::Connection& connection) const {
    if (dsn_.tls == Tls::off) return;
    const std::unique_ptr<sql::Statement> statement{connection.createStatement()};
    const std::unique_ptr<sql::ResultSet> row{
        statement->executeQuery("SHOW SESSION STATUS LIKE 'Ssl_cipher'")};
    if (row->next() && row->getString(2).length() > 0) return;
    throw GatewayError(GatewayError::Kind::denied,
                       "the server does not encrypt connections, but source.tls asks for it");
}

void MysqlConnection::drop() noexcept {
    server_id_ = 0;
    connection_.reset();
}

void MysqlConnection::interrupt() noexcept {
    const auto id = server_id_.load();
    if (id == 0) return;
    interrupted_ = true;
    try {
        const auto killer = connect(std::chrono::seconds{1});
        const std::unique_ptr<sql::Statement> statement{killer->createStatement()};
        statement->execute(fmt::format("KILL QUERY {}", id));
    } catch (const sql::SQLException&) {
        // Nobody to kill it for us: the read timeout ends the statement then.
    }
}

void MysqlConnection::raise(const sql::SQLException& e) {
    const auto code = e.getErrorCode();
    auto kind = kind_of(code);
    if (interrupted_.exchange(false)) kind = GatewayError::Kind::interrupted;
    // After anything but a plain "no" of the server the state of the connection is unknown.
    if (kind == GatewayError::Kind::unreachable || kind == GatewayError::Kind::interrupted) drop();
    throw GatewayError(kind, fmt::format("{} (MySQL error {})", base::valid_utf8(e.what()), code));
}

}  // namespace quotafuse::sync
