// SPDX-License-Identifier: Apache-2.0
#include "study/plan/overlap_check.hpp"

#include "study/plan/protocol.hpp"
#include "study/spec/utf8.hpp"

#include "xfer/domains/overlap.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <utility>

namespace xfer::study {
namespace {

/// Splits with more items are generators.
constexpr std::size_t listed_items_max = 10'000'000;

/// Some items of one split of a dataset.
class Excerpt final : public Dataset {
public:
  Excerpt(std::shared_ptr<const Dataset> whole, Split split, std::vector<std::size_t> items)
      : whole_(std::move(whole)), split_(split), items_(std::move(items)) {}
  std::string_view name() const noexcept override { return whole_->name(); }

private:
  std::size_t do_size(Split split) const override { return split == split_ ? items_.size() : 0; }
  Example do_at(Split split, std::size_t index) const override {
    return whole_->at(split, items_[index]);
  }
  std::string do_manifest_hash(Split split) const override { return whole_->manifest_hash(split); }

  std::shared_ptr<const Dataset> whole_;
  Split split_;
  std::vector<std::size_t> items_;
};

domains::OverlapSet excerpt(const std::string& name, const domains::Domain& domain, Split split,
                            std::vector<std::size_t> items) {
  return {name, std::make_shared<Excerpt>(domain.dataset, split, std::move(items)), split};
}

bool finite(const domains::Domain& domain, Split split) {
  const std::size_t size = domain.dataset->size(split);
  return size > 0 && size <= listed_items_max;
}

OverlapCheck summed_up(const domains::OverlapCell& cell) {
  OverlapCheck check;
  check.train = cell.train;
  check.test = cell.test;
  check.train_items = static_cast<std::int64_t>(cell.train_items);
  check.test_items = static_cast<std::int64_t>(cell.test_items);
  std::map<std::string, const domains::OverlapPair*> strongest;
  for (const domains::OverlapPair& pair : cell.pairs) {
    const auto [known, is_new] = strongest.emplace(pair.test_id, &pair);
    const auto rank = [](const domains::OverlapPair& p) { return std::pair(p.kind, -p.strength); };
    if (!is_new && rank(pair) < rank(*known->second)) known->second = &pair;
  }
  for (const std::string& id : cell.flagged_ids)
    if (const auto pair = strongest.find(id); pair != strongest.end())
      check.items.push_back({to_valid_utf8(id), to_valid_utf8(pair->second->train_id),
                             std::string(domains::to_string(pair->second->kind))});
  return check;
}

}  // namespace

std::vector<OverlapCheck> check_overlap(const StudySpec& spec, const Materials& materials) {
  std::set<std::string> trained;
  std::set<std::string> tested;
  for (const auto& [source, target] : spec.pairs) {
    trained.insert(source);
    trained.insert(target);
    tested.insert(target);
  }
  std::vector<domains::OverlapSet> train;
  std::vector<domains::OverlapSet> test;
  for (const auto& [name, domain] : materials.domains) {
    if (trained.contains(name) && finite(domain, Split::train)) {
      std::vector<std::size_t> items(training_examples(spec, domain));
      std::iota(items.begin(), items.end(), std::size_t{0});
      train.push_back(excerpt(name, domain, Split::train, std::move(items)));
    }
    if (tested.contains(name) && finite(domain, Split::test))
      test.push_back(
          excerpt(name, domain, Split::test, evaluation_items(domain, Split::test, spec.items)));
  }
  domains::OverlapOptions options;
  options.items_max = options.pairs_max = listed_items_max;
  std::vector<OverlapCheck> checks;
  if (train.empty() || test.empty()) return checks;
  for (const domains::OverlapCell& cell : domains::find_overlap(train, test, options))
    checks.push_back(summed_up(cell));
  return checks;
}

}  // namespace xfer::study
