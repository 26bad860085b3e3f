#include "support/mariadb.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <cppconn/connection.h>
#include <cppconn/driver.h>
#include <cppconn/exception.h>
#include <cppconn/resultset.h>
#include <cppconn/statement.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace quotafuse::tests {
namespace {

using namespace std::chrono_literals;
constexpr auto kStep = 20ms;
constexpr auto kReadyWithin = 60s;  // sanitizers and busy machines included
constexpr auto kEndWithin = 30s;

std::string read_text(const std::string& path) {
    std::ifstream file{path};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string tail(const std::string& path) {
    const auto text = read_text(path);
    return text.size() <= 2000 ? text : text.substr(text.size() - 2000);
}

unsigned free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    const bool ok =
        fd >= 0 && ::bind(fd, generic, size) == 0 && ::getsockname(fd, generic, &size) == 0;
    if (fd >= 0) ::close(fd);
    if (!ok) throw std::runtime_error("no free port on 127.0.0.1");
    return ntohs(address.sin_port);
}

/// Starts a program with its output in a file. It is killed when this program ends.
pid_t start_program(const std::vector<std::string>& command, const std::string& output) {
    std::vector<char*> arguments;
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) throw std::runtime_error("fork failed");
    if (pid > 0) return pid;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int log = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
}

std::string account() {
    return ::geteuid() == 0 ? "root" : std::to_string(::geteuid());
}

/// Debian keeps server programs in /usr/sbin, which an ordinary user's PATH may lack.
std::string server_program() {
    return std::filesystem::exists("/usr/sbin/mariadbd") ? "/usr/sbin/mariadbd" : "mariadbd";
}

}  // namespace

MariaDb::MariaDb(std::vector<std::string> options) : options_(std::move(options)) {
    install();
    port_ = free_port();
    start();
    // mariadb-install-db may leave anonymous accounts, which would win over 'name'@'%' on this
    // host.
    sql("DELETE FROM mysql.global_priv WHERE User = ''; FLUSH PRIVILEGES");
}

MariaDb::~MariaDb() {
    end(SIGTERM);
}

void MariaDb::stop() {
    end(SIGTERM);
}
void MariaDb::kill() {
    end(SIGKILL);
}

void MariaDb::start() {
    if (pid_ > 0) return;
    spawn();
    wait_until_ready();
}

void MariaDb::install() {
    std::filesystem::create_directory(scratch());
    std::filesystem::permissions(scratch(), std::filesystem::perms::all);
    std::vector<std::string> command = {"mariadb-install-db",
                                        "--no-defaults",
                                        "--datadir=" + folder_.file("data"),
                                        "--tmpdir=" + scratch(),
                                        "--skip-test-db",
                                        "--force",
                                        "--auth-root-authentication-method=normal"};
    if (::geteuid() == 0) command.push_back("--user=" + account());
    const auto log = folder_.file("install.log");
    const pid_t pid = start_program(command, log);
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid || status != 0) {
        throw std::runtime_error("mariadb-install-db failed (package mariadb-server-core): " +
                                 tail(log));
    }
}

void MariaDb::spawn() {
    std::vector<std::string> command = {server_program(),
                                        "--no-defaults",
                                        "--datadir=" + folder_.file("data"),
                                        "--tmpdir=" + scratch(),
                                        "--socket=" + socket(),
                                        "--port=" + std::to_string(port_),
                                        "--bind-address=127.0.0.1",
                                        "--pid-file=" + folder_.file("pid"),
                                        "--log-error=" + log_file(),
                                        "--skip-name-resolve",
                                        "--skip-log-bin",
                                        "--innodb-flush-log-at-trx-commit=0",
                                        "--innodb-buffer-pool-size=32M",
                                        "--innodb-log-file-size=16M",
                                        "--skip-innodb-doublewrite",
                                        "--sync-frm=OFF",
                                        "--innodb-lock-wait-timeout=5",
                                        "--performance-schema=OFF",
                                        "--character-set-server=utf8mb4",
                                        "--collation-server=utf8mb4_unicode_ci"};
    if (::geteuid() == 0) command.push_back("--user=" + account());
    command.insert(command.end(), options_.begin(), options_.end());
    pid_ = start_program(command, log_file());
}

void MariaDb::wait_until_ready() {
    const auto deadline = std::chrono::steady_clock::now() + kReadyWithin;
    for (;;) {
        if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
            pid_ = -1;
            throw std::runtime_error("mariadbd ended at its start: " + tail(log_file()));
        }
        try {
            sql("SELECT 1");
            return;
        } catch (const std::runtime_error& e) {
            if (std::chrono::steady_clock::now() < deadline) {
                std::this_thread::sleep_for(kStep);
                continue;
            }
            const std::string why = e.what();
            end(SIGKILL);
            throw std::runtime_error(
                fmt::format("mariadbd is not ready: {}\n{}", why, tail(log_file())));
        }
    }
}

