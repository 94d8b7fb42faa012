// SPDX-License-Identifier: Apache-2.0
// Requests of one model are carried out by their numbers, each once.
#include "tests/serve/serve_testing.hpp"
#include "xfer/tinker/codec.hpp"

#include <set>
#include <thread>

namespace xfer::serve {
namespace {

using namespace testing;

class Order : public Serve {
protected:
  /// The loss now, as request `seq_id`.
  double loss(const std::string& model, int seq_id) {
    const auto response = send(tinker::Method::post, "retrieve_future",
                               Json({{"request_id", forward_backward(model, seq_id)}}).dump());
    return tinker::decode_forward_backward_output(response.body).metrics.at("loss:sum");
  }
  /// After that many steps, each of which sees the batch that many times.
  double expected_loss(int steps, int passes = 1) {
    const auto local = local_trainer(folder.path());
    for (int i = 0; i < steps; ++i) {
      for (int k = 0; k < passes; ++k)
        run_blocking(local->forward_backward(ForwardBackwardRequest(batch())));
      run_blocking(local->optim_step(large_step()));
    }
    return run_blocking(local->forward(ForwardBackwardRequest(batch()))).metrics.at("loss:sum");
  }
};

TEST_F(Order, early_requests_are_held_until_the_gap_is_filled) {
  options.timing.poll = 100ms;
  const std::string model = new_model(new_session());
  const std::string step = optim_step(model, 3);
  const std::string second = forward_backward(model, 2);
  EXPECT_EQ(result(step).at("type"), "try_again");
  const std::string first = forward_backward(model, 1);
  Json done;
  do done = result(step);
  while (done.contains("queue_state"));
  EXPECT_TRUE(done.at("metrics").contains("grad_norm:mean")) << done;
  EXPECT_EQ(loss(model, 4), expected_loss(1, 2));
}

TEST_F(Order, a_request_sent_again_is_carried_out_once) {
  const std::string model = new_model(new_session());
  const std::string first = forward_backward(model, 1);
  EXPECT_EQ(forward_backward(model, 1), first);
  const std::string step = optim_step(model, 2);
  EXPECT_EQ(optim_step(model, 2), step);
  result(step);
  EXPECT_EQ(optim_step(model, 2), step);
  EXPECT_EQ(forward_backward(model, 1), first);
  EXPECT_TRUE(result(step).contains("metrics"));
  EXPECT_EQ(loss(model, 3), expected_loss(1));
}

TEST_F(Order, a_model_created_again_is_the_same) {
  const std::string session = new_session();
  const Json body = {{"session_id", session}, {"model_seq_id", 0}, {"base_model", "small"}};
  const std::string first = post("create_model", body).at("request_id");
  EXPECT_EQ(post("create_model", body).at("request_id"), first);
  EXPECT_EQ(result(first).at("model_id"), session + ":train:0");
  EXPECT_EQ(post("create_model", body).at("request_id"), first);
  EXPECT_EQ(post("get_info", {{"model_id", session + ":train:0"}}).at("lora_rank"), 32);
}

TEST_F(Order, a_model_made_from_a_checkpoint_has_the_result_of_a_load) {
  const std::string session = new_session();
  const std::string model = new_model(session);
  const Json save = {{"model_id", model}, {"seq_id", 1}, {"path", "w"}};
  const Json saved = result(post("save_weights", save).at("request_id"));
  EXPECT_EQ(saved.at("type"), "save_weights");
  const Json loaded = result(post("load_weights", {{"session_id", session},
                                                   {"model_seq_id", 1},
                                                   {"path", saved.at("path")},
                                                   {"optimizer", true}})
                                 .at("request_id"));
  EXPECT_EQ(loaded, Json({{"type", "load_weights"},
                          {"model_id", session + ":train:1"},
                          {"path", saved.at("path")}}));
}

TEST_F(Order, a_gap_that_is_never_filled_ends_the_waiting_not_the_model) {
  options.timing.gap = 200ms;
  const std::string model = new_model(new_session());
  const Json failed = result(optim_step(model, 5));
  EXPECT_EQ(failed.at("category"), "user");
  EXPECT_NE(failed.at("error").get<std::string>().find("request 1"), std::string::npos) << failed;
  EXPECT_EQ(loss(model, 6), expected_loss(0));
}

TEST_F(Order, a_request_that_makes_no_sense_uses_up_its_number) {
  const std::string model = new_model(new_session());
  const Json failed = result(
      post("optim_step",
           {{"model_id", model}, {"seq_id", 1}, {"adam_params", {{"learning_rate", "much"}}}})
          .at("request_id"));
  EXPECT_EQ(failed.at("category"), "user");
  EXPECT_NE(failed.at("error").get<std::string>().find("learning_rate"), std::string::npos);
  tinker::LossCall call;
  call.model_id = model;
  call.seq_id = 2;
  tinker::Datum image;
  image.model_input.chunks.emplace_back(tinker::Image());
  const auto sent = send(tinker::Method::post, "forward_backward",
                         tinker::encode_forward_backward(call, std::vector{image}), "tml-key",
                         "application/x-protobuf");
  ASSERT_EQ(sent.status, 200) << sent.body;
  EXPECT_EQ(result(Json::parse(sent.body).at("request_id")).at("category"), "user");
  EXPECT_EQ(loss(model, 3), expected_loss(0));
}

TEST_F(Order, a_sample_sent_again_is_the_same_sample) {
  const std::string session = new_session();
  const std::string sampler =
      post("create_sampling_session",
           {{"session_id", session}, {"sampling_session_seq_id", 0}, {"base_model", "small"}})
          .at("sampling_session_id");
  EXPECT_EQ(sampler, session + ":sample:0");
  const Json body = {{"sampling_session_id", sampler},
                     {"seq_id", 7},
                     {"num_samples", 2},
                     {"prompt", {{"chunks", {{{"type", "encoded_text"}, {"tokens", {1, 2}}}}}}},
                     {"sampling_params", {{"max_tokens", 8}, {"stop", Json::array()}}}};
  const Json first = post("asample", body);
  EXPECT_EQ(first.at("sample_sequence_ids").size(), 2U);
  EXPECT_EQ(post("asample", body), first);
  const Json poll = {{"request_id", first.at("request_id")}};
  const auto one = send(tinker::Method::post, "retrieve_future", poll.dump());
  EXPECT_EQ(one.status, 200);
  ASSERT_NE(one.header("content-type"), nullptr);
  EXPECT_EQ(*one.header("content-type"), "application/x-protobuf");
  EXPECT_EQ(post("asample", body), first);
  EXPECT_EQ(send(tinker::Method::post, "retrieve_future", poll.dump()).body, one.body);
}

TEST_F(Order, samples_can_be_waited_for_together) {
  const Json target = {
      {"session_id", new_session()}, {"sampling_session_seq_id", 0}, {"base_model", "small"}};
  const std::string sampler = post("create_sampling_session", target).at("sampling_session_id");
  const auto sample = [&](int seq, const Json& prompt) {
    const Json chunk = {{"type", "encoded_text"}, {"tokens", prompt}};
    const Json body = {{"sampling_session_id", sampler},
                       {"seq_id", seq},
                       {"num_samples", 1},
                       {"prompt", {{"chunks", Json::array({chunk})}}},
                       {"sampling_params", {{"max_tokens", 4}}}};
    return post("asample", body).at("request_id");
  };
  const Json failing = sample(0, Json::array());
  std::set<Json> expected = {failing, sample(1, {1, 2}), sample(2, {3, 4})};
  // A clone's are its own.
  sample(1'000'000'000, {1, 2});
  Json query = {
      {"target",
       {{"type", "sampling_session"}, {"sampling_session_id", sampler}, {"cloned_sampler_id", 0}}},
      {"prev_cursor", 0},
      {"retrieved_request_ids", Json::array()}};
  while (!expected.empty()) {
    const Json answer = post("retrieve_futures", query);
    query["prev_cursor"] = answer.at("cursor");
    ASSERT_FALSE(answer.at("completions").empty());
    for (const Json& one : answer.at("completions")) {
      EXPECT_EQ(expected.erase(one.at("request_id")), 1U) << one;
      const bool failed = one.at("request_id") == failing;
      EXPECT_EQ(one.at("state"), failed ? "failed" : "finished");
      EXPECT_EQ(one.contains("response_payload_uncompressed_size"), !failed);
    }
  }
  query["timeout"] = 0.0;
  EXPECT_TRUE(post("retrieve_futures", query).at("completions").empty());
  query["target"]["cloned_sampler_id"] = 1;
  query["prev_cursor"] = 0;
  query.erase("timeout");
  EXPECT_EQ(post("retrieve_futures", query).at("completions").size(), 1U);
  query["prev_cursor"] = 1;
  post("retrieve_futures", query, 410);
  query["target"]["sampling_session_id"] = "no-such";
  post("retrieve_futures", query, 404);
}

TEST_F(Order, two_models_do_not_wait_for_each_other) {
  const std::string session = new_session();
  const std::string one = new_model(session, 0);
  const std::string two = new_model(session, 1);
  const std::string held = optim_step(one, 2);
  forward_backward(two, 1);
  EXPECT_TRUE(result(optim_step(two, 2)).contains("metrics"));
  forward_backward(one, 1);
  EXPECT_TRUE(result(held).contains("metrics"));
  EXPECT_EQ(loss(one, 3), loss(two, 3));
}

TEST_F(Order, a_long_poll_ends_when_the_result_is_there) {
  const std::string model = new_model(new_session());
  const std::string step = optim_step(model, 2);
  Json got;
  std::thread poll([&] { got = result(step); });
  std::this_thread::sleep_for(100ms);
  forward_backward(model, 1);
  poll.join();
  EXPECT_TRUE(got.contains("metrics")) << got;
}

}  // namespace
}  // namespace xfer::serve
