// SPDX-License-Identifier: Apache-2.0
// Makes an embedded model from nothing: procedural text, the engine's own training, a fixed seed.
//
//   xfer_pretrain --size small --out python/xfer/models/small
//
// docs/embedded-model.md says what came out. The same arguments give the same bits on the same
// kind of CPU, whatever the number of threads.
#include "muon.hpp"

#include "engine/loader.hpp"
#include "engine/local_sampler.hpp"
#include "engine/runtime.hpp"
#include "engine/train_pass.hpp"
#include "xfer/domains/domain.hpp"
#include "xfer/domains/pretraining.hpp"
#include "xfer/error.hpp"
#include "xfer/files/safetensors.hpp"
#include "xfer/run_blocking.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <string>

namespace {

using namespace xfer;
namespace fs = std::filesystem;

struct Options {
  std::string size = "small";
  fs::path tokenizer = "python/xfer/models/tokenizer.json";
  fs::path out;
  std::uint64_t seed = 20261124;
  double tokens = 12e6;
  int tokens_per_step = 4096;
  /// Of Muon, on the layers' matrices; AdamW on embeddings and norms takes half of it.
  double learning_rate = 6e-3;
  double weight_decay = 0.05;
  /// Share of the run with the flat learning rate before it falls.
  double flat_share = 0.6;
  /// Share of the run at its end that also sees the full task.
  double anneal_share = 0.5;
  /// Loss weight of the question's tokens; the answer's is 1.
  float prompt_weight = 0.2F;
  int threads = 0;
  int eval_items = 100;
  int report_every = 100;
};

constexpr const char* usage =
    "usage: xfer_pretrain --out FOLDER [--size small|large] [--option VALUE]...\n"
    "Pre-trains an embedded model on procedural text. Options and their defaults:\n"
    "  --tokens 12e6            tokens to train on\n"
    "  --tokens-per-step 4096   tokens of a batch\n"
    "  --learning-rate 6e-3     of Muon; AdamW takes half of it\n"
    "  --flat-share 0.6         share of the run before the learning rate falls\n"
    "  --anneal-share 0.5       share of the run at its end that also sees the full task\n"
    "  --prompt-weight 0.2      loss weight of the question's tokens\n"
    "  --seed 20261124          the same seed gives the same weights\n"
    "  --threads 0              0 for all cores; never changes the result\n"
    "  --tokenizer FILE         default python/xfer/models/tokenizer.json\n"
    "  --eval-items 100         test items per domain, four times as many at the end\n"
    "  --report-every 100       steps between lines; each fifth also has test accuracy\n";

engine::ModelConfig shape(const std::string& size, int vocab) {
  engine::ModelConfig c;
  c.vocab_size = (vocab + 15) / 16 * 16;
  c.max_positions = 512;
  c.head_dim = 32;
  c.kv_heads = 2;
  c.tied_head = true;
  if (size == "small") {
    c.hidden_size = 192;
    c.heads = 6;
    c.layers = 4;
    c.intermediate_size = 512;
  } else if (size == "large") {
    c.hidden_size = 256;
    c.heads = 8;
    c.layers = 6;
    c.intermediate_size = 640;
  } else {
    throw Error(Errc::invalid_argument, "--size must be small or large (got " + size + ")");
  }
  return c;
}

Options parse(int argc, char** argv) {
  Options o;
  const std::map<std::string, std::function<void(const std::string&)>> known = {
      {"--size", [&](const std::string& v) { o.size = v; }},
      {"--tokenizer", [&](const std::string& v) { o.tokenizer = v; }},
      {"--out", [&](const std::string& v) { o.out = v; }},
      {"--seed", [&](const std::string& v) { o.seed = std::stoull(v); }},
      {"--tokens", [&](const std::string& v) { o.tokens = std::stod(v); }},
      {"--tokens-per-step", [&](const std::string& v) { o.tokens_per_step = std::stoi(v); }},
      {"--learning-rate", [&](const std::string& v) { o.learning_rate = std::stod(v); }},
      {"--flat-share", [&](const std::string& v) { o.flat_share = std::stod(v); }},
      {"--anneal-share", [&](const std::string& v) { o.anneal_share = std::stod(v); }},
      {"--prompt-weight", [&](const std::string& v) { o.prompt_weight = std::stof(v); }},
      {"--threads", [&](const std::string& v) { o.threads = std::stoi(v); }},
      {"--eval-items", [&](const std::string& v) { o.eval_items = std::stoi(v); }},
      {"--report-every", [&](const std::string& v) { o.report_every = std::stoi(v); }},
  };
  for (int i = 1; i < argc; i += 2) {
    const auto it = known.find(argv[i]);
    if (it == known.end() || i + 1 >= argc) {
      std::string names;
      for (const auto& [name, ignored] : known) names += " " + name;
      throw Error(Errc::invalid_argument,
                  std::string("unknown or incomplete option ") + argv[i] + "; known:" + names);
    }
    try {
      it->second(argv[i + 1]);
    } catch (const std::logic_error&) {
      throw Error(Errc::invalid_argument,
                  std::string(argv[i]) + " needs a number (got " + argv[i + 1] + ")");
    }
  }
  if (o.out.empty()) throw Error(Errc::invalid_argument, "--out FOLDER is missing");
  return o;
}

// Documents end to end, every position scored: the question's tokens at `prompt_weight`.
struct Batch {
  engine::PassBatch pass;
  std::vector<float> weights;
};

void append(Batch& batch, const text::Tokenizer& tokenizer, const domains::PretrainingDocument& doc,
            float prompt_weight) {
  auto tokens = tokenizer.encode(doc.prompt, false);
  const std::size_t prompt = tokens.size();
  tokenizer.encode_to(" " + doc.answer, tokens, false);
  tokens.push_back(tokenizer.end_tokens().front());
  for (std::size_t t = 0; t + 1 < tokens.size(); ++t) {
    batch.pass.scored_rows.push_back(batch.pass.rows());
    batch.pass.targets.push_back(tokens[t + 1]);
    batch.weights.push_back(t + 1 < prompt ? prompt_weight : 1.0F);
    batch.pass.tokens.push_back(tokens[t]);
  }
  batch.pass.starts.push_back(batch.pass.rows());
}

// Share of greedy answers that are right, per domain, on items of the test side.
void evaluate(Sampler& sampler, const text::Tokenizer& tokenizer, int items) {
  double mean = 0.0;
  std::string line = "  test accuracy:";
  for (const std::string& name : domains::procedural_domain_names()) {
    const domains::Domain domain = domains::procedural_domain(name);
    std::vector<Example> examples;
    for (int i = 0; i < items; ++i)
      examples.push_back(domain.dataset->at(Split::test, static_cast<std::size_t>(i)));
    std::vector<std::string> answers(examples.size());
    boost::asio::io_context loop(1);
    for (std::size_t i = 0; i < examples.size(); ++i) {
      SampleRequest request(
          tokenizer.encode(domain.prompts.front().apply(examples[i].question), false));
      request.temperature = 0.0;
      request.max_tokens = 96;
      boost::asio::co_spawn(
          loop, sampler.sample(std::move(request)),
          [&answers, &tokenizer, i](std::exception_ptr failure, std::vector<Completion> got) {
            if (failure) std::rethrow_exception(failure);
            answers[i] = tokenizer.decode(got[0].tokens, true);
          });
    }
    loop.run();
    double right = 0.0;
    for (std::size_t i = 0; i < examples.size(); ++i)
      right += domain.grader->grade(examples[i], answers[i]).score;
    line += " " + name + " " + std::to_string(static_cast<int>(std::lround(100.0 * right / items)));
    mean += right / items / 7.0;
  }
  std::printf("%s | mean %.1f\n", line.c_str(), 100.0 * mean);
  std::fflush(stdout);
}

std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

// The trained weights as bf16, with configuration and tokenizer: a folder that any tool loads.
void export_model(const engine::ParameterSet& parameters, const engine::ModelConfig& config,
                  const fs::path& tokenizer, const fs::path& out) {
  std::vector<std::vector<std::uint16_t>> memory;
  std::vector<files::TensorToStore> tensors;
  for (const engine::Parameter& p : parameters.all()) {
    auto& values = memory.emplace_back(p.value.size());
    std::transform(p.value.begin(), p.value.end(), values.begin(), to_bf16);
    const bool norm = p.name.ends_with("norm.weight");
    tensors.push_back(
        {p.name,
         files::StoredType::bf16,
         norm ? std::vector<std::int64_t>{p.cols} : std::vector<std::int64_t>{p.rows, p.cols},
         {}});
  }
  for (std::size_t i = 0; i < tensors.size(); ++i)
    tensors[i].bytes = std::as_bytes(std::span(memory[i]));
  fs::create_directories(out);
  files::write_safetensors(out / "model.safetensors", tensors, {{"format", "pt"}});
  files::write_atomically(out / "config.json", std::string_view(engine::write_config(config)));
  files::write_atomically(out / "tokenizer.json", files::read_text(tokenizer));
}

class Pretraining {
public:
  Pretraining(const engine::Model& model, const Options& options)
      : options_(options), pool_(model.runtime().pool()), network_(*model.network()),
        parameters_(engine::ParameterSet::full(network_)),
        gradients_(engine::GradientTable::of(model.config(), parameters_)), pass_(pool_) {}

