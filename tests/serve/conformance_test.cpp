// The Trainer and the Sampler of the project's client, over the real server.
#include "tests/serve/serve_testing.hpp"
#include "tests/support/sampler_conformance.hpp"
#include "tests/support/trainer_conformance.hpp"
#include "xfer/tinker/remote.hpp"

namespace xfer {
namespace {

using serve::testing::quick_options;
using serve::testing::small_model;

/// One server for all of them, for as long as the program runs.
const std::string& shared_url() {
  static const serve::testing::TemporaryFolder folder;
  static const auto server = [] {
    serve::ServeOptions options;
    options.model_name = "small";
    options.folder = folder.path();
    return std::make_unique<serve::Server>(small_model(), options);
  }();
  static const std::string url = server->url();
  return url;
}

TrainerUnderTest remote_trainer() {
  LoraConfig lora;
  lora.rank = 4;
  TrainerUnderTest out;
  const tinker::ServiceClient client(quick_options(shared_url()));
  out.trainer = run_blocking(tinker::make_remote_trainer(client, "small", lora));
  out.vocab_size = small_model()->config().vocab_size;
  return out;
}

SamplerUnderTest remote_sampler() {
  SamplerUnderTest out;
  const tinker::ServiceClient client(quick_options(shared_url()));
  out.sampler = run_blocking(tinker::make_remote_sampler(client, "small"));
  out.vocab_size = small_model()->config().vocab_size;
  return out;
}

INSTANTIATE_TEST_SUITE_P(Served, TrainerConformance, ::testing::Values(&remote_trainer));
INSTANTIATE_TEST_SUITE_P(Served, SamplerConformance, ::testing::Values(&remote_sampler));

}  // namespace
}  // namespace xfer
