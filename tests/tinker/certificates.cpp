// SPDX-License-Identifier: Apache-2.0
#include "tests/tinker/certificates.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

namespace xfer::tinker::testing {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Key new_key() { return {EVP_EC_gen("P-256"), &EVP_PKEY_free}; }

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate make(const char* name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key, int days,
                 const std::string& alternative_name, bool authority) {
  static long serial = 1;
  Certificate out(X509_new(), &X509_free);
  X509_set_version(out.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(out.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(out.get()), days < 0 ? 172800L * days : -60);
  X509_gmtime_adj(X509_getm_notAfter(out.get()), 86400L * days);
  X509_set_pubkey(out.get(), key);
  X509_NAME* const subject = X509_get_subject_name(out.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509* const signer = issuer != nullptr ? issuer : out.get();
  X509_set_issuer_name(out.get(), X509_get_subject_name(signer));
  if (authority) extend(out.get(), signer, NID_basic_constraints, "critical,CA:TRUE");
  if (!alternative_name.empty()) extend(out.get(), signer, NID_subject_alt_name, alternative_name);
  X509_sign(out.get(), issuer_key, EVP_sha256());
  return out;
}

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  std::string out(data, static_cast<std::size_t>(size));
  BIO_free(memory);
  return out;
}

std::string pem(X509* certificate) {
  BIO* const memory = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(memory, certificate);
  return text_of(memory);
}

std::string pem(EVP_PKEY* key) {
  BIO* const memory = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(memory, key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(memory);
}

}  // namespace

struct Authority::Parts {
  Key key = new_key();
  Certificate certificate = make("test authority", key.get(), nullptr, key.get(), 1, "", true);
};

Authority::Authority() : parts_(new Parts) {}
Authority::~Authority() { delete parts_; }

std::string Authority::certificate() const { return pem(parts_->certificate.get()); }

ServerIdentity Authority::issue(const std::string& alternative_name, int days) const {
  const Key key = new_key();
  const Certificate certificate = make("test server", key.get(), parts_->certificate.get(),
                                       parts_->key.get(), days, alternative_name, false);
  return {pem(certificate.get()), pem(key.get())};
}

ServerIdentity self_signed(const std::string& alternative_name) {
  const Key key = new_key();
  const Certificate certificate =
      make("test server", key.get(), nullptr, key.get(), 1, alternative_name, false);
  return {pem(certificate.get()), pem(key.get())};
}

}  // namespace xfer::tinker::testing
