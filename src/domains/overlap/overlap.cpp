// SPDX-License-Identifier: Apache-2.0
#include "xfer/domains/overlap.hpp"

#include "domains/overlap/gram_index.hpp"
#include "domains/overlap/near_index.hpp"
#include "xfer/error.hpp"
#include "xfer/hash.hpp"
#include "xfer/rng.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

namespace xfer::domains {
namespace {

/// Text in more items than this is the wording of the split, not of an item.
std::size_t common_from(std::size_t items) { return std::max<std::size_t>(items / 10, 20); }

std::uint64_t words_hash(std::string_view text) {
  std::uint64_t hash = 0;
  for_each_word(text, [&](std::uint64_t word) { hash = mixed(hash ^ word); });
  return hash;
}

std::size_t items_of(const OverlapSet& set, const OverlapOptions& options) {
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(set.dataset->size(set.split), options.items_max));
}

/// Everything known of one test split.
class TestSide {
public:
  TestSide(const OverlapSet& set, const OverlapOptions& options)
      : set_(set), grams_(static_cast<std::size_t>(options.gram_words)), near_(options.similarity),
        size_(items_of(set, options)) {
    for (std::size_t i = 0; i < size_; ++i) {
      const auto item = static_cast<std::uint32_t>(i);
      const Example example = set.dataset->at(set.split, i);
      exact_[stream_id(example.question)].push_back(item);
      words_[words_hash(example.question)].push_back(item);
      grams_.add(example.question);
      near_.add(example.question);
    }
    grams_.finish(common_from(size_));
    near_.finish(common_from(size_));
  }

  struct Found {
    Overlap kind;
    double strength;
  };
  /// The test items that a training text overlaps, each by its strongest kind.
  std::map<std::uint32_t, Found> find(std::string_view text) const {
    std::map<std::uint32_t, Found> found;
    if (const auto same = exact_.find(stream_id(text)); same != exact_.end())
      for (const std::uint32_t item : same->second)
        if (question(item) == text) found.emplace(item, Found{Overlap::exact, 1.0});
    if (const auto same = words_.find(words_hash(text)); same != words_.end())
      for (const std::uint32_t item : same->second)
        found.emplace(item, Found{Overlap::normalised, 1.0});
    std::map<std::uint32_t, std::size_t> runs;
    grams_.scan(text, [&](std::uint32_t item) { ++runs[item]; });
    for (const auto& [item, count] : runs)
      found.emplace(item, Found{Overlap::gram, static_cast<double>(count)});
    for (const auto& [item, alike] : near_.find(text))
      found.emplace(item, Found{Overlap::near, alike});
    return found;
  }

  std::size_t size() const { return size_; }
  const std::string& name() const { return set_.name; }
  std::string id(std::uint32_t item) const { return set_.dataset->at(set_.split, item).id; }

private:
  std::string question(std::uint32_t item) const {
    return set_.dataset->at(set_.split, item).question;
  }

  OverlapSet set_;
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> exact_;
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> words_;
  GramIndex grams_;
  NearIndex near_;
  std::size_t size_;
};

/// One cell while its train split goes by.
class CellBuilder {
public:
  CellBuilder(const TestSide& test, const OverlapOptions& options)
      : test_(&test), pairs_max_(options.pairs_max), strongest_(test.size(), none) {}

  void add(const Example& train) {
    for (const auto& [item, found] : test_->find(train.question)) {
      strongest_[item] = std::min(strongest_[item], static_cast<int>(found.kind));
      if (pairs_.size() < pairs_max_)
        pairs_.push_back({test_->id(item), train.id, found.kind, found.strength});
    }
  }

