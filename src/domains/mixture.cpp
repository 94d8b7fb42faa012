// SPDX-License-Identifier: Apache-2.0
#include "xfer/domains/mixture.hpp"

#include "xfer/error.hpp"
#include "xfer/hash.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <utility>

namespace xfer::domains {
namespace {

constexpr const char* part_field = "mixture_part";

class Mixture final : public Dataset {
public:
  Mixture(std::string name, std::vector<MixturePart> parts)
      : name_(std::move(name)), parts_(std::move(parts)) {
    for (const Split split : all_splits) count(split);
  }
  std::string_view name() const noexcept override { return name_; }

private:
  using Counts = std::vector<std::size_t>;
  const Counts& counts(Split split) const { return counts_[static_cast<std::size_t>(split)]; }

  /// Items of each part in a split.
  void count(Split split) {
    double whole = std::numeric_limits<double>::infinity();
    for (const MixturePart& part : parts_)
      if (const std::size_t size = part.domain.dataset->size(split); size > 0)
        whole = std::min(whole, static_cast<double>(size) / part.weight);
    Counts& all = counts_[static_cast<std::size_t>(split)];
    for (const MixturePart& part : parts_) {
      const std::size_t size = part.domain.dataset->size(split);
      if (size == 0) {
        all.push_back(0);
        continue;
      }
      // A part that is there at all has an item.
      const auto share = static_cast<std::size_t>(std::floor(whole * part.weight + 1e-9));
      all.push_back(std::clamp<std::size_t>(share, 1, size));
    }
  }

  std::size_t do_size(Split split) const override {
    std::size_t all = 0;
    for (const std::size_t n : counts(split)) all += n;
    return all;
  }

  Example do_at(Split split, std::size_t index) const override {
    std::size_t part = 0;
    while (index >= counts(split)[part]) index -= counts(split)[part++];
    const Domain& from = parts_[part].domain;
    // Spread over the part, in integers: size * index may not fit into 64 bits for generators.
    const std::size_t size = from.dataset->size(split);
    const std::size_t kept = counts(split)[part];
    const std::size_t place = size / kept * index + size % kept * index / kept;
    Example example = from.dataset->at(split, place);
    example.question = from.prompts.front().apply(example.question);
    example.kind = from.name + (example.kind.empty() ? "" : "/" + example.kind);
    example.extra[part_field] = from.name;
    return example;
  }

  std::string do_manifest_hash(Split split) const override {
    HashBuilder hash("mixture/1");
    for (std::size_t i = 0; i < parts_.size(); ++i)
      hash.field("part", parts_[i].domain.dataset->manifest_hash(split))
          .field("before", parts_[i].domain.prompts.front().before)
          .field("after", parts_[i].domain.prompts.front().after)
          .field("items", static_cast<std::uint64_t>(counts(split)[i]));
    return hash.hex();
  }

  std::string name_;
  std::vector<MixturePart> parts_;
  std::array<Counts, all_splits.size()> counts_;
};

class MixtureGrader final : public grade::Grader {
public:
  explicit MixtureGrader(const std::vector<MixturePart>& parts) {
    for (const MixturePart& part : parts) {
      graders_[part.domain.name] = part.domain.grader;
      version_ += fmt::format("{}{}={}/{}", version_.empty() ? "" : " ", part.domain.name,
                              part.domain.grader->name(), part.domain.grader->version());
    }
  }
  std::string_view name() const noexcept override { return "mixture"; }
  std::string_view version() const noexcept override { return version_; }
  grade::Verdict grade(const Example& example, std::string_view completion) const override {
    const auto part = example.extra.find(part_field);
    const auto found = part == example.extra.end() ? graders_.end() : graders_.find(part->second);
    if (found == graders_.end())
      throw Error(Errc::invalid_argument,
                  "grader mixture: example " + example.id + " is of none of its parts");
    return found->second->grade(example, completion);
  }

private:
  std::map<std::string, std::shared_ptr<const grade::Grader>> graders_;
  std::string version_;
};

void check(const std::string& name, const std::vector<MixturePart>& parts) {
  if (parts.empty()) throw Error(Errc::invalid_argument, "mixture " + name + ": it has no parts");
  std::map<std::string, int> names;
  for (const MixturePart& part : parts) {
    if (++names[part.domain.name] > 1)
      throw Error(Errc::invalid_argument,
                  "mixture " + name + ": two parts are named " + part.domain.name);
    if (!(part.weight > 0.0) || !std::isfinite(part.weight))
      throw Error(Errc::invalid_argument,
                  fmt::format("mixture {}: the weight of {} must be above 0 (got {})", name,
                              part.domain.name, part.weight));
  }
}

}  // namespace

Domain mixed_domain(const std::string& name, const std::vector<MixturePart>& parts) {
  check(name, parts);
  Domain mixed;
  mixed.name = name;
  mixed.title = "Mixture:";
  mixed.dataset = std::make_shared<const Mixture>(name, parts);
  mixed.grader = std::make_shared<const MixtureGrader>(parts);
  mixed.max_answer_tokens = 1;
  mixed.stop_strings = parts.front().domain.stop_strings;
  for (const MixturePart& part : parts) {
    mixed.title += fmt::format("{} {} ({:g})", &part == &parts.front() ? "" : ",", part.domain.name,
                               part.weight);
    mixed.max_answer_tokens = std::max(mixed.max_answer_tokens, part.domain.max_answer_tokens);
    // What ends an answer of one part may stand inside one of another.
    std::erase_if(mixed.stop_strings, [&](const std::string& stop) {
      const auto& other = part.domain.stop_strings;
      return std::find(other.begin(), other.end(), stop) == other.end();
    });
  }
  for (const char* hint :
       {"", "Answer this.\n\n", "Here is a task.\n\n", "Give the answer.\n\n", "Solve this.\n\n"})
    mixed.prompts.push_back({hint, ""});
  return mixed;
}

}  // namespace xfer::domains
