// SPDX-License-Identifier: Apache-2.0
// Everything the protocol offers, with the project's own client; numbers are the engine's.
#include "tests/serve/serve_testing.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cmath>

namespace xfer::serve {
namespace {

using namespace testing;
using tinker::SampleCall;
using tinker::SampleResponse;
using tinker::SamplingClient;
using tinker::ServiceClient;
using tinker::TrainingClient;

class Tour : public Serve {
protected:
  TrainingClient training() {
    return run_blocking(client().create_training_client("small", small_adapter()));
  }
};

std::vector<float> logprobs_of(const Tensor& tensor) {
  return std::get<std::vector<float>>(tensor.data);
}

template <class A, class B>
void expect_same(const A& served, const B& local) {
  EXPECT_EQ(served.metrics.at("loss:sum"), local.metrics.at("loss:sum"));
  ASSERT_EQ(served.loss_fn_outputs.size(), local.loss_fn_outputs.size());
  for (std::size_t i = 0; i < local.loss_fn_outputs.size(); ++i)
    EXPECT_EQ(logprobs_of(served.loss_fn_outputs[i].at("logprobs")),
              logprobs_of(local.loss_fn_outputs[i].at("logprobs")));
}

SampleCall a_call(std::uint64_t seed = 1) {
  SampleCall call{tinker::ModelInput({1, 2, 3})};
  call.params.max_tokens = 6;
  call.params.seed = seed;
  call.params.stop = std::vector<std::int32_t>{};
  return call;
}

SampleRequest a_request(std::uint64_t seed = 1) {
  SampleRequest request({1, 2, 3});
  request.max_tokens = 6;
  request.seed = seed;
  request.stop_tokens.emplace();
  return request;
}

TEST_F(Tour, training_gives_the_engines_numbers_bit_for_bit) {
  const auto models = run_blocking(client().capabilities());
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[0].model_name, "small");
  EXPECT_EQ(models[0].trainable, true);
  const TrainingClient served = training();
  EXPECT_EQ(served.info().lora_rank, 4);
  EXPECT_EQ(served.info().tokenizer_id, "/somewhere/small");
  EXPECT_EQ(served.info().arch, "llama");
  const auto local = local_trainer(folder.path());
  for (int i = 0; i < 2; ++i) {
    expect_same(run_blocking(served.forward(wire_batch(), {})),
                run_blocking(local->forward(ForwardBackwardRequest(batch()))));
    expect_same(run_blocking(served.forward_backward(wire_batch(), {})),
                run_blocking(local->forward_backward(ForwardBackwardRequest(batch()))));
    EXPECT_EQ(run_blocking(served.optim_step(large_step())),
              run_blocking(local->optim_step(large_step())).metrics);
  }
  const SamplingClient sampling = run_blocking(served.snapshot());
  const auto sampler = run_blocking(local->snapshot());
  SampleCall call = a_call();
  call.num_samples = 3;
  SampleRequest request = a_request();
  request.num_samples = 3;
  const SampleResponse answers = run_blocking(sampling.sample(call));
  const auto completions = run_blocking(sampler->sample(request));
  ASSERT_EQ(answers.sequences.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(answers.sequences[i].tokens, completions[i].tokens);
    EXPECT_EQ(answers.sequences[i].logprobs, completions[i].logprobs);
  }
  const auto scores = run_blocking(sampling.compute_logprobs(tinker::ModelInput({5, 6, 7, 8})));
  EXPECT_TRUE(std::isnan(scores.at(0)));
  EXPECT_EQ(std::vector<float>(scores.begin() + 1, scores.end()),
            run_blocking(sampler->score(ScoreRequest({5, 6, 7, 8}, 1))));
}

TEST_F(Tour, at_step_0_the_adapter_is_the_base_model) {
  const SamplingClient tuned = run_blocking(training().snapshot());
  const SamplingClient base = run_blocking(client().create_sampling_client_of_model("small"));
  EXPECT_EQ(run_blocking(tuned.sample(a_call())).sequences[0].tokens,
            run_blocking(base.sample(a_call())).sequences[0].tokens);
}

TEST_F(Tour, compressed_batches_give_the_same) {
  options.compress = true;
  const auto local = local_trainer(folder.path());
  expect_same(run_blocking(training().forward(wire_batch(), {})),
              run_blocking(local->forward(ForwardBackwardRequest(batch()))));
}

TEST_F(Tour, sparse_tensors_stand_for_dense_ones) {
  // Two targets at each position, one of which counts at the second only.
  std::vector<std::int32_t> tokens = {1, 2};
  Tensor targets(std::vector<std::int64_t>{2, 0, 3, 4});
  targets.shape = {2, 2};
  Tensor weights(std::vector<float>{1, 0, 1, 0.5F});
  weights.shape = {2, 2};
  tinker::Datum dense{tinker::ModelInput(tokens)};
  dense.loss_fn_inputs = {{"target_tokens", targets}, {"weights", weights}};
  tinker::Datum sparse{tinker::ModelInput(tokens)};
  sparse.loss_fn_inputs["target_tokens"] = Tensor(std::vector<std::int64_t>{2, 3, 4});
  sparse.loss_fn_inputs["weights"] = Tensor(std::vector<float>{1, 1, 0.5F});
  for (auto& [name, tensor] : sparse.loss_fn_inputs) {
    tensor.values.shape = {2, 2};
    tensor.csr.emplace();
    tensor.csr->crow = {0, 1, 3};
    tensor.csr->col = {0, 0, 1};
  }
  const TrainingClient served = training();
  const auto expected = run_blocking(served.forward({dense}, {}));
  const auto got = run_blocking(served.forward({sparse}, {}));
  expect_same(got, expected);
  EXPECT_EQ(got.loss_fn_outputs[0].at("logprobs").shape, (std::vector<std::int64_t>{2, 2}));
}

TEST_F(Tour, losses_of_reinforcement_learning_give_the_engines_numbers) {
  std::vector<xfer::Datum> data = batch();
  for (xfer::Datum& datum : data) {
    const std::size_t size = datum.tokens.size();
    datum.loss_fn_inputs.erase("weights");
    datum.loss_fn_inputs["logprobs"] = Tensor(std::vector<float>(size, -2.5F));
    datum.loss_fn_inputs["advantages"] = Tensor(std::vector<float>(size, 0.75F));
  }
  std::vector<tinker::Datum> wire(data.begin(), data.end());
  const TrainingClient served = training();
  const auto local = local_trainer(folder.path());
  for (const char* loss : {"importance_sampling", "ppo", "cispo", "dro"}) {
    tinker::LossCallOptions how;
    how.loss_fn = loss;
    ForwardBackwardRequest request(data);
    request.loss_fn = loss;
    if (std::string(loss) == "ppo") {
      how.config = {{"clip_high_threshold", 1.1}};
      request.loss_fn_config = {{"clip_high_threshold", 1.1}};
    }
    expect_same(run_blocking(served.forward_backward(wire, how)),
                run_blocking(local->forward_backward(std::move(request))));
  }
}

TEST_F(Tour, a_saved_state_goes_on_as_if_nothing_had_happened) {
  const ServiceClient service = client();
  const TrainingClient first =
      run_blocking(service.create_training_client("small", small_adapter()));
  run_blocking(first.forward_backward(wire_batch(), {}));
  run_blocking(first.optim_step(large_step()));
  const std::string path = run_blocking(first.save_state("one", {}));
  EXPECT_EQ(path, "tinker://" + first.info().model_id + "/weights/one");
  const TrainingClient second = run_blocking(service.create_training_client_from_state(path, true));
  EXPECT_EQ(second.info().lora_rank, 4);
  const TrainingClient third = run_blocking(service.create_training_client_from_state(path, false));
  for (const TrainingClient& each : {first, second, third}) {
    run_blocking(each.forward_backward(wire_batch(), {}));
    run_blocking(each.optim_step(large_step()));
  }
  const auto expected = run_blocking(first.forward(wire_batch(), {}));
  expect_same(run_blocking(second.forward(wire_batch(), {})), expected);
  EXPECT_NE(run_blocking(third.forward(wire_batch(), {})).metrics, expected.metrics);
  run_blocking(third.load_state(path, true));
  run_blocking(third.forward_backward(wire_batch(), {}));
  run_blocking(third.optim_step(large_step()));
  expect_same(run_blocking(third.forward(wire_batch(), {})), expected);
}

TEST_F(Tour, names_are_used_once_unless_replaced) {
  const TrainingClient served = training();
  run_blocking(served.save_state("one", {}));
  std::string text;
  EXPECT_EQ(code_of([&] { run_blocking(served.save_state("one", {})); }, &text),
            Errc::invalid_argument);
  EXPECT_NE(text.find("already"), std::string::npos) << text;
  tinker::SaveOptions replace;
  replace.overwrite = true;
  run_blocking(served.save_state("one", replace));
  // Both kinds have names of their own.
  run_blocking(served.save_weights_for_sampler("one", {}));
}

TEST_F(Tour, saved_sampler_weights_sample_like_a_snapshot) {
  const ServiceClient service = client();
  const TrainingClient served =
      run_blocking(service.create_training_client("small", small_adapter()));
  run_blocking(served.forward_backward(wire_batch(), {}));
  run_blocking(served.optim_step(large_step()));
  const std::string path = run_blocking(served.save_weights_for_sampler("s", {}));
  const SamplingClient saved = run_blocking(service.create_sampling_client_of_path(path));
  const SamplingClient snapshot = run_blocking(served.snapshot());
  EXPECT_EQ(run_blocking(saved.sample(a_call())).sequences[0].logprobs,
            run_blocking(snapshot.sample(a_call())).sequences[0].logprobs);
  const auto info = run_blocking(service.rest().sampler(saved.sampling_session_id()));
  EXPECT_EQ(info.model_path, path);
  EXPECT_EQ(info.base_model, "small");
  EXPECT_EQ(code_of([&] { run_blocking(service.create_training_client_from_state(path, true)); }),
            Errc::invalid_argument);
  run_blocking(service.create_training_client_from_state(path, false));
}

TEST_F(Tour, sampling_stops_where_it_is_told_to) {
  const SamplingClient base = run_blocking(client().create_sampling_client_of_model("small"));
  const auto free = run_blocking(base.sample(a_call(4))).sequences[0];
  ASSERT_EQ(free.tokens.size(), 6U);
  EXPECT_EQ(free.stop_reason, StopReason::length);
  SampleCall by_token = a_call(4);
  by_token.params.stop = std::vector<std::int32_t>{free.tokens[2]};
  EXPECT_EQ(run_blocking(base.sample(by_token)).sequences[0].tokens.back(), free.tokens[2]);
  const std::string text(small_model()->tokenizer().token_bytes(free.tokens[3]));
  SampleCall by_text = a_call(4);
  by_text.params.stop = text;
  const auto stopped = run_blocking(base.sample(by_text)).sequences[0];
  EXPECT_EQ(stopped.stop_reason, StopReason::stop);
  EXPECT_LE(stopped.tokens.size(), 4U);
  by_text.params.stop = std::vector<std::string>{"not to be found", text};
  EXPECT_EQ(run_blocking(base.sample(by_text)).sequences[0].tokens, stopped.tokens);
  SampleCall unseeded = a_call();
  unseeded.params.seed.reset();
  unseeded.params.max_tokens = 20;
  EXPECT_NE(run_blocking(base.sample(unseeded)).sequences[0].tokens,
            run_blocking(base.sample(unseeded)).sequences[0].tokens);
}

TEST_F(Tour, the_most_probable_tokens_fit_what_is_sampled) {
  const TrainingClient trained = training();
  run_blocking(trained.forward_backward(wire_batch(), {}));
  run_blocking(trained.optim_step(large_step()));
  const SamplingClient sampling = run_blocking(trained.snapshot());
  SampleCall call = a_call();
  call.params.temperature = 0.0;
  call.topk_sample_logprobs = 4;
  call.topk_prompt_logprobs = 3;
  call.prompt_alt_tokens_k = 2;
  call.prompt_logprobs = true;
  Tensor targets(std::vector<std::int64_t>{2, -1, 3, 7});
  targets.shape = {2, 2};
  call.target_prompt_logprobs = tinker::TensorData(targets);
  const SampleResponse got = run_blocking(sampling.sample(call));
  const auto& sequence = got.sequences.at(0);
  ASSERT_TRUE(sequence.topk_logprobs);
  ASSERT_EQ(sequence.topk_logprobs->size(), sequence.tokens.size());
  for (std::size_t i = 0; i < sequence.tokens.size(); ++i) {
    const auto& row = (*sequence.topk_logprobs)[i];
    ASSERT_EQ(row.size(), 4U);
    // Bit for bit, though computed apart.
    EXPECT_EQ(row[0], tinker::TokenLogprob(sequence.tokens[i], (*sequence.logprobs)[i]));
    for (std::size_t k = 1; k < 4; ++k) EXPECT_LE(row[k].logprob, row[k - 1].logprob);
  }
  ASSERT_TRUE(got.topk_prompt_logprobs);
  ASSERT_EQ(got.topk_prompt_logprobs->size(), 3U);
  EXPECT_TRUE((*got.topk_prompt_logprobs)[0].empty());
  EXPECT_EQ((*got.topk_prompt_logprobs)[1].size(), 3U);
  ASSERT_TRUE(got.target_prompt_logprobs);
  const auto scored = logprobs_of(got.target_prompt_logprobs->values);
  ASSERT_EQ(scored.size(), 4U);
  EXPECT_NEAR(scored[0], got.prompt_logprobs->at(1), 1e-4);
  EXPECT_EQ(scored[1], 0.0F);
  EXPECT_NEAR(scored[2], got.prompt_logprobs->at(2), 1e-4);
  EXPECT_LT(scored[3], 0.0F);
  ASSERT_TRUE(got.prompt_alt_tokens);
  EXPECT_EQ(got.prompt_alt_tokens->tokens.shape, (std::vector<std::int64_t>{2, 2}));
  // At temperature 0 the draws are the most probable token.
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(got.prompt_alt_tokens->tokens.data)[0],
            (*got.topk_prompt_logprobs)[1][0].token);