  OverlapCell finish(std::string train, std::uint64_t train_items) {
    OverlapCell cell;
    cell.train = std::move(train);
    cell.test = test_->name();
    cell.train_items = train_items;
    cell.test_items = test_->size();
    cell.pairs = std::move(pairs_);
    for (std::uint32_t item = 0; item < strongest_.size(); ++item) {
      if (strongest_[item] == none) continue;
      ++cell.flagged[static_cast<std::size_t>(strongest_[item])];
      cell.flagged_ids.push_back(test_->id(item));
    }
    return cell;
  }

private:
  static constexpr int none = 4;
  const TestSide* test_;
  std::uint64_t pairs_max_;
  std::vector<int> strongest_;
  std::vector<OverlapPair> pairs_;
};

void check(const OverlapOptions& options) {
  if (options.gram_words < 2 || options.gram_words > 64)
    throw Error(Errc::invalid_argument,
                fmt::format("overlap: gram_words must be in 2..64 (got {})", options.gram_words));
  if (!(options.similarity > 0.0 && options.similarity <= 1.0))
    throw Error(Errc::invalid_argument,
                fmt::format("overlap: similarity must be above 0 and at most 1 (got {})",
                            options.similarity));
}

/// A dataset with some items of one split left out.
class Without final : public Dataset {
public:
  Without(std::shared_ptr<const Dataset> whole, Split split, const std::vector<std::string>& ids)
      : whole_(std::move(whole)), split_(split) {
    const std::set<std::string> out(ids.begin(), ids.end());
    for (std::size_t i = 0; i < whole_->size(split); ++i)
      if (!out.contains(whole_->at(split, i).id)) kept_.push_back(i);
    HashBuilder hash("without/1");
    hash.field("whole", whole_->manifest_hash(split));
    for (const std::string& id : out) hash.field("id", id);
    hash_ = hash.hex();
  }
  std::string_view name() const noexcept override { return whole_->name(); }

private:
  std::size_t do_size(Split split) const override {
    return split == split_ ? kept_.size() : whole_->size(split);
  }
  Example do_at(Split split, std::size_t index) const override {
    return whole_->at(split, split == split_ ? kept_[index] : index);
  }
  std::string do_manifest_hash(Split split) const override {
    return split == split_ ? hash_ : whole_->manifest_hash(split);
  }

  std::shared_ptr<const Dataset> whole_;
  Split split_;
  std::vector<std::size_t> kept_;
  std::string hash_;
};

/// Listing the items of an endless split would never end.
constexpr std::size_t listed_max = 10'000'000;

}  // namespace

std::string_view to_string(Overlap kind) noexcept {
  switch (kind) {
    case Overlap::exact: return "exact";
    case Overlap::normalised: return "normalised";
    case Overlap::gram: return "gram";
    case Overlap::near: return "near";
  }
  return "near";
}

std::vector<OverlapCell> find_overlap(const std::vector<OverlapSet>& train,
                                      const std::vector<OverlapSet>& test,
                                      const OverlapOptions& options) {
  check(options);
  std::vector<TestSide> sides;
  sides.reserve(test.size());
  for (const OverlapSet& set : test) sides.emplace_back(set, options);
  std::vector<OverlapCell> cells;
  for (const OverlapSet& set : train) {
    std::vector<CellBuilder> builders;
    for (const TestSide& side : sides) builders.emplace_back(side, options);
    const std::size_t size = items_of(set, options);
    for (std::size_t i = 0; i < size; ++i) {
      const Example example = set.dataset->at(set.split, i);
      for (CellBuilder& builder : builders) builder.add(example);
    }
    for (CellBuilder& builder : builders) cells.push_back(builder.finish(set.name, size));
  }
  return cells;
}

Domain without_items(const Domain& domain, Split split, const std::vector<std::string>& ids) {
  if (domain.dataset->size(split) > listed_max)
    throw Error(Errc::invalid_argument,
                "domain " + domain.name + ": items of an endless split " + "cannot be left out");
  Domain left = domain;
  left.dataset = std::make_shared<Without>(domain.dataset, split, ids);
  left.title +=
      fmt::format(" ({} {} items left out)",
                  domain.dataset->size(split) - left.dataset->size(split), to_string(split));
  return left;
}

}  // namespace xfer::domains
