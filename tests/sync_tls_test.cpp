#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/mariadb.h"
#include "support/tls_files.h"
#include "sync_source_fixture.h"

using namespace quotafuse;
using namespace quotafuse::sync;
using tests::MariaDb;

namespace {

std::vector<std::string> with_tls(const std::string& ca, const tests::TlsFiles& files) {
    return {"--ssl-ca=" + ca, "--ssl-cert=" + files.certificate, "--ssl-key=" + files.key};
}

/// Two authorities, and servers with a certificate that is right, of another name, or none.
struct Servers {
    tests::TestAuthority ours{"ours"};
    tests::TestAuthority theirs{"theirs"};
    MariaDb right{with_tls(ours.certificate(), ours.issue("IP:127.0.0.1"))};
    MariaDb other_name{with_tls(ours.certificate(), ours.issue("DNS:elsewhere.example"))};
    MariaDb plain{{"--skip-ssl"}};
};

Servers& servers() {
    static Servers all;
    return all;
}

/// An address that no certificate is for, and that no client library takes for local by its
/// letters.
constexpr auto kOtherName = "127.1";

Dsn dsn_of(MariaDb& server, Tls tls, const std::string& ca = {}) {
    auto dsn = tests::dsn_of(server.dsn("root", "", "mysql"));
    dsn.tls = tls;
    dsn.tls_ca = ca;
    return dsn;
}

Dsn dsn_by_other_name(MariaDb& server, Tls tls, const std::string& ca) {
    auto dsn = dsn_of(server, tls, ca);
    dsn.host = kOtherName;
    return dsn;
}

/// What the server says of this session: its cipher, or "" for plaintext; else what was refused.
std::string cipher_or_error(const Dsn& dsn) {
    const auto session = make_session(dsn, {});
    try {
        const auto rows = session->query("SHOW SESSION STATUS LIKE 'Ssl_cipher'");
        return rows.at(0).at(1).value_or("").empty() ? "plaintext" : "encrypted";
    } catch (const GatewayError& e) {
        return tests::told(e);
    }
}

std::string expected(MariaDb& server, const std::string& text) {
    return fmt::format("denied: MySQL 127.0.0.1:{}, database mysql: {}", server.port(), text);
}

std::string other_name(MariaDb& server) {
    return fmt::format(
        "denied: MySQL {}:{}, database mysql: the server's certificate is not for the name {}: "
        "name the server as its certificate does",
        kOtherName, server.port(), kOtherName);
}

constexpr auto kNoTls =
    "the server does not encrypt connections, but `tls` asks for it: give the server a "
    "certificate, or set tls: off";
constexpr auto kNotIssued =
    "the server's certificate is not issued by an authority of `tls_ca`: set tls_ca to the file "
    "of the authority that issued it";

}  // namespace

TEST_CASE("tls off asks for nothing, of a server with TLS or without") {
    CHECK(cipher_or_error(dsn_of(servers().plain, Tls::off)) == "plaintext");
    for (auto* const server : {&servers().right, &servers().other_name}) {
        CHECK(cipher_or_error(dsn_of(*server, Tls::off)).find("denied") == std::string::npos);
    }
}

TEST_CASE("tls required encrypts with whoever answers, and never ends in plaintext") {
    auto& all = servers();
    for (auto* const server : {&all.right, &all.other_name}) {
        CHECK(cipher_or_error(dsn_of(*server, Tls::required)) == "encrypted");
    }
    CHECK(
        cipher_or_error(dsn_of(all.plain, Tls::required)).starts_with(expected(all.plain, kNoTls)));
}

TEST_CASE("tls ca takes every name, but only what its authority has issued") {
    auto& all = servers();
    const auto ca = all.ours.certificate();
    CHECK(cipher_or_error(dsn_of(all.right, Tls::ca, ca)) == "encrypted");
    CHECK(cipher_or_error(dsn_of(all.other_name, Tls::ca, ca)) == "encrypted");
    CHECK(cipher_or_error(dsn_of(all.right, Tls::ca, all.theirs.certificate()))
              .starts_with(expected(all.right, kNotIssued)));
    CHECK(cipher_or_error(dsn_of(all.plain, Tls::ca, ca)).starts_with(expected(all.plain, kNoTls)));
    // Without a file the authorities of the host count, and ours is none of them.
    CHECK(cipher_or_error(dsn_of(all.right, Tls::ca)).starts_with(expected(all.right, kNotIssued)));
}

TEST_CASE("tls ca demands the authority under any name; where the library can, the name is free") {
    auto& all = servers();
    const auto told =
        cipher_or_error(dsn_by_other_name(all.right, Tls::ca, all.ours.certificate()));
    CAPTURE(told);
    CHECK(
        (told == "encrypted" || told.starts_with(other_name(all.right) + " (the client library")));
    CHECK(cipher_or_error(dsn_by_other_name(all.right, Tls::ca, all.theirs.certificate()))
              .starts_with("denied: "));
}

TEST_CASE("tls full demands authority and name") {
    auto& all = servers();
    const auto ca = all.ours.certificate();
    CHECK(cipher_or_error(dsn_of(all.right, Tls::full, ca)) == "encrypted");
    CHECK(cipher_or_error(dsn_by_other_name(all.right, Tls::full, ca))
              .starts_with(other_name(all.right) + ", or set tls: ca"));
    CHECK(cipher_or_error(dsn_of(all.right, Tls::full, all.theirs.certificate()))
              .starts_with(expected(all.right, kNotIssued)));
    CHECK(
        cipher_or_error(dsn_of(all.plain, Tls::full, ca)).starts_with(expected(all.plain, kNoTls)));
    CHECK(
        cipher_or_error(dsn_of(all.right, Tls::full)).starts_with(expected(all.right, kNotIssued)));
}

TEST_CASE("a file of authorities that is not there is named, and nothing is sent") {
    const auto told = cipher_or_error(dsn_of(servers().right, Tls::ca, "/nowhere/ca.pem"));
    CAPTURE(told);
    CHECK(told.starts_with(
        expected(servers().right, "the file of tls_ca cannot be read: /nowhere/ca.pem")));
}

TEST_CASE("rows are read over TLS, prepared and streamed") {
    auto& server = servers().right;
    auto dsn = dsn_of(server, Tls::full, servers().ours.certificate());
    server.load_ddl("secret", "newapi_2026");
    server.sql("INSERT INTO logs(id, created_at, type) VALUES(1, 2, 3), (5, 6, 2)", "secret");
    dsn.database = "secret";
    const auto source = make_source(dsn, {}, {});
    CHECK(tests::fetch_ids(*source, 1, 2) == tests::Ids{1, 5});
    CHECK(tests::fetch_ids(*source, 1, 2) == tests::Ids{1, 5});  // this one is streamed
}