  // The same, asked for in sparse form and of the last token only.
  call.target_prompt_logprobs->values = Tensor(std::vector<std::int64_t>{2, 3, 7});
  call.target_prompt_logprobs->values.shape = {2, 2};
  call.target_prompt_logprobs->csr.emplace();
  call.target_prompt_logprobs->csr->crow = {0, 1, 3};
  call.target_prompt_logprobs->csr->col = {0, 0, 1};
  call.prompt_logprobs_last_n = 1;
  const SampleResponse sparse = run_blocking(sampling.sample(call));
  EXPECT_EQ(sparse.target_prompt_logprobs->csr, call.target_prompt_logprobs->csr);
  EXPECT_EQ(logprobs_of(sparse.target_prompt_logprobs->values),
            (std::vector<float>{scored[0], scored[2], scored[3]}));
  EXPECT_TRUE(std::isnan(sparse.prompt_logprobs->at(1)));
  EXPECT_EQ(sparse.prompt_logprobs->at(2), got.prompt_logprobs->at(2));
  EXPECT_TRUE((*sparse.topk_prompt_logprobs)[1].empty());
  EXPECT_EQ((*sparse.topk_prompt_logprobs)[2], (*got.topk_prompt_logprobs)[2]);
}

TEST_F(Tour, many_samples_at_once_do_not_disturb_each_other) {
  const SamplingClient base = run_blocking(client().create_sampling_client_of_model("small"));
  const auto local = engine::make_local_sampler(small_model());
  boost::asio::io_context loop(1);
  std::vector<std::vector<std::int32_t>> got(64);
  for (std::size_t i = 0; i < got.size(); ++i)
    boost::asio::co_spawn(loop, base.sample(a_call(i)),
                          [&got, i](std::exception_ptr e, SampleResponse response) {
                            if (!e) got[i] = response.sequences.at(0).tokens;
                          });
  loop.run();
  for (std::size_t i = 0; i < got.size(); i += 9)
    EXPECT_EQ(got[i], run_blocking(local->sample(a_request(i)))[0].tokens);
}

