// SPDX-License-Identifier: Apache-2.0
// The Trainer and the Sampler of the project's client, over the real server.
#include "tests/serve/serve_testing.hpp"
#include "tests/support/sampler_conformance.hpp"
#include "tests/support/trainer_conformance.hpp"
#include "xfer/tinker/remote.hpp"

namespace xfer {
namespace {

using serve::testing::quick_options;
using serve::testing::small_model;

/// One server for all of them. It ends with the tests, not with the program's statics: OpenSSL has
/// cleaned up by then, and what the server's threads hold of it would leak.
class SharedServer : public ::testing::Environment {
public:
  void TearDown() override {
    server_.reset();
    folder_.reset();
  }

  std::string url() {
    if (!server_) {
      folder_ = std::make_unique<serve::testing::TemporaryFolder>();
      serve::ServeOptions options;
      options.model_name = "small";
      options.folder = folder_->path();
      server_ = std::make_unique<serve::Server>(small_model(), options);
    }
    return server_->url();
  }

private:
  std::unique_ptr<serve::testing::TemporaryFolder> folder_;
  std::unique_ptr<serve::Server> server_;
};

// gtest owns it.
SharedServer* const shared_server = static_cast<SharedServer*>(::testing::AddGlobalTestEnvironment(
    new SharedServer));  // NOLINT(cppcoreguidelines-owning-memory)

TrainerUnderTest remote_trainer() {
  LoraConfig lora;
  lora.rank = 4;
  TrainerUnderTest out;
  const tinker::ServiceClient client(quick_options(shared_server->url()));
  out.trainer = run_blocking(tinker::make_remote_trainer(client, "small", lora));
  out.vocab_size = small_model()->config().vocab_size;
  return out;
}

SamplerUnderTest remote_sampler() {
  SamplerUnderTest out;
  const tinker::ServiceClient client(quick_options(shared_server->url()));
  out.sampler = run_blocking(tinker::make_remote_sampler(client, "small"));
  out.vocab_size = small_model()->config().vocab_size;
  return out;
}

INSTANTIATE_TEST_SUITE_P(Served, TrainerConformance, ::testing::Values(&remote_trainer),
                         [](const auto&) { return "remote"; });
INSTANTIATE_TEST_SUITE_P(Served, SamplerConformance, ::testing::Values(&remote_sampler),
                         [](const auto&) { return "remote"; });

}  // namespace
}  // namespace xfer
