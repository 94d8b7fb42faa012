// SPDX-License-Identifier: Apache-2.0
#include "study/backends/tinker_backend.hpp"

#include "study/backends/tinker_leg.hpp"

#include "xfer/error.hpp"
#include "xfer/hash.hpp"
#include "xfer/run_blocking.hpp"
#include "xfer/tinker/remote.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace xfer::study {
namespace {

/// Enough to keep a service busy between the steps of one run; few enough for its limits.
constexpr int legs_at_once = 8;

/// A state's path without the note on its optimizer.
std::string plain_path(const std::string& state) { return state.substr(0, state.find('#')); }

bool is_gone(const ServiceError& e) { return e.http_status() == 404 || e.http_status() == 410; }

class TinkerBackend final : public Backend {
public:
  TinkerBackend(tinker::ClientOptions options, std::string model, text::Tokenizer tokenizer)
      : options_(std::move(options)), model_(std::move(model)), tokenizer_(std::move(tokenizer)),
        farewells_(std::make_shared<Farewells>()) {}

  const text::Tokenizer& tokenizer() const override { return tokenizer_; }
  std::string model_name() const override { return model_; }
  std::string model_hash() const override {
    return HashBuilder("tinker model/1")
        .field("name", model_)
        .field("tokenizer", tokenizer_.content_hash())
        .hex();
  }
  std::int64_t parameters() const override { return 0; }
  std::string version() const override { return "tinker 1"; }
  int concurrency() const override { return legs_at_once; }

  task<std::unique_ptr<Trainer>> create_trainer(LoraConfig lora, std::filesystem::path) override {
    co_return make_leg_trainer(tinker::ServiceClient(options_), model_, lora, tokenizer_,
                               farewells_);
  }

  task<std::shared_ptr<Sampler>> base_sampler() override {
    auto opening = tinker::make_remote_sampler(service(), model_);
    auto first = co_await std::move(opening);
    const auto renew = [again = service(), model = model_] { return open_again(again, model); };
    co_return make_lasting_sampler(std::move(first), tokenizer_, renew);
  }

  task<bool> keep_state(std::string path) override {
    const std::string checkpoint = plain_path(path);
    const tinker::TinkerPath parts = tinker::parse_tinker_path(checkpoint);
    std::vector<tinker::Checkpoint> saved;
    bool listed = true;
    try {
      auto listing = service().rest().checkpoints(parts.run_id);
      saved = co_await std::move(listing);
    } catch (const ServiceError& e) {
      if (!is_gone(e)) throw;
      listed = false;
    }
    const auto found = std::find_if(saved.begin(), saved.end(), [&](const auto& one) {
      return one.checkpoint_id == parts.checkpoint_id();
    });
    if (found != saved.end()) {
      if (found->expires_at) {
        auto keeping = keep_for_good(checkpoint);
        co_await std::move(keeping);
      }
      co_return true;
    }
    if (listed) co_return false;
    // The run is not there, or its service keeps no lists.
    try {
      auto asking = service().rest().weights_info(checkpoint);
      co_await std::move(asking);
    } catch (const ServiceError& e) {
      if (!is_gone(e)) throw;
      co_return false;
    }
    co_return true;
  }

  task<void> drop_state(std::string path) override {
    try {
      auto deleting = service().rest().delete_checkpoint(plain_path(path));
      co_await std::move(deleting);
    } catch (const ServiceError&) {
      // It costs some room at the service, no more.
    }
  }

private:
  /// Connected when it is needed: plans are made without a key.
  const tinker::ServiceClient& service() {
    if (!service_) service_.emplace(options_);
    return *service_;
  }
  static task<std::shared_ptr<Sampler>> open_again(tinker::ServiceClient service,
                                                   std::string model) {
    auto leaving = service.leave_session();
    co_await std::move(leaving);
    auto opening = tinker::make_remote_sampler(std::move(service), std::move(model));
    auto sampler = co_await std::move(opening);
    co_return sampler;
  }

  task<void> keep_for_good(std::string checkpoint) {
    try {
      auto keeping = service().rest().set_checkpoint_ttl(std::move(checkpoint), std::nullopt);
      co_await std::move(keeping);
    } catch (const ServiceError& e) {
      // Where lifetimes are the service's own business, the run may have to train again.
      if (is_transient(e.code()) || e.code() == Errc::unauthorized) throw;
    }
  }

  tinker::ClientOptions options_;
  std::string model_;
  text::Tokenizer tokenizer_;
  std::optional<tinker::ServiceClient> service_;
  std::shared_ptr<Farewells> farewells_;
};

/// The service tells only of models in training: a small one is begun for the question.
std::string tokenizer_of_service(const tinker::ClientOptions& options, const std::string& model) {
  const tinker::ServiceClient service(options);
  tinker::TrainingOptions small;
  small.rank = 1;
  const auto training = run_blocking(service.create_training_client(model, small));
  run_blocking(service.finish_session("success", ""));
  return training.info().tokenizer_id;
}

}  // namespace

std::unique_ptr<Backend> make_tinker_backend(tinker::ClientOptions options, std::string model,
                                             text::Tokenizer tokenizer) {
  return std::make_unique<TinkerBackend>(std::move(options), std::move(model),
                                         std::move(tokenizer));
}

std::unique_ptr<Backend> open_tinker_backend(const StudySpec& spec,
                                             const std::filesystem::path& record_file) {
  tinker::ClientOptions options = tinker::ClientOptions::from_environment();
  if (!spec.base_url.empty()) options.transport.base_url = spec.base_url;
  options.display_name = spec.name;
  options.record_file = record_file;
  std::filesystem::path where = local_tokenizer(spec);
  if (where.empty()) {
    const std::string said = tokenizer_of_service(options, spec.model);
    std::error_code ignored;
    where = std::filesystem::exists(said, ignored) ? std::filesystem::path(said)
                                                   : cached_tokenizer(said);
    if (where.empty())
      throw Error(Errc::not_available,
                  "tokenizer of " + spec.model + ": not on this machine" +
                      (said.empty() ? "" : " (the service says: " + said + ")") +
                      "; download its tokenizer.json and tokenizer_config.json, and set tokenizer "
                      "to their folder");
  }
  return make_tinker_backend(std::move(options), spec.model, text::Tokenizer::load(where));
}

}  // namespace xfer::study