TEST_F(Tour, runs_checkpoints_and_sessions_are_listed_and_managed) {
  const ServiceClient service = client();
  const auto rest = service.rest();
  const TrainingClient served =
      run_blocking(service.create_training_client("another-name", small_adapter()));
  const std::string run = served.info().model_id;
  tinker::SaveOptions noted;
  noted.user_metadata = {{"note", "first"}};
  const std::string one = run_blocking(served.save_state("one", noted));
  tinker::SaveOptions brief;
  brief.ttl = 1h;
  brief.user_metadata = {{"note", "second"}};
  const std::string two = run_blocking(served.save_weights_for_sampler("two", brief));

  const auto runs = run_blocking(rest.training_runs({}));
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].training_run_id, run);
  EXPECT_EQ(runs[0].base_model, "another-name");
  EXPECT_EQ(runs[0].lora_rank, 4);
  EXPECT_EQ(runs[0].last_checkpoint->tinker_path, one);
  EXPECT_EQ(runs[0].last_sampler_checkpoint->tinker_path, two);
  EXPECT_EQ(runs[0].last_checkpoint->user_metadata.at("note"), "first");
  EXPECT_EQ(runs[0].last_sampler_checkpoint->user_metadata.at("note"), "second");
  EXPECT_EQ(run_blocking(rest.training_run(run)).training_run_id, run);
  EXPECT_EQ(run_blocking(rest.checkpoints(run)).size(), 2U);
  EXPECT_EQ(run_blocking(rest.user_checkpoints({1, 1})).size(), 1U);
  const auto info = run_blocking(rest.weights_info(one));
  EXPECT_EQ(info.base_model, "another-name");
  EXPECT_EQ(info.lora_rank, 4);
  EXPECT_EQ(info.train_unembed, true);

  run_blocking(rest.publish_checkpoint(one));
  run_blocking(rest.set_checkpoint_ttl(one, 2h));
  auto listed = run_blocking(rest.checkpoints(run));
  const auto& first = listed[0].tinker_path == one ? listed[0] : listed[1];
  EXPECT_TRUE(first.is_public);
  EXPECT_TRUE(first.expires_at);
  EXPECT_GT(first.size_bytes, 1000);
  EXPECT_EQ(first.checkpoint_type, "training");
  run_blocking(rest.unpublish_checkpoint(one));
  run_blocking(rest.set_checkpoint_ttl(one, std::nullopt));
  run_blocking(rest.delete_checkpoint(two));
  listed = run_blocking(rest.checkpoints(run));
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_FALSE(listed[0].is_public);
  EXPECT_FALSE(listed[0].expires_at);
  EXPECT_THROW(run_blocking(service.create_sampling_client_of_path(two)), Error);

  const auto sessions = run_blocking(rest.sessions({}));
  ASSERT_EQ(sessions.size(), 1U);
  EXPECT_EQ(run_blocking(rest.session(sessions[0])).training_run_ids,
            std::vector<std::string>{run});
  run_blocking(service.finish_session("success", "done"));
  EXPECT_EQ(
      send(tinker::Method::post, "session_heartbeat", Json({{"session_id", sessions[0]}}).dump())
          .status,
      410);
}

TEST_F(Tour, faults_are_told_with_whose_they_are) {
  const TrainingClient served = training();
  tinker::LossCallOptions unknown;
  unknown.loss_fn = "no_such_loss";
  std::string text;
  EXPECT_EQ(code_of([&] { run_blocking(served.forward_backward(wire_batch(), unknown)); }, &text),
            Errc::invalid_argument);
  EXPECT_NE(text.find("no_such_loss"), std::string::npos) << text;
  EXPECT_NE(text.find("user error"), std::string::npos) << text;
  run_blocking(served.forward_backward(wire_batch(), {}));
  EXPECT_EQ(code_of([&] { run_blocking(client().create_training_client("other", {})); }, &text),
            Errc::invalid_argument);
  EXPECT_NE(text.find("another-name"), std::string::npos) << text;
}

}  // namespace
}  // namespace xfer::serve
