// SPDX-License-Identifier: Apache-2.0
#include "xfer/tinker/recording.hpp"

#include "tinker/transport/recorded_body.hpp"
#include "tinker/wire/base64.hpp"
#include "tinker/wire/json_fields.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <memory>

namespace xfer::tinker {
namespace {

/// Headers that say something about an exchange and nothing about who made it.
constexpr std::array<std::string_view, 9> recorded_headers = {
    "accept",         "content-type",          "content-encoding",
    "content-length", "retry-after",           "retry-after-ms",
    "x-should-retry", "x-tinker-request-type", "x-tinker-request-iteration"};
/// Fields whose values open something.
constexpr std::array<std::string_view, 5> secret_fields = {"jwt", "weights_access_token", "urls",
                                                           "url", "api_key"};
constexpr const char* redacted = "REDACTED";

void redact_fields(Json& value) {
  if (value.is_object()) {
    for (auto& [key, item] : value.items()) {
      if (std::find(secret_fields.begin(), secret_fields.end(), key) != secret_fields.end())
        item = redacted;
      else
        redact_fields(item);
    }
  } else if (value.is_array()) {
    for (Json& item : value) redact_fields(item);
  }
}

Json headers_json(const Headers& headers) {
  Json out = Json::object();
  for (const auto& [name, value] : headers) {
    std::string key = name;
    for (char& c : key)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (std::find(recorded_headers.begin(), recorded_headers.end(), key) != recorded_headers.end())
      out[key] = value;
  }
  return out;
}

class RecordingTransport final : public Transport {
public:
  RecordingTransport(std::unique_ptr<Transport> inner, const std::filesystem::path& file,
                     std::string secret)
      : inner_(std::move(inner)), secret_(std::move(secret)), out_(file, std::ios::app) {
    if (!out_) throw Error(Errc::io, "the recording " + file.string() + " cannot be opened");
  }

  task<HttpResponse> send(HttpRequest request) override {
    Json row = {{"i", ++count_},
                {"t", seconds_now()},
                {"method", to_string(request.method)},
                {"path", request.path}};
    Headers headers = request.headers;
    headers.emplace_back("accept", request.accept);
    if (!request.content_type.empty()) headers.emplace_back("content-type", request.content_type);
    row["request_headers"] = headers_json(headers);
    const bool sampled = is_sample(request.headers);
    row["request_body"] =
        body_json(request.body, request.content_type, BinaryBody::training_request);
    const auto start = std::chrono::steady_clock::now();
    const auto finish = [&] {
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - start;
      row["ms"] = took.count();
      write(std::move(row));
    };
    try {
      auto sending = inner_->send(std::move(request));
      HttpResponse response = co_await std::move(sending);
      const std::string* type = response.header("content-type");
      row["status"] = response.status;
      row["response_headers"] = headers_json(response.headers);
      row["response_body"] =
          body_json(response.body, type != nullptr ? *type : "",
                    sampled ? BinaryBody::sample_result : BinaryBody::training_result);
      finish();
      co_return response;
    } catch (const Error& e) {
      row["failure"] = e.what();
      finish();
      throw;
    }
  }

private:
  static double seconds_now() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  static bool is_sample(const Headers& headers) {
    return std::find(headers.begin(), headers.end(),
                     std::pair<std::string, std::string>("X-Tinker-Request-Type", "Sample")) !=
           headers.end();
  }
  static Json body_json(const std::string& body, const std::string& type, BinaryBody kind) {
    if (body.empty()) return nullptr;
    if (type.find("json") != std::string::npos) {
      try {
        Json value = parse_json(body, "body");
        redact_fields(value);
        return value;
      } catch (const Error&) {
        // Recorded as it is, below.
      }
    }
    Json out = {{"base64", base64_encode(body)}, {"bytes", body.size()}};
    if (type.find("protobuf") != std::string::npos)
      if (Json decoded = decoded_body(kind, body); !decoded.is_null())
        out["decoded"] = std::move(decoded);
    return out;
  }
  void write(Json row) {
    std::string line = row.dump(-1, ' ', true, Json::error_handler_t::replace);
    if (!secret_.empty())
      for (std::size_t at = line.find(secret_); at != std::string::npos;
           at = line.find(secret_, at))
        line.replace(at, secret_.size(), redacted);
    // In one piece, as other clients may append to the same file.
    line += '\n';
    if (out_) out_.write(line.data(), static_cast<std::streamsize>(line.size())).flush();
  }

  std::unique_ptr<Transport> inner_;
  std::string secret_;
  std::ofstream out_;
  std::int64_t count_ = 0;
};

}  // namespace

std::unique_ptr<Transport> make_recording_transport(std::unique_ptr<Transport> inner,
                                                    const std::filesystem::path& file,
                                                    std::string secret) {
  return std::make_unique<RecordingTransport>(std::move(inner), file, std::move(secret));
}

ReplayTransport::Exchange ReplayTransport::read(const std::string& line, const std::string& where) {
  const Json row = parse_object(line, where);
  const auto body_of = [&](const char* name) -> std::string {
    const auto found = row.find(name);
    if (found == row.end() || found->is_null()) return "";
    const auto binary = found->is_object() ? found->find("base64") : found->end();
    if (binary == found->end()) return dump_json(*found, where);
    const auto bytes =
        binary->is_string() ? base64_decode(binary->get<std::string>()) : std::nullopt;
    if (!bytes) throw Error(Errc::bad_data, where + ": " + name + " is not valid base64");
    return *bytes;
  };
  Exchange out;
  out.method = required_field<std::string>(row, "method", where);
  out.path = required_field<std::string>(row, "path", where);
  const auto request = row.find("request_body");
  if (request != row.end() && request->is_object())
    out.request_id = optional_field<std::string>(*request, "request_id", where).value_or("");
  // An exchange that got no answer replays as one that is told to try again.
  out.response.status = optional_field<int>(row, "status", where).value_or(503);
  const auto headers = row.find("response_headers");
  if (headers != row.end() && headers->is_object()) {
    for (const auto& [name, value] : headers->items()) {
      std::string key = name;
      for (char& c : key)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      // The body was stored decoded.
      if (value.is_string() && key != "content-encoding" && key != "content-length")
        out.response.headers.emplace_back(key, value.get<std::string>());
    }
  }
  out.response.body = body_of("response_body");
  return out;
}

std::unique_ptr<ReplayTransport> ReplayTransport::open(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Error(Errc::io, "the recording " + file.string() + " cannot be opened");
  std::unique_ptr<ReplayTransport> replay(new ReplayTransport());
  replay->file_ = file.string();
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (!line.empty())
      replay->exchanges_.push_back(read(line, replay->file_ + ":" + std::to_string(number)));
  }
  return replay;
}

task<HttpResponse> ReplayTransport::send(HttpRequest request) {
  std::string request_id;
  if (request.content_type.find("json") != std::string::npos) {
    const Json body = parse_json(request.body, "request");
    if (body.is_object())
      request_id = optional_field<std::string>(body, "request_id", "request").value_or("");
  }
  for (Exchange& e : exchanges_) {
    if (e.used || e.method != to_string(request.method) || e.path != request.path ||
        e.request_id != request_id)
      continue;
    e.used = true;
    co_return e.response;
  }
  throw Error(Errc::bad_data, file_ + ": no answer is left for " +
                                  std::string(to_string(request.method)) + " " + request.path);
}

std::size_t ReplayTransport::left() const noexcept {
  std::size_t count = 0;
  for (const Exchange& e : exchanges_) count += e.used ? 0 : 1;
  return count;
}

}  // namespace xfer::tinker
