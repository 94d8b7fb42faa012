// SPDX-License-Identifier: Apache-2.0
#include "tinker/client/sampling_state.hpp"

#include "tinker/wire/answers.hpp"
#include "tinker/wire/requests.hpp"
#include "xfer/tinker/codec.hpp"

namespace xfer::tinker {
namespace {

/// Prompts that weigh more make the service's own limits bite sooner.
constexpr std::size_t large_prompt_bytes = std::size_t{128} << 10U;
/// A service that loses every result would be asked for ever.
constexpr int lost_max = 20;

}  // namespace

task<std::string> SamplingState::submit(const SampleCall& call, int seq_id,
                                        std::vector<std::string>& sequence_ids) {
  std::string body = sample_body(id_, seq_id, call);
  const bool large = body.size() > large_prompt_bytes;
  SampleWindow& window = core().sample_window();
  for (;;) {
    const auto now = SampleWindow::Clock::now();
    if (now < window.paused_until()) {
      auto pause = core().sleep(std::chrono::duration_cast<std::chrono::milliseconds>(
          window.paused_until() - now + std::chrono::milliseconds(1)));
      co_await std::move(pause);
      continue;
    }
    std::string request_id;
    CallRules rules;
    rules.return_429 = true;
    rules.take = [&](std::string_view answer) {
      request_id = read_request_id(answer);
      sequence_ids = read_sample_sequence_ids(answer);
    };
    HttpRequest request(Method::post, "/api/v1/asample");
    request.body = body;
    request.content_type = "application/json";
    request.headers.emplace_back("X-Tinker-Sampling-Backpressure", "1");
    const std::uint64_t generation = window.on_submit();
    auto calling = core().call(std::move(request), std::move(rules));
    const HttpResponse response = co_await std::move(calling);
    if (response.status != 429) co_return request_id;
    window.on_refused(generation, static_cast<int>(core().sample_gate().inside()), large,
                      attempt_of(response).retry_after.value_or(std::chrono::milliseconds(0)),
                      SampleWindow::Clock::now());
    core().sample_gate().set_limit(static_cast<std::size_t>(window.limit()));
  }
}

task<bool> SamplingState::result(std::string request_id, std::size_t num_samples,
                                 SampleResponse& out) {
  FutureCall future(request_id, "Sample");
  future.binary = true;
  future.take = [&out, num_samples](std::string_view body) {
    out = decode_sample_response(body);
    if (out.sequences.size() != num_samples)
      throw Error(Errc::bad_data, "sample: " + std::to_string(out.sequences.size()) +
                                      " sequences came back for " + std::to_string(num_samples));
  };
  bool there = false;
  try {
    auto waiting = core().wait(std::move(future));
    there = co_await std::move(waiting);
  } catch (const boost::system::system_error&) {
    core().cancel_future(request_id);
    throw;
  } catch (const Error& e) {
    if (e.code() == Errc::timeout) core().cancel_future(request_id);
    throw;
  }
  co_return there;
}

task<SampleResponse> SamplingState::sample(SampleCall call) {
  if (call.num_samples < 1)
    throw Error(Errc::invalid_argument, "sample: num_samples must be at least 1 (got " +
                                            std::to_string(call.num_samples) + ")");
  if (session_->ended)
    throw ServiceError(Errc::unavailable, "the session of sampler " + id_ + " has ended", 0, "");
  const auto num_samples = static_cast<std::size_t>(call.num_samples);
  if (call.params.seed) call.params.seed = core().seed_on_wire(*call.params.seed);
  auto entering = core().sample_gate().enter();
  const Gate::Pass in_flight = co_await std::move(entering);
  SampleResponse response;
  for (int lost = 0; lost < lost_max; ++lost) {
    // Each new request has a new number; only the same request sent again keeps its own.
    std::vector<std::string> sequence_ids;
    auto submitting = submit(call, next_seq_++, sequence_ids);
    std::string request_id = co_await std::move(submitting);
    auto waiting = result(std::move(request_id), num_samples, response);
    const bool there = co_await std::move(waiting);
    if (!there) continue;
    if (sequence_ids.size() == num_samples)
      for (std::size_t i = 0; i < num_samples; ++i)
        response.sequences[i].sequence_id = std::move(sequence_ids[i]);
    core().sample_window().on_success();
    core().sample_gate().set_limit(static_cast<std::size_t>(core().sample_window().limit()));
    co_return response;
  }
  throw ServiceError(Errc::unavailable, "sample: the service keeps losing results", 410, "");
}

task<SamplingClient> create_sampler(std::shared_ptr<CoreThread> owner, std::string base_model,
                                    std::string model_path) {
  auto starting = owner->core().session();
  const auto session = co_await std::move(starting);
  std::string id;
  CallRules rules;
  rules.take = [&id](std::string_view body) { id = read_sampling_session_id(body); };
  std::string body =
      create_sampling_session_body(session->id, session->samplers++, base_model, model_path);
  auto creating =
      owner->core().post_json("/api/v1/create_sampling_session", std::move(body), std::move(rules));
  co_await std::move(creating);
  co_return SamplingClient(
      std::make_shared<SamplingState>(std::move(owner), session, std::move(id)));
}

}  // namespace xfer::tinker