  /// One step at `rate` times the full learning rate; returns the mean loss.
  double step(const Batch& batch, double rate) {
    double weight_sum = 0.0;
    for (const float w : batch.weights) weight_sum += static_cast<double>(w);
    double loss = 0.0;
    pass_.run(network_, nullptr, batch.pass, &gradients_,
              [&](std::size_t first, std::span<const float> logprobs, std::span<float> gradient) {
                for (std::size_t i = 0; i < logprobs.size(); ++i) {
                  const double w = static_cast<double>(batch.weights[first + i]) / weight_sum;
                  gradient[i] = static_cast<float>(-w);
                  loss -= w * static_cast<double>(logprobs[i]);
                }
              });
    if (!std::isfinite(loss)) throw Error(Errc::diverged, "pretrain: the loss is not finite");
    double squares = 0.0;
    for (const engine::Parameter& p : parameters_.all())
      squares += engine::kernels().sum_squares(p.grad.data(), p.size());
    const auto scale = static_cast<float>(std::min(1.0, 1.0 / (std::sqrt(squares) + 1e-6)));
    tools::MuonParams muon;
    muon.learning_rate = options_.learning_rate * rate;
    muon.weight_decay = options_.weight_decay;
    AdamParams adam;
    adam.learning_rate = 0.5 * muon.learning_rate;
    adam.eps = 1e-8;
    adam.grad_clip_norm = 1.0;
    // Each matrix is one piece of work: they are many and small.
    auto& all = parameters_.all();
    pool_.run(static_cast<std::int64_t>(all.size()), [&](std::int64_t i, int) {
      engine::Parameter& p = all[static_cast<std::size_t>(i)];
      engine::ThreadPool alone(1);
      if (p.name.find("_proj") != std::string::npos) tools::muon_step(alone, muon, scale, p);
    });
    parameters_.step(pool_, adam, [](const engine::Parameter& p) {
      return p.name.find("_proj") == std::string::npos;
    });
    const auto slots = network_.slots();
    for (std::size_t i = 0; i < slots.size(); ++i)
      engine::Network::write(pool_, slots[i].second, parameters_.all()[i].value.data());
    return loss;
  }

