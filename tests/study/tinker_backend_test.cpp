// SPDX-License-Identifier: Apache-2.0
// Studies on a Tinker service: the project's own server, in this process.
#include "tests/study/study_testing.hpp"

#include "study/backends/tinker_backend.hpp"
#include "study/backends/tinker_leg.hpp"
#include "study/run/study_run.hpp"
#include "xfer/engine/local_trainer.hpp"
#include "xfer/engine/model.hpp"
#include "xfer/run_blocking.hpp"
#include "xfer/serve/server.hpp"
#include "xfer/study/model_names.hpp"
#include "xfer/study/plan.hpp"
#include "xfer/tinker/remote.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

namespace xfer::study {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* key = "tml-not-to-be-seen";

std::shared_ptr<const engine::Model> small_model() {
  engine::ModelOptions options;
  options.threads = 2;
  static const auto model = engine::Model::load(locate_model("embedded:small"), options);
  return model;
}

/// A server that can be started again at the same address.
class Service {
public:
  explicit Service(const fs::path& folder, std::size_t models = 64) {
    options_.limits.models = models;
    options_.model_name = "embedded:small";
    options_.folder = folder;
    options_.api_keys = {key};
    start();
    options_.port = server_->port();
  }
  void start() { server_ = std::make_unique<serve::Server>(small_model(), options_); }
  void stop() { server_.reset(); }
  void restart() {
    stop();
    start();
  }
  std::string url() const { return server_->url(); }

private:
  serve::ServeOptions options_;
  std::unique_ptr<serve::Server> server_;
};

tinker::ClientOptions options_for(const Service& service) {
  tinker::ClientOptions options;
  options.transport.base_url = service.url();
  options.api_key = key;
  options.retry.base = 5ms;
  options.retry.delay_max = 50ms;
  options.retry.total = 60s;
  options.retry.outage_max = 60s;
  return options;
}

std::unique_ptr<Backend> backend_for(const Service& service) {
  return make_tinker_backend(options_for(service), "embedded:small", small_model()->tokenizer());
}

/// The pilot, in a few seconds.
StudySpec short_pilot() {
  StudySpec spec;
  spec.conditions = {Condition::baseline, Condition::transfer, Condition::sequential};
  spec.seeds = {0, 1};
  spec.steps = 4;
  spec.batch_size = 4;
  spec.items = 8;
  spec.validation_items = 3;
  spec.eval_every = 2;
  return spec;
}

/// The embedded engine under the service's name: keys decide what reinforcement learning draws.
class Disguised final : public Backend {
public:
  explicit Disguised(const Backend& other)
      : other_(other), local_(make_local_backend(small_model())) {}
  const text::Tokenizer& tokenizer() const override { return other_.tokenizer(); }
  std::string model_name() const override { return other_.model_name(); }
  std::string model_hash() const override { return other_.model_hash(); }
  std::int64_t parameters() const override { return other_.parameters(); }
  std::string version() const override { return other_.version(); }
  task<std::unique_ptr<Trainer>> create_trainer(LoraConfig lora,
                                                std::filesystem::path folder) override {
    return local_->create_trainer(lora, std::move(folder));
  }
  task<std::shared_ptr<Sampler>> base_sampler() override { return local_->base_sampler(); }

private:
  const Backend& other_;
  std::unique_ptr<Backend> local_;
};

StudySpec served(StudySpec spec, const Service& service) {
  spec.backend = "tinker";
  spec.base_url = service.url();
  return spec;
}

StudyResult run_often_saved(const StudySpec& spec, const fs::path& folder, Backend* backend,
                            std::function<void(const Event&)> on_event = {},
                            const std::atomic<bool>* stop = nullptr) {
  RunOptions options;
  options.run_folder = folder;
  options.on_event = std::move(on_event);
  options.stop = stop;
  RunTuning tuning;
  tuning.checkpoint_every = 0s;
  return run_study(spec, options, backend, {}, tuning);
}

/// What was measured, by its bits.
std::string scores(const StudyResult& result) {
  std::ostringstream text;
  const auto bits = [](double x) { return std::bit_cast<std::uint64_t>(x); };
  for (const CellResult& cell : result.cells) {
    for (const EvaluationResult& e : cell.evaluations) {
      text << to_string(e.condition) << ' ' << e.seed << '\n';
      for (const ItemResult& i : e.items)
        text << i.item_id << ' ' << bits(i.score) << i.extracted << i.truncated << ' '
             << i.completion << ' ' << i.answer << ' ' << bits(i.reference_bits) << ' '
             << bits(i.first_token_bits) << ' ' << i.prompt_tokens << ' ' << i.sampled_tokens
             << '\n';
    }
    for (const Curve& c : cell.curves)
      for (const CurvePoint& p : c.points)
        text << to_string(c.condition) << ' ' << c.seed << ' ' << p.step << ' '
             << bits(p.train_loss_per_token) << ' ' << bits(p.accuracy) << ' '
             << bits(p.bits_per_byte) << '\n';
  }
  return text.str();
}

class TinkerStudy : public ::testing::Test {
protected:
  TinkerStudy() { setenv("TINKER_API_KEY", key, 1); }
  const fs::path& path() const { return folder_.path(); }
  /// What the short pilot gives without a service.
  const std::string& embedded() const {
    static const std::string found = [this] {
      const auto backend = make_local_backend(small_model());
      return scores(run_often_saved(short_pilot(), path() / "embedded", backend.get()));
    }();
    return found;
  }

private:
  TemporaryFolder folder_;
};

TEST_F(TinkerStudy, gives_the_scores_of_the_embedded_engine_several_legs_at_once) {
  const Service service(path() / "serve");
  std::set<std::string> running;
  std::size_t at_once = 0;
  RunOptions options;
  options.run_folder = path() / "run";
  options.on_event = [&](const Event& event) {
    if (event.kind == Event::Kind::leg_started) running.insert(event.text);
    if (event.kind == Event::Kind::leg_finished) running.erase(event.text);
    at_once = std::max(at_once, running.size());
  };
  const StudyResult result = run_study(served(short_pilot(), service), options);
  EXPECT_EQ(scores(result), embedded());
  EXPECT_EQ(result.model_name, "embedded:small");
  EXPECT_GE(at_once, 2U);
  // What is finished needs no service.
  RunOptions again;
  again.run_folder = path() / "run";
  StudySpec elsewhere = served(short_pilot(), service);
  elsewhere.base_url = "http://127.0.0.1:1";
  EXPECT_EQ(scores(run_study(elsewhere, again)), embedded());
}

TEST_F(TinkerStudy, goes_on_when_the_service_was_started_anew_in_the_middle_of_a_leg) {
  Service service(path() / "serve");
  const auto backend = backend_for(service);
  int events = 0;
  int restarts = 0;
  const StudyResult result = run_often_saved(
      served(short_pilot(), service), path() / "run", backend.get(), [&](const Event& event) {
        const bool step = event.kind == Event::Kind::step;
        const bool item = event.kind == Event::Kind::eval_progress;
        if ((!step && !item) || ++events % 23 != 0 || restarts == 4) return;
        ++restarts;
        service.restart();
      });
  EXPECT_GE(restarts, 3);
  EXPECT_EQ(scores(result), embedded());
}

TEST_F(TinkerStudy, stopped_it_goes_on_and_trains_again_what_was_deleted_at_the_service) {
  const Service service(path() / "serve");
  const StudySpec spec = served(short_pilot(), service);
  std::atomic<bool> stop{false};
  int steps = 0;
  const auto first = backend_for(service);
  error_of(Errc::cancelled, [&] {
    run_often_saved(
        spec, path() / "run", first.get(),
        [&](const Event& event) {
          if (event.kind == Event::Kind::step && ++steps == 5) stop = true;
        },
        &stop);
  });
  const tinker::RestClient rest = tinker::ServiceClient(options_for(service)).rest();
  const auto saved = run_blocking(rest.user_checkpoints({}));
  ASSERT_FALSE(saved.empty());
  run_blocking(rest.delete_checkpoint(saved.front().tinker_path));
  std::vector<std::string> lost;
  const auto second = backend_for(service);
  const StudyResult result =
      run_often_saved(spec, path() / "run", second.get(), [&](const Event& event) {
        if (event.kind == Event::Kind::leg_lost) lost.push_back(event.text);
      });
  EXPECT_EQ(lost.size(), 1U);
  EXPECT_EQ(scores(result), embedded());
  // Only the last state of each leg is kept.
  EXPECT_EQ(run_blocking(rest.user_checkpoints({})).size(), result.legs.size());
}

TEST_F(TinkerStudy, learns_from_rewards_as_the_embedded_engine_does) {
  const Service service(path() / "serve");
  StudySpec spec = short_pilot();
  spec.methods = {Method::rl};
  spec.conditions = {Condition::baseline, Condition::transfer};
  spec.seeds = {0};
  spec.rl.steps = 2;
  spec.rl.problems = 2;
  spec.rl.group_size = 4;
  spec.max_answer_tokens = 24;
  const auto remote = backend_for(service);
  Disguised local(*remote);
  const StudySpec there = served(spec, service);
  EXPECT_EQ(scores(run_often_saved(there, path() / "remote", remote.get())),
            scores(run_often_saved(there, path() / "local", &local)));
}

TEST_F(TinkerStudy, states_that_would_run_out_are_kept) {
  const Service service(path() / "serve");
  const auto backend = backend_for(service);
  LoraConfig lora;
  lora.rank = 2;
  const auto trainer = run_blocking(backend->create_trainer(lora, path()));
  const std::string state = run_blocking(trainer->save_state("one", true));
  const std::string plain = state.substr(0, state.find('#'));
  const tinker::RestClient rest = tinker::ServiceClient(options_for(service)).rest();
  run_blocking(rest.set_checkpoint_ttl(plain, 3600s));
  const std::string run = tinker::parse_tinker_path(plain).run_id;
  EXPECT_TRUE(run_blocking(rest.checkpoints(run)).at(0).expires_at);
  EXPECT_TRUE(run_blocking(backend->keep_state(state)));
  EXPECT_FALSE(run_blocking(rest.checkpoints(run)).at(0).expires_at);
  run_blocking(backend->drop_state(state));
  EXPECT_FALSE(run_blocking(backend->keep_state(state)));
  run_blocking(backend->drop_state(state));  // twice is once
  EXPECT_FALSE(run_blocking(backend->keep_state("tinker://nobody:train:0/weights/one")));
}

TEST_F(TinkerStudy, models_go_with_their_legs) {
  const Service service(path() / "serve", 1);
  LoraConfig lora;
  lora.rank = 2;
  for (int i = 0; i < 3; ++i) {
    const auto backend = backend_for(service);
    const auto trainer = run_blocking(backend->create_trainer(lora, path()));
    const auto snapshot = run_blocking(trainer->snapshot());
    EXPECT_EQ(run_blocking(snapshot->score(ScoreRequest({1, 2, 3}, 1))).size(), 2U);
    // There is room for one model at the service.
    const auto second = run_blocking(backend->create_trainer(lora, path()));
    EXPECT_THROW(run_blocking(second->snapshot()), Error);
  }
}

TEST_F(TinkerStudy, is_planned_without_the_service) {
  StudySpec spec = short_pilot();
  spec.backend = "tinker";
  spec.base_url = "http://127.0.0.1:1";
  spec.validate();
  const auto backend = open_backend(spec);
  const Materials materials = gather_materials(spec, *backend, open_domains(spec));
  EXPECT_EQ(make_plan(spec, materials).legs.size(), 4U);
  EXPECT_EQ(StudySpec::from_toml(spec.to_toml(), "copy", "/").to_toml(), spec.to_toml());
}

TEST_F(TinkerStudy, records_everything_but_the_key) {
  const Service service(path() / "serve");
  StudySpec spec = served(short_pilot(), service);
  spec.conditions = {Condition::baseline};
  RunOptions options;
  options.run_folder = path() / "run";
  options.record_file = path() / "record.jsonl";
  run_study(spec, options);
  std::stringstream text;
  text << std::ifstream(options.record_file).rdbuf();
  EXPECT_NE(text.str().find("/api/v1/asample"), std::string::npos);
  EXPECT_EQ(text.str().find(key), std::string::npos);
  EXPECT_EQ(text.str().find("x-api-key"), std::string::npos);
  EXPECT_EQ(text.str().find("uthorization"), std::string::npos);
  spec.backend = "embedded";
  spec.base_url.clear();
  options.run_folder = path() / "other";
  EXPECT_NE(error_of(Errc::invalid_argument, [&] { run_study(spec, options); }).find("record"),
            std::string::npos);
}

TEST_F(TinkerStudy, what_a_service_cannot_do_is_refused_in_the_file) {
  const auto refused = [](const std::string& text) {
    return error_of(Errc::bad_data, [&] { StudySpec::from_toml(text, "file", "/"); });
  };
  EXPECT_NE(refused("backend = \"tinkr\"").find("tinker"), std::string::npos);
  EXPECT_NE(refused("base_url = \"http://x\"").find("file:1"), std::string::npos);
  EXPECT_NE(refused("backend = \"tinker\"\nbase_url = \"x:80\"").find("http://"),
            std::string::npos);
  EXPECT_NE(refused("backend = \"tinker\"\n[train]\nrank = 0").find("rank"), std::string::npos);
  EXPECT_NE(refused("backend = \"tinker\"\n[train]\nalpha = 16").find("32"), std::string::npos);
  const StudySpec spec = StudySpec::from_toml(
      "backend = \"tinker\"\nmodel = \"org/name\"\ntokenizer = \"here\"", "file", "/folder");
  EXPECT_EQ(spec.model, "org/name");
  EXPECT_EQ(spec.tokenizer, "/folder/here");
}

TEST_F(TinkerStudy, tokenizers_are_found_where_they_are) {
  StudySpec spec;
  spec.backend = "tinker";
  spec.model = "org/name";
  setenv("HF_HUB_CACHE", path().c_str(), 1);
  EXPECT_TRUE(local_tokenizer(spec).empty());
  const fs::path snapshot = path() / "models--org--name" / "snapshots" / "abc";
  fs::create_directories(snapshot);
  EXPECT_TRUE(local_tokenizer(spec).empty());
  std::ofstream(snapshot / "tokenizer.json") << "{}";
  EXPECT_EQ(local_tokenizer(spec), snapshot);
  EXPECT_TRUE(cached_tokenizer("../../org/name").empty());
  unsetenv("HF_HUB_CACHE");
  spec.model = "embedded:small";
  EXPECT_EQ(local_tokenizer(spec), locate_model("embedded:small"));
  spec.tokenizer = "embedded:large";
  EXPECT_EQ(local_tokenizer(spec), locate_model("embedded:large"));
}

}  // namespace
}  // namespace xfer::study
