#include "support/tls_files.h"

#include <cstdio>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace quotafuse::tests {
namespace {

struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;

void demand(bool done, const char* what) {
    if (!done) throw std::runtime_error(fmt::format("no certificate for the test: {}", what));
}

Key make_key() {
    Key key{EVP_EC_gen("P-256")};
    demand(key != nullptr, "key");
    return key;
}

void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, Free> extension{
        X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str())};
    demand(extension && X509_add_ext(certificate, extension.get(), -1) == 1, value.c_str());
}

/// Valid for a day, with `name` as its subject; extensions and signature are still missing.
Certificate begin(const std::string& name, long serial, EVP_PKEY* key, X509* issuer) {
    constexpr long kDay = 86400;
    Certificate certificate{X509_new()};
    auto* const it = certificate.get();
    X509_set_version(it, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(it), serial);
    X509_gmtime_adj(X509_getm_notBefore(it), -kDay);
    X509_gmtime_adj(X509_getm_notAfter(it), kDay);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(it), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(it, X509_get_subject_name(issuer == nullptr ? it : issuer));
    demand(X509_set_pubkey(it, key) == 1, "public key");
    return certificate;
}

template <class Write>
void save(const std::string& path, const Write& write) {
    const std::unique_ptr<std::FILE, Free> file{std::fopen(path.c_str(), "w")};
    demand(file && write(file.get()) == 1, path.c_str());
}

}  // namespace

struct TestAuthority::Keys {
    Key key;
    Certificate certificate;
};

TestAuthority::TestAuthority(const std::string& name) : keys_(std::make_unique<Keys>()) {
    keys_->key = make_key();
    keys_->certificate = begin(name, 1, keys_->key.get(), nullptr);
    auto* const certificate = keys_->certificate.get();
    extend(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
    extend(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    extend(certificate, certificate, NID_subject_key_identifier, "hash");
    demand(X509_sign(certificate, keys_->key.get(), EVP_sha256()) > 0, "signature");
    save(this->certificate(), [&](std::FILE* file) { return PEM_write_X509(file, certificate); });
}

TestAuthority::~TestAuthority() = default;

TlsFiles TestAuthority::issue(const std::string& subject) {
    const auto number = ++issued_;
    const TlsFiles files{folder_.file(fmt::format("server-{}.pem", number)),
                         folder_.file(fmt::format("server-{}.key", number))};
    const auto key = make_key();
    auto* const authority = keys_->certificate.get();
    const auto certificate = begin("server of a test", number + 1, key.get(), authority);
    extend(certificate.get(), authority, NID_subject_alt_name, subject);
    extend(certificate.get(), authority, NID_ext_key_usage, "serverAuth");
    demand(X509_sign(certificate.get(), keys_->key.get(), EVP_sha256()) > 0, "signature");
    save(files.certificate,
         [&](std::FILE* file) { return PEM_write_X509(file, certificate.get()); });
    save(files.key, [&](std::FILE* file) {
        return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return files;
}

}  // namespace quotafuse::tests