void MariaDb::end(int signal) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    const auto deadline = std::chrono::steady_clock::now() + kEndWithin;
    while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > deadline) ::kill(pid_, SIGKILL);
        std::this_thread::sleep_for(kStep);
    }
    pid_ = -1;
}

namespace {

/// Statements between semicolons that stand outside quotes. One at a time, because the connector's
/// way through the results of several loses the later ones.
std::vector<std::string> statements_of(const std::string& text) {
    std::vector<std::string> statements{""};
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quote != 0 && c == '\\') {
            statements.back() += c;
            if (++i < text.size()) statements.back() += text[i];
            continue;
        }
        if (quote == 0 && c == ';') {
            statements.emplace_back();
            continue;
        }
        if (quote == 0 && (c == '\'' || c == '"' || c == '`'))
            quote = c;
        else if (c == quote)
            quote = 0;
        statements.back() += c;
    }
    std::erase_if(statements, [](const std::string& s) {
        return s.find_first_not_of(" \r\n\t") == std::string::npos;
    });
    return statements;
}

MariaDb::Table run(::sql::Statement& statement, const std::string& text) {
    MariaDb::Table table;
    if (!statement.execute(text)) return table;
    const std::unique_ptr<::sql::ResultSet> result{statement.getResultSet()};
    const auto columns = result->getMetaData()->getColumnCount();
    while (result->next()) {
        auto& row = table.emplace_back();
        for (unsigned i = 1; i <= columns; ++i) {
            const std::string cell = result->getString(i);
            row.push_back(result->isNull(i) ? std::nullopt : std::optional{cell});
        }
    }
    return table;
}

}  // namespace

MariaDb::Table MariaDb::sql(const std::string& text, const std::string& database) {
    try {
        ::sql::ConnectOptionsMap options;
        options["hostName"] = ::sql::SQLString{fmt::format("unix://{}", socket())};
        options["userName"] = ::sql::SQLString{"root"};
        if (!database.empty()) options["schema"] = ::sql::SQLString{database};
        const std::unique_ptr<::sql::Connection> connection{
            ::get_driver_instance()->connect(options)};
        const std::unique_ptr<::sql::Statement> statement{connection->createStatement()};
        Table table;
        for (const auto& one : statements_of(text)) {
            auto rows = run(*statement, one);
            if (!rows.empty()) table = std::move(rows);
        }
        return table;
    } catch (const ::sql::SQLException& e) {
        throw std::runtime_error(fmt::format("{} [{}]", e.what(), e.getErrorCode()));
    }
}

namespace {

std::string gateway_ddl(const std::string& gateway) {
    const auto path = fmt::format("{}/{}.sql", QUOTAFUSE_TEST_DDL, gateway);
    auto text = read_text(path);
    if (text.empty()) throw std::runtime_error("no tables in " + path);
    return text;
}

}  // namespace

void MariaDb::load_ddl(const std::string& name, const std::string& gateway) {
    sql(fmt::format("DROP DATABASE IF EXISTS `{0}`; CREATE DATABASE `{0}`", name));
    sql(gateway_ddl(gateway), name);
}

std::string MariaDb::dsn(const std::string& user, const std::string& password,
                         const std::string& database) const {
    return fmt::format("{}:{}@tcp(127.0.0.1:{})/{}", user, password, port_, database);
}

MariaDb& shared_mariadb() {
    static MariaDb server;
    return server;
}

std::string sqlite_ddl(const std::string& gateway) {
    auto text = gateway_ddl(gateway);
    const auto replace = [&text](const char* pattern, const char* with) {
        text = std::regex_replace(text, std::regex{pattern}, with);
    };
    replace(R"(,\s*(UNIQUE )?INDEX `\w+` \([^)]*\))", "");
    replace(R"(`id` bigint AUTO_INCREMENT)", "`id` integer PRIMARY KEY AUTOINCREMENT");
    replace(R"(,\s*PRIMARY KEY \(`id`\))", "");
    replace(R"(\b(bigint unsigned|bigint)\b)", "integer");
    replace(R"(\b(longtext|json)\b)", "text");
    replace(R"(\bboolean\b)", "numeric");
    replace(R"(\bdouble\b)", "real");
    replace(R"(datetime\(3\))", "datetime");
    return text;
}

}  // namespace quotafuse::tests
