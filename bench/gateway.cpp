#include "bench/gateway.h"

#include <ctime>
#include <iterator>
#include <random>
#include <stdexcept>

#include <fmt/format.h>

#include "daemon/demo/gateway.h"
#include "daemon/demo/rows.h"
#include "daemon/demo/transaction.h"

namespace quotafuse::bench {
namespace {

constexpr auto kFlavour = demo::Flavour::new_api_2026;
constexpr std::int64_t kHistory = 30 * 86400;
constexpr std::size_t kSlice = 50'000;

demo::DemoGateway busy_gateway() {
    demo::GatewayShape shape;
    shape.channels = 40;
    shape.tokens = 1000;
    shape.models = 60;
    return demo::DemoGateway::of_shape(shape);
}

sync::Dsn parse(const std::string& address) {
    auto parsed = sync::parse_dsn(address);
    if (!parsed.dsn) throw std::runtime_error("--server: " + parsed.error);
    if (parsed.dsn->kind != sync::Dsn::Kind::mysql)
        throw std::runtime_error("--server: this is no MySQL server");
    return *std::move(parsed.dsn);
}

std::unique_ptr<sync::GatewaySession> connect(const sync::Dsn& dsn) {
    sync::SessionOptions options;
    options.read_only = false;
    options.read_timeout = std::chrono::seconds{120};
    return sync::make_session(dsn, options);
}

/// The address with another database in the place of its own.
std::string with_database(const std::string& address, const std::string& database) {
    const auto slash = address.rfind('/');
    const auto rest = address.find('?', slash);
    return address.substr(0, slash + 1) + database +
           (rest == std::string::npos ? std::string{} : address.substr(rest));
}

std::int64_t now() {
    return static_cast<std::int64_t>(std::time(nullptr));
}

}  // namespace

Gateway::Gateway(const std::optional<std::string>& server, bool performance_schema)
    : generator_(1, kFlavour, busy_gateway()), busy_generator_(2, kFlavour, busy_gateway()) {
    if (!server) {
        std::vector<std::string> options;
        if (performance_schema) options.emplace_back("--performance-schema=ON");
        own_ = std::make_unique<tests::MariaDb>(options);
    }
    const auto admin = server ? *server : own_->dsn("root", "", "mysql");
    const auto database = fmt::format("quotafuse_bench_{:08x}", std::random_device{}());
    connect(parse(admin))->execute(fmt::format("CREATE DATABASE `{}`", database));
    address_ = with_database(admin, database);
    dsn_ = parse(address_);
    session_ = connect(dsn_);
    busy_session_ = connect(dsn_);
    demo::create_gateway(*session_, kFlavour, demo::LogIndexes::none);
    demo::fill_gateway(*session_, kFlavour, busy_gateway(), now() - kHistory);
}

Gateway::~Gateway() {
    try {
        session_->execute(fmt::format("DROP DATABASE `{}`", dsn_.database));
    } catch (const sync::GatewayError& e) {
        fmt::print(stderr, "the database {} stays: {}\n", dsn_.database, e.what());
    }
}

void Gateway::fill(std::size_t rows) {
    std::vector<demo::LogInsert> slice;
    const auto flush = [&] {
        demo::bulk_insert(*session_, kFlavour, slice);
        slice.clear();
    };
    const auto end = now();
    generator_.history(end - kHistory, end, rows, [&](demo::LogInsert&& row) {
        slice.push_back(std::move(row));
        if (slice.size() == kSlice) flush();
    });
    if (!slice.empty()) flush();
}

std::size_t Gateway::request() {
    const auto rows = generator_.request(now());
    demo::insert(*session_, kFlavour, rows);
    return rows.size();
}

void Gateway::requests(std::size_t count) {
    std::vector<demo::LogInsert> rows;
    while (rows.size() < count) {
        auto more = busy_generator_.request(now());
        std::move(more.begin(), more.end(), std::back_inserter(rows));
    }
    demo::bulk_insert(*busy_session_, kFlavour, rows);
}

void Gateway::burn(std::int64_t token, const std::string& name, std::int64_t tokens) {
    auto rows = generator_.request(now());
    auto& row = rows.back();
    row.token_id = token;
    row.token_name = name;
    row.type = demo::log_type::kConsume;
    row.prompt_tokens = tokens;
    demo::insert(*session_, kFlavour, std::span{&row, 1});
}

void Gateway::lose_id() {
    const auto rows = generator_.request(now());
    const demo::Transaction transaction{*session_};
    session_->execute(demo::insert_sql(kFlavour, session_->kind(), rows));
}

std::string Gateway::server() {
    const auto cells = session_->query("SELECT @@version_comment, VERSION()").at(0);
    return fmt::format("{} {}", cells.at(0).value_or(""), cells.at(1).value_or(""));
}

}  // namespace quotafuse::bench
