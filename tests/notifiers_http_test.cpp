#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <doctest/doctest.h>
#include <httplib.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "notifiers/http_client.h"
#include "support/chat_services.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using Kind = Outcome::Kind;

namespace {

HttpReply post(const HttpOptions& options, const std::string& url) {
    HttpClient client{options};
    return client.post(base::Secret{url}, "{}");
}

Judge says_ok() {
    return [](const Call&) { return Judgement{{200, "fine"}, ""}; };
}

struct Certificate {
    EVP_PKEY* key = EVP_RSA_gen(2048U);
    X509* certificate = X509_new();

    Certificate() {
        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_set_pubkey(certificate, key);
        auto* const name = X509_get_subject_name(certificate);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>("127.0.0.1"), -1, -1, 0);
        X509_set_issuer_name(certificate, name);
        auto* const address =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
        X509_add_ext(certificate, address, -1);
        X509_EXTENSION_free(address);
        X509_sign(certificate, key, EVP_sha256());
    }
    ~Certificate() {
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
    Certificate(const Certificate&) = delete;
    Certificate& operator=(const Certificate&) = delete;

    void write(const std::string& file) const {
        auto* const out = std::fopen(file.c_str(), "w");
        REQUIRE(out != nullptr);
        PEM_write_X509(out, certificate);
        std::fclose(out);
    }
};

struct TlsServer {
    explicit TlsServer(const Certificate& certificate)
        : server(certificate.certificate, certificate.key) {
        server.new_task_queue = [] { return new httplib::ThreadPool(2); };  // the server deletes it
        server.Post(".*", [](const httplib::Request&, httplib::Response& response) {
            response.set_content("fine", "text/plain");
        });
        port = server.bind_to_any_port("127.0.0.1");
        thread = std::jthread{[this] { server.listen_after_bind(); }};
        while (!server.is_running()) std::this_thread::sleep_for(1ms);
    }
    ~TlsServer() { server.stop(); }
    TlsServer(const TlsServer&) = delete;
    TlsServer& operator=(const TlsServer&) = delete;
    std::string url() const { return "https://127.0.0.1:" + std::to_string(port) + "/"; }

    httplib::SSLServer server;
    int port = 0;
    std::jthread thread;
};

}  // namespace

TEST_CASE(
    "a request is one POST of JSON without Expect, and its answer comes back with its headers") {
    std::string seen;
    const RawServer server{[&](int socket, const std::string& request) {
        seen = request;
        RawServer::say(socket,
                       "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nlater");
    }};
    const auto reply = post({}, server.url() + "/hook?key=1");
    CHECK(reply.transport == Kind::ok);
    CHECK(reply.status == 429);
    CHECK(reply.body == "later");
    CHECK(reply.seconds("retry-after") == 7s);
    CHECK(reply.seconds("x-other") == 0s);
    CHECK(seen.starts_with("POST /hook?key=1 HTTP/1.1\r\n"));
    CHECK(seen.find("Content-Type: application/json; charset=utf-8\r\n") != std::string::npos);
    CHECK(seen.find("Expect") == std::string::npos);
}

TEST_CASE("an endless answer is given up after 1 MiB, of which 64 KiB are kept") {  // X5
    const RawServer server{[](int socket, const std::string&) {
        RawServer::say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
        for (int i = 0; i < 64; ++i)
            RawServer::say(socket, chunk);  // 4 MiB, unless the client goes away
    }};
    const auto reply = post({}, server.url());
    CHECK(reply.transport == Kind::ambiguous);
    CHECK(reply.status == 200);
    CHECK(reply.body.size() == 64 * 1024);
}

TEST_CASE("an interrupt ends a hanging request at once, and every later one") {
    const RawServer server{RawServer::hang};
    HttpClient client{{}};
    std::jthread interrupter{[&] {
        std::this_thread::sleep_for(100ms);
        client.interrupt();
    }};
    const auto started = std::chrono::steady_clock::now();
    const auto reply = client.post(base::Secret{server.url()}, "{}");
    CHECK(reply.transport == Kind::ambiguous);
    CHECK(reply.error == "interrupted, the program stops");
    CHECK(client.post(base::Secret{server.url()}, "{}").transport == Kind::transient);
    CHECK(std::chrono::steady_clock::now() - started < 1s);
}

TEST_CASE("only the proxy of the settings counts, never one of the environment") {
    const ChatService service{says_ok()};
    for (const char* const name : {"http_proxy", "ALL_PROXY"})
        ::setenv(name, "http://127.0.0.1:1", 1);
    ::setenv("no_proxy", "*", 1);
    CHECK(post({}, service.url()).body == "fine");

    std::string seen;
    const RawServer proxy{[&](int socket, const std::string& request) {
        seen = request;
        RawServer::say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy");
    }};
    HttpOptions options;
    options.proxy = base::Secret{"http://user:password@" + proxy.url().substr(7)};
    CHECK(post(options, "http://far.example/x").body == "proxy");
    for (const char* const name : {"http_proxy", "ALL_PROXY", "no_proxy"}) ::unsetenv(name);
    CHECK(seen.starts_with("POST http://far.example/x HTTP/1.1\r\n"));
    CHECK(seen.find("Proxy-Authorization: Basic ") != std::string::npos);
}

TEST_CASE("other schemes and broken URLs are permanent") {
    CHECK(post({}, "ftp://127.0.0.1/x").transport == Kind::permanent);
    CHECK(post({}, "http://127.0.0.1:99999/x").transport == Kind::permanent);
}

TEST_CASE(
    "a certificate that nobody vouches for is refused, one of the given CA is accepted") {  // X6
    const Certificate certificate;
    const TlsServer server{certificate};
    const TempDir folder;
    certificate.write(folder.file("ca.pem"));

    CHECK(post({}, server.url()).transport == Kind::permanent);
    HttpOptions options;
    options.ca_file = folder.file("ca.pem");
    const auto reply = post(options, server.url());
    CHECK(reply.error == "");
    CHECK(reply.body == "fine");
    options.ca_file = folder.file("missing.pem");
    CHECK(post(options, server.url()).transport == Kind::permanent);
}
