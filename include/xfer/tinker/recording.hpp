// SPDX-License-Identifier: Apache-2.0
// Exchanges written to a file, and answers taken from one.
#pragma once

#include "xfer/tinker/transport.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::tinker {

/// Passes everything on to `inner` and appends each exchange to `file`, one JSON object a line:
/// i, t (seconds since 1970), ms, method, path, request_headers, request_body, status,
/// response_headers, response_body; binary bodies as {"base64": ..., "bytes": ...}, small ones with
/// "decoded" for people, exchanges without an answer
/// with "failure" in place of the last three. Keys, tokens and signed addresses are left out, and
/// `secret` (when not empty) wherever it occurs. Throws `io` when the file cannot be opened; an
/// error while writing ends the recording, not the exchange.
std::unique_ptr<Transport> make_recording_transport(std::unique_ptr<Transport> inner,
                                                    const std::filesystem::path& file,
                                                    std::string secret);

/// Answers from a recording: each request takes the first unused exchange of its method and path,
/// and of its "request_id" where it has one.
class ReplayTransport final : public Transport {
public:
  /// Throws `io`, or `bad_data` naming the line.
  static std::unique_ptr<ReplayTransport> open(const std::filesystem::path& file);

  /// Throws `bad_data` when the recording has no answer left for the request.
  task<HttpResponse> send(HttpRequest request) override;

  /// Exchanges that were not asked for yet.
  std::size_t left() const noexcept;

private:
  struct Exchange {
    Exchange() = default;
    std::string method;
    std::string path;
    std::string request_id;
    bool used = false;
    HttpResponse response;
  };
  ReplayTransport() = default;
  static Exchange read(const std::string& line, const std::string& where);

  std::string file_;
  std::vector<Exchange> exchanges_;
};

}  // namespace xfer::tinker
#pragma GCC visibility pop