  const engine::ParameterSet& parameters() const noexcept { return parameters_; }
  std::shared_ptr<const engine::Network> copy() const {
    return std::make_shared<const engine::Network>(network_);
  }

private:
  Options options_;
  engine::ThreadPool& pool_;
  engine::Network network_;
  engine::ParameterSet parameters_;
  engine::GradientTable gradients_;
  engine::TrainPass pass_;
};

void run(const Options& o) {
  const auto tokenizer = text::Tokenizer::load(o.tokenizer);
  engine::ModelConfig config = shape(o.size, tokenizer.vocab_size());
  config.end_tokens = {tokenizer.end_tokens().front()};
  engine::ModelOptions model_options;
  model_options.threads = o.threads;
  const auto model = engine::Model::random(config, tokenizer, o.seed, model_options);
  Pretraining pretraining(*model, o);
  const int steps = static_cast<int>(o.tokens / o.tokens_per_step);
  std::printf("%s: %lld parameters, %d steps of about %d tokens\n", o.size.c_str(),
              static_cast<long long>(config.parameters()), steps, o.tokens_per_step);

  const auto start = std::chrono::steady_clock::now();
  std::uint64_t next = 0;
  double seen = 0.0;
  double loss_sum = 0.0;
  for (int step = 0; step < steps; ++step) {
    const double progress = static_cast<double>(step) / steps;
    const auto phase = progress >= 1.0 - o.anneal_share ? domains::PretrainingPhase::anneal
                                                        : domains::PretrainingPhase::base;
    Batch batch;
    while (batch.pass.rows() < o.tokens_per_step)
      append(batch, tokenizer, domains::pretraining_document(o.seed, next++, phase),
             o.prompt_weight);
    const double warm = std::min(1.0, (step + 1) / 60.0);
    const double fall =
        progress < o.flat_share ? 1.0 : std::max(0.02, (1.0 - progress) / (1.0 - o.flat_share));
    loss_sum += pretraining.step(batch, warm * fall);
    seen += batch.pass.rows();
    if ((step + 1) % o.report_every == 0 || step + 1 == steps) {
      const double seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      const int since = (step % o.report_every) + 1;
      std::printf("step %d/%d loss %.4f, %.2fM tokens, %.0f tokens/s\n", step + 1, steps,
                  loss_sum / since, seen / 1e6, seen / seconds);
      std::fflush(stdout);
      loss_sum = 0.0;
    }
    if ((step + 1) % (o.report_every * 5) == 0 || step + 1 == steps) {
      const auto sampler = engine::make_sampler(model, pretraining.copy(), nullptr);
      evaluate(*sampler, tokenizer, step + 1 == steps ? 4 * o.eval_items : o.eval_items);
      export_model(pretraining.parameters(), config, o.tokenizer, o.out);
    }
  }
  std::printf("written: %s\n", o.out.string().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 2 && (std::string(argv[1]) == "--help" || std::string(argv[1]) == "-h")) {
      std::fputs(usage, stdout);
      return 0;
    }
    run(parse(argc, argv));
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return is_bad_input(e.code()) ? 2 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
