// SPDX-License-Identifier: Apache-2.0
#include "tinker/transport/tls.hpp"

#include "tinker/transport/address.hpp"
#include "xfer/error.hpp"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

namespace xfer::tinker {

namespace ssl = boost::asio::ssl;

ssl::context make_tls_context(const std::string& ca_file) {
  ssl::context context(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  context.set_verify_mode(ssl::verify_peer);
  boost::system::error_code failed;
  if (ca_file.empty())
    context.set_default_verify_paths(failed);
  else
    context.load_verify_file(ca_file, failed);
  if (failed)
    throw Error(Errc::io, "the certificates of trusted authorities cannot be read" +
                              (ca_file.empty() ? "" : " from " + ca_file) + ": " +
                              failed.message());
  return context;
}

void expect_host(TlsStream& stream, const std::string& host) {
  SSL* const handle = stream.native_handle();
  X509_VERIFY_PARAM* const param = SSL_get0_param(handle);
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  int set = 0;
  if (is_ip_address(host)) {
    set = X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str());
  } else {
    set = X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size());
    if (set == 1) set = static_cast<int>(SSL_set_tlsext_host_name(handle, host.c_str()));
  }
  if (set != 1)
    throw Error(Errc::invalid_argument, "the host name cannot be used with TLS: " + host);
}

std::string refused_certificate(TlsStream& stream, const std::string& host) {
  const long result = SSL_get_verify_result(stream.native_handle());
  if (result == X509_V_OK) return "";
  std::string text = "the certificate of " + host +
                     " was refused: " + X509_verify_cert_error_string(result) + "; ";
  switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return text + "it was issued for another host: check base_url";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return text +
             "if this is your own server, give its authority's certificate as ca_file "
             "(or in SSL_CERT_FILE)";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: return text + "renew it, or check this machine's clock";
    default: return text + "somebody else may be answering in its place";
  }
}

}  // namespace xfer::tinker
