// SPDX-License-Identifier: Apache-2.0
// The Tinker protocol, endpoint by endpoint.
#pragma once

#include "serve/accounts.hpp"
#include "serve/context.hpp"
#include "serve/http.hpp"
#include "serve/rest.hpp"
#include "serve/sampling.hpp"
#include "serve/training.hpp"
#include "tinker/wire/json_fields.hpp"

#include <span>
#include <string>

namespace xfer::serve {

/// Only on the executor's thread; must outlive everything that runs there.
class Service final : public HttpHandler {
public:
  Service(boost::asio::any_io_executor executor, std::shared_ptr<const engine::Model> model,
          ServeOptions options);

  std::optional<HttpAnswer> refuse(const HttpHead& head) override;
  std::size_t body_bytes_max(const HttpHead& head) override;
  task<HttpAnswer> handle(HttpHead head, std::string body) override;

  /// Ends what has run out.
  void sweep();
  /// Answers those who wait, and takes nothing new.
  void stop();
  ByteBudget& bodies() noexcept { return context_.waiting; }

private:
  using Json = tinker::Json;
  struct Call;
  using Endpoint = HttpAnswer (Service::*)(const Call& call);
  static Endpoint endpoint(const std::string& name);

  task<HttpAnswer> dispatch(HttpHead head, std::string body, std::string account);
  task<HttpAnswer> forward_backward(HttpHead head, std::string body, std::string account);
  task<HttpAnswer> retrieve_future(std::string request_id, std::string account);
  task<HttpAnswer> retrieve_futures(tinker::FuturesQuery query, std::string account);
  HttpAnswer get(const HttpHead& head, std::span<const std::string> path, const std::string& body,
                 const std::string& account);

  HttpAnswer client_config(const Call& call);
  HttpAnswer dynamic_config(const Call& call);
  HttpAnswer create_session(const Call& call);
  HttpAnswer session_heartbeat(const Call& call);
  HttpAnswer telemetry(const Call& call);
  HttpAnswer create_model(const Call& call);
  HttpAnswer get_info(const Call& call);
  HttpAnswer optim_step(const Call& call);
  HttpAnswer save_weights(const Call& call);
  HttpAnswer save_weights_for_sampler(const Call& call);
  HttpAnswer load_weights(const Call& call);
  HttpAnswer create_sampling_session(const Call& call);
  HttpAnswer asample(const Call& call);
  HttpAnswer cancel_future(const Call& call);
  HttpAnswer weights_info(const Call& call);

  HttpAnswer finish_session(const std::string& id, const std::string& account);
  void end_session(const std::string& id);
  template <class Read>
  HttpAnswer submit(const Call& call, const Read& read);

  Accounts accounts_;
  Context context_;
  tinker::ClientConfig client_config_;
  Sampling sampling_;
  Training training_;
  Rest rest_;
};

}  // namespace xfer::serve
