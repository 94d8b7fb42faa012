// SPDX-License-Identifier: Apache-2.0
#include "report/scores/align.hpp"

#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"

#include "xfer/error.hpp"
#include "xfer/hash.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace xfer::report {
namespace {

using study::EvaluationResult;
using study::ItemResult;

using ItemsById = std::map<std::string, const ItemResult*>;

/// Room for rounding in float32: a certain token may come out a hair below 0 bits.
constexpr double bits_slack = 1e-3;

std::string evaluation_name(const EvaluationResult& e) {
  std::string name(to_string(e.condition));
  if (e.condition != Condition::baseline) name += " (seed " + std::to_string(e.seed) + ")";
  return name;
}

std::string cell_name(const study::CellResult& cell) {
  return clean_text(cell.source) + " -> " + clean_text(cell.target);
}

void check_values(const std::string& where, const ItemResult& item) {
  const auto refuse = [&](const std::string& field, const std::string& got,
                          const std::string& allowed) {
    throw Error(Errc::bad_data, where + ", item " + clip_text(item.item_id, 80) + ": " + field +
                                    " must be " + allowed + " (got " + got + ")");
  };
  if (!(item.score >= 0.0 && item.score <= 1.0)) refuse("score", plain(item.score), "in [0, 1]");
  if (!(item.reference_bits >= -bits_slack) || !std::isfinite(item.reference_bits))
    refuse("reference_bits", plain(item.reference_bits), "finite and at least 0");
  if (!(item.first_token_bits >= -bits_slack &&
        item.first_token_bits <= item.reference_bits + bits_slack))
    refuse("first_token_bits", plain(item.first_token_bits),
           "between 0 and reference_bits = " + plain(item.reference_bits));
  if (item.reference_bytes < 0)
    refuse("reference_bytes", std::to_string(item.reference_bytes), "at least 0");
  if (item.first_token_bytes < 0 || item.first_token_bytes > item.reference_bytes)
    refuse("first_token_bytes", std::to_string(item.first_token_bytes),
           "between 0 and reference_bytes = " + std::to_string(item.reference_bytes));
}

ItemsById by_id(const std::string& where, const EvaluationResult& evaluation) {
  if (evaluation.items.empty()) throw Error(Errc::bad_data, where + ": has no items");
  ItemsById items;
  for (const ItemResult& item : evaluation.items) {
    check_values(where, item);
    if (!items.emplace(item.item_id, &item).second)
      throw Error(Errc::bad_data,
                  where + ": item " + clip_text(item.item_id, 80) + " is there twice");
  }
  return items;
}

/// "" or e.g. "3 items only in transfer (seed 1): a, b, c".
std::string only_in(const std::string& name, const ItemsById& these, const ItemsById& others) {
  std::vector<std::string> ids;
  std::size_t count = 0;
  for (const auto& [id, item] : these) {
    if (others.count(id) != 0) continue;
    if (++count <= 5) ids.push_back(clip_text(id, 80));
  }
  if (count == 0) return "";
  std::string text = counted(static_cast<long long>(count), "item") + " only in " + name + ": ";
  for (std::size_t i = 0; i < ids.size(); ++i) text += (i > 0 ? ", " : "") + ids[i];
  return text + (count > ids.size() ? ", ..." : "");
}

void check_same_items(const std::string& where, const std::string& first_name,
                      const ItemsById& first, const std::string& name, const ItemsById& items) {
  const std::string missing = only_in(first_name, first, items);
  const std::string added = only_in(name, items, first);
  if (!missing.empty() || !added.empty())
    throw Error(Errc::run_mismatch, where + ": " + first_name + " and " + name +
                                        " were tested on different items: " + missing +
                                        (missing.empty() || added.empty() ? "" : "; ") + added);
  for (auto a = first.begin(), b = items.begin(); a != first.end(); ++a, ++b) {
    const auto key = [](const ItemResult& i) {
      return std::tie(i.kind, i.cluster, i.reference_bytes, i.first_token_bytes);
    };
    if (key(*a->second) == key(*b->second)) continue;
    const auto show = [](const ItemResult& i) {
      return "kind '" + clip_text(i.kind, 40) + "', cluster '" + clip_text(i.cluster, 40) +
             "', reference of " + std::to_string(i.reference_bytes) + " bytes, first token " +
             std::to_string(i.first_token_bytes);
    };
    throw Error(Errc::run_mismatch, where + ": item " + clip_text(a->first, 80) +
                                        " differs: " + first_name + " has " + show(*a->second) +
                                        "; " + name + " has " + show(*b->second));
  }
}

std::vector<const EvaluationResult*> in_order(const study::CellResult& cell,
                                              const std::string& where) {
  std::vector<const EvaluationResult*> all;
  for (const EvaluationResult& e : cell.evaluations) all.push_back(&e);
  const auto key = [](const EvaluationResult* e) { return std::tuple(e->condition, e->seed); };
  std::sort(all.begin(), all.end(), [&](const auto* a, const auto* b) { return key(a) < key(b); });
  for (std::size_t i = 1; i < all.size(); ++i)
    if (key(all[i - 1]) == key(all[i]))
      throw Error(Errc::bad_data, where + ": " + evaluation_name(*all[i]) + " is there twice");
  return all;
}

}  // namespace

const Arm* AlignedCell::find(Condition condition) const noexcept {
  for (const Arm& arm : arms)
    if (arm.condition == condition) return &arm;
  return nullptr;
}

AlignedCell align(const study::CellResult& cell) {
  const std::string where = "report: " + cell_name(cell);
  AlignedCell aligned;
  ItemsById first;
  std::string first_name;
  for (const EvaluationResult* evaluation : in_order(cell, where)) {
    const std::string name = evaluation_name(*evaluation);
    const ItemsById items = by_id(where + ", " + name, *evaluation);
    if (aligned.arms.empty()) {
      first = items;
      first_name = name;
      aligned.protocol_hash = evaluation->protocol_hash;
    }
    if (evaluation->protocol_hash != aligned.protocol_hash)
      throw Error(Errc::run_mismatch,
                  where + ": evaluations under different protocols cannot be compared: " +
                      first_name + " has protocol " + clip_text(aligned.protocol_hash, 80) + ", " +
                      name + " has " + clip_text(evaluation->protocol_hash, 80));
    check_same_items(where, first_name, first, name, items);
    if (aligned.arms.empty() || aligned.arms.back().condition != evaluation->condition) {
      aligned.arms.emplace_back();
      aligned.arms.back().condition = evaluation->condition;
    }
    Arm& arm = aligned.arms.back();
    arm.seeds.push_back(evaluation->seed);
    arm.legs.insert(arm.legs.end(), evaluation->legs.begin(), evaluation->legs.end());
    arm.items.emplace_back();
    for (const auto& [id, item] : items) arm.items.back().push_back(item);
  }
  HashBuilder hash("items/1");
  for (const auto& [id, item] : first) {
    aligned.items.push_back(item);
    hash.field("id", id).field("bytes", item->reference_bytes);
  }
  aligned.items_hash = hash.hex();
  return aligned;
}

}  // namespace xfer::report
