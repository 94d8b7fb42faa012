// SPDX-License-Identifier: Apache-2.0
// What could break between libraries: errors caught by their type, and an event loop of the program
// in which coroutines of several libraries run (that is also what conformance_test.cpp does here).
#include "tests/serve/serve_testing.hpp"
#include "xfer/domains/domain.hpp"
#include "xfer/files/safetensors.hpp"
#include "xfer/grade/grader.hpp"
#include "xfer/report/import.hpp"
#include "xfer/similarity/similarity.hpp"
#include "xfer/stats/intervals.hpp"
#include "xfer/study/presets.hpp"
#include "xfer/text/tokenizer.hpp"
#include "xfer/tinker/recording.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>

namespace xfer {
namespace {

using serve::testing::small_model;
using serve::testing::TemporaryFolder;

struct Failing {
  const char* room;
  Errc code;
  std::function<void()> call;
};

std::vector<Failing> one_of_each_room() {
  const auto similarity = [] {
    auto measured = similarity::measure_similarity({}, nullptr, "auto", {});
    run_blocking(std::move(measured));
  };
  return {
      {"files", Errc::io, [] { files::Safetensors::open("/nowhere/model.safetensors"); }},
      {"text", Errc::io, [] { text::Tokenizer::load("/nowhere/tokenizer.json"); }},
      {"grade", Errc::invalid_argument, [] { grade::Grader::make("no such grader"); }},
      {"stats", Errc::invalid_argument, [] { stats::wilson(3, 2); }},
      {"domains", Errc::invalid_argument, [] { domains::procedural_domain("alchemy"); }},
      {"engine", Errc::io, [] { engine::Model::load("/nowhere"); }},
      {"similarity", Errc::invalid_argument, similarity},
      {"tinker", Errc::io, [] { tinker::ReplayTransport::open("/nowhere/recording"); }},
      {"serve", Errc::invalid_argument, [] { serve::Server(small_model(), {}); }},
      {"study", Errc::invalid_argument, [] { study::preset("no such preset"); }},
      {"report", Errc::bad_data, [] { report::result_of_scores({}, {}); }},
  };
}

TEST(SharedLibraries, errors_of_every_room_are_caught_by_their_type) {
  for (const Failing& failing : one_of_each_room()) {
    SCOPED_TRACE(failing.room);
    try {
      failing.call();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), failing.code) << error.what();
    }
    EXPECT_THROW(failing.call(), std::runtime_error);
  }
}

TEST(SharedLibraries, what_a_service_answers_is_caught_as_such) {
  const TemporaryFolder folder;
  serve::ServeOptions options;
  options.model_name = "small";
  options.folder = folder.path();
  options.api_keys = {"tml-right"};
  const serve::Server server(small_model(), options);
  const tinker::ServiceClient client(serve::testing::quick_options(server.url(), "tml-wrong"));
  try {
    run_blocking(client.capabilities());
    ADD_FAILURE() << "nothing was thrown";
  } catch (const ServiceError& error) {
    EXPECT_EQ(error.http_status(), 401);
    EXPECT_EQ(error.code(), Errc::unauthorized);
  }
}

/// A trainer is made in one library and used by templates and inline functions in this program.
TEST(SharedLibraries, the_engine_trains_in_this_programs_event_loop) {
  const TemporaryFolder folder;
  const auto trainer = serve::testing::local_trainer(folder.path());
  ForwardBackwardRequest first(serve::testing::batch());
  const double before = run_blocking(trainer->forward_backward(first)).metrics.at("loss:sum");
  run_blocking(trainer->optim_step(serve::testing::large_step()));
  ForwardBackwardRequest second(serve::testing::batch());
  const double after = run_blocking(trainer->forward_backward(second)).metrics.at("loss:sum");
  EXPECT_LT(after, before);
}

}  // namespace
}  // namespace xfer
