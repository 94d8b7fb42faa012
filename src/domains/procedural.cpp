// SPDX-License-Identifier: Apache-2.0
#include "domains/procedural.hpp"

#include "xfer/hash.hpp"

#include <fmt/format.h>

namespace xfer::domains {
namespace {

/// Raise whenever any generated example would change.
constexpr int generator_version = 2;
constexpr std::size_t items_max = 1'000'000'000;
constexpr std::size_t few_shot_count = 8;

class ProceduralDataset final : public Dataset {
public:
  ProceduralDataset(const Recipe& recipe, std::uint64_t seed) : recipe_(recipe), seed_(seed) {}

  std::string_view name() const noexcept override { return recipe_.name; }

private:
  std::size_t do_size(Split) const override { return items_max; }

  Example do_at(Split split, std::size_t index) const override {
    const Rng rng = Rng(seed_, recipe_.name).fork(to_string(split)).fork(index);
    const Level level = split == Split::heldout ? Level::harder : Level::full;
    Item item = draw_item(recipe_, rng, level, split);
    Example example;
    example.id = fmt::format("{}/{}/{}-{:08x}", recipe_.name, to_string(split), index,
                             static_cast<std::uint32_t>(stream_id(item.key) >> 32U));
    example.solution = worked_answer(item.problem);
    example.question = std::move(item.problem.question);
    example.answer = std::move(item.problem.answer);
    example.kind = item.kind->name;
    if (!item.problem.points.empty()) {
      example.extra["points"] = std::move(item.problem.points);
      example.extra["variables"] = R"(["x","y"])";
    }
    return example;
  }

  std::string do_manifest_hash(Split split) const override {
    return HashBuilder("procedural/1")
        .field("domain", recipe_.name)
        .field("version", generator_version)
        .field("seed", seed_)
        .field("split", to_string(split))
        .hex();
  }

  const Recipe& recipe_;
  std::uint64_t seed_;
};

}  // namespace

const std::vector<PromptTemplate>& procedural_prompts() {
  static const std::vector<PromptTemplate> prompts = {{"Q: ", "\nA:"},
                                                      {"Question: ", "\nAnswer:"},
                                                      {"Problem: ", "\nSolution:"},
                                                      {"Task: ", "\nReply:"},
                                                      {"", "\nAnswer:"}};
  return prompts;
}

std::string worked_answer(const Problem& problem) {
  return problem.steps + (problem.steps.empty() ? "#" : " #") + problem.answer;
}

Domain procedural_domain(std::string_view name, std::uint64_t seed) {
  const Recipe& found = recipe(name);
  Domain domain;
  domain.name = found.name;
  domain.title = found.title;
  domain.dataset = std::make_shared<ProceduralDataset>(found, seed);
  domain.grader = grade::Grader::make(found.grader);
  domain.prompts = procedural_prompts();
  // From the far end of the train side, where no leg gets to.
  for (std::size_t i = 1; i <= few_shot_count; ++i)
    domain.few_shot.push_back(domain.dataset->at(Split::train, items_max - i));
  domain.max_answer_tokens = 112;
  domain.stop_strings = {"\n"};
  return domain;
}

std::vector<std::string> procedural_domain_names() {
  std::vector<std::string> names;
  for (const Recipe* r : recipes()) names.emplace_back(r->name);
  return names;
}

}  // namespace xfer::domains
