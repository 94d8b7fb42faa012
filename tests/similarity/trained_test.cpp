// SPDX-License-Identifier: Apache-2.0
// The measures that need adapters of a finished run.
#include "tests/similarity/listed.hpp"

#include "xfer/engine/features.hpp"
#include "xfer/engine/local_trainer.hpp"
#include "xfer/text/renderer.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

namespace xfer::similarity {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t examples = 32;
constexpr std::size_t batch = 16;
constexpr std::size_t steps = 36;

/// An adapter trained for a few steps on examples of a domain, from `first` on.
fs::path train(const fs::path& folder, const std::string& name, const std::string& domain,
               std::size_t first) {
  const auto model = small_model();
  const auto renderer =
      text::Renderer::make(text::Renderer::recommended(model->tokenizer()), model->tokenizer());
  const domains::Domain whole = domains::procedural_domain(domain);
  LoraConfig lora;
  lora.rank = 8;
  lora.seed = 3;
  const auto trainer = engine::make_local_trainer(model, lora, folder);
  for (std::size_t step = 0; step < steps; ++step) {
    std::vector<Datum> data;
    for (const Example& example : examples_of(domain, first + step * batch, batch)) {
      const std::vector<text::Message> messages = {
          {"user", whole.prompts.front().apply(example.question)}, {"assistant", example.solution}};
      const text::RenderedExample rendered = renderer->supervised_example(messages);
      const auto answer = std::find(rendered.is_target.begin(), rendered.is_target.end(), true) -
                          rendered.is_target.begin();
      data.push_back(supervised_datum({rendered.tokens.begin(), rendered.tokens.begin() + answer},
                                      {rendered.tokens.begin() + answer, rendered.tokens.end()}));
    }
    run_blocking(trainer->forward_backward(ForwardBackwardRequest(std::move(data))));
    AdamParams adam;
    adam.learning_rate = 3e-3;
    run_blocking(trainer->optim_step(adam));
  }
  return run_blocking(trainer->save_state(name, false));
}

TEST(Trained, domains_are_closest_to_themselves) {
  const fs::path folder =
      fs::temp_directory_path() / ("xfer-similarity-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  SimilarityOptions options;
  options.measures = names_of_basis({"run"});
  options.model_examples = examples;
  options.adapters["law"] = train(folder, "law", "law", 1000);
  options.adapters["law again"] = train(folder, "law-again", "law", 3000);
  options.adapters["math"] = train(folder, "math", "math", 1000);
  const auto table = measured({listed("law", examples_of("law", 0, examples)),
                               listed("law again", examples_of("law", examples, examples)),
                               listed("math", examples_of("math", 0, examples))},
                              options);
  for (const std::string& measure : options.measures) {
    const double half = closeness(table, "law again", "law", measure);
    EXPECT_GT(half, closeness(table, "math", "law", measure)) << measure;
    EXPECT_GT(closeness(table, "math", "math", measure), closeness(table, "law", "math", measure))
        << measure;
    EXPECT_EQ(predicted_sources(table, "law", measure).front(), "law again") << measure;
  }
  EXPECT_LT(*table.find("law", "law", "cross_perplexity")->value.number(), 0.0);
  EXPECT_NEAR(*table.find("law", "law", "task_vector_cosine")->value.number(), 1.0, 1e-9);
  EXPECT_NEAR(*table.find("law", "math", "task_vector_cosine")->value.number(),
              *table.find("math", "law", "task_vector_cosine")->value.number(), 1e-12);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace xfer::similarity
