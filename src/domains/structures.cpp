// SPDX-License-Identifier: Apache-2.0
#include "domains/structures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace xfer::domains {

std::string shuffled_letters(Draw& draw) {
  std::vector<char> letters(18);
  std::iota(letters.begin(), letters.end(), 'A');
  draw.shuffle(letters);
  return {letters.begin(), letters.end()};
}

Forest::Forest(Draw& draw, int trees, int size_min, int size_max) {
  for (int tree = 0; tree < trees; ++tree) {
    const int root = static_cast<int>(parent_.size());
    const int size = draw.between(size_min, size_max);
    roots_.push_back(root);
    parent_.push_back(-1);
    for (int i = 1; i < size; ++i) {
      // Half of the nodes hang below the newest one: enough long chains, still many shapes.
      const int newest = root + i - 1;
      parent_.push_back(draw.coin() ? newest : draw.between(root, newest));
    }
  }
  letters_ = shuffled_letters(draw);
}

int Forest::depth(int node) const {
  int steps = 0;
  for (int at = parent_[static_cast<std::size_t>(node)]; at >= 0;
       at = parent_[static_cast<std::size_t>(at)])
    ++steps;
  return steps;
}

int Forest::ancestor(int node, int steps) const {
  for (int i = 0; i < steps; ++i) node = parent_[static_cast<std::size_t>(node)];
  return node;
}

bool Forest::reaches(int node, int target) const {
  for (int at = node; at >= 0; at = parent_[static_cast<std::size_t>(at)])
    if (at == target) return true;
  return false;
}

int Forest::deep_node(Draw& draw, int tree, int least) const {
  const int first = root(tree);
  const int last = tree + 1 < tree_count() ? root(tree + 1) : static_cast<int>(parent_.size());
  std::vector<int> fitting;
  for (int node = first; node < last; ++node)
    if (depth(node) >= least) fitting.push_back(node);
  return fitting.empty() ? -1 : draw.pick(fitting);
}

std::string Forest::rules(Draw& draw) const {
  std::vector<std::string> edges;
  for (std::size_t node = 0; node < parent_.size(); ++node)
    if (parent_[node] >= 0) edges.push_back({letters_[node], letter(parent_[node])});
  draw.shuffle(edges);
  std::string text;
  for (const std::string& edge : edges) text += (text.empty() ? "" : " ") + edge;
  return text;
}

std::string Forest::walk(int node, int target) const {
  std::string text(1, letter(node));
  while (node != target && parent_[static_cast<std::size_t>(node)] >= 0) {
    node = parent_[static_cast<std::size_t>(node)];
    text += letter(node);
  }
  return node == target ? text : text + " end";
}

std::string Forest::encode(int node, const std::vector<int>& marked) const {
  std::vector<std::string> below;
  for (std::size_t child = 0; child < parent_.size(); ++child)
    if (parent_[child] == node) below.push_back(encode(static_cast<int>(child), marked));
  std::sort(below.begin(), below.end());
  std::string text = "(";
  for (std::size_t i = 0; i < marked.size(); ++i)
    if (marked[i] == node) text += static_cast<char>('a' + i);
  for (const std::string& part : below) text += part;
  return text + ")";
}

std::string Forest::canonical(const std::vector<int>& marked) const {
  std::vector<std::string> trees;
  for (const int root : roots_) trees.push_back(encode(root, marked));
  std::sort(trees.begin(), trees.end());
  std::string text;
  for (const std::string& tree : trees) text += tree;
  return text;
}

Operation Operation::draw(Draw& draw) {
  static constexpr std::array<std::string_view, 3> words = {"and", "or", "xor"};
  const std::string_view word = draw.pick(words);
  return {word, draw.coin()};
}

bool Operation::apply(bool a, bool b) const {
  const bool second = b != negates_second;
  return word == "and" ? a && second : word == "or" ? a || second : a != second;
}

Circuit::Circuit(Draw& draw, const std::vector<Operation>& operations) {
  for (std::size_t i = 0; i < inputs; ++i) values_.push_back(draw.coin());
  for (const Operation& operation : operations) {
    const int newest = static_cast<int>(values_.size()) - 1;
    // The first line joins two inputs, the others use the one before.
    std::size_t a = static_cast<std::size_t>(lines_.empty() ? draw.between(0, newest) : newest);
    std::size_t b = a;
    while (b == a) b = static_cast<std::size_t>(draw.between(0, newest));
    if (draw.coin()) std::swap(a, b);
    lines_.push_back({operation, a, b});
    values_.push_back(operation.apply(values_[a], values_[b]));
  }
}

std::string Circuit::text() const {
  std::string out;
  for (std::size_t i = 0; i < inputs; ++i)
    out += fmt::format("{}{}{}", i > 0 ? " " : "", letter(i), values_[i] ? 1 : 0);
  out += ".";
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const auto& [operation, a, b] = lines_[i];
    out += fmt::format(" {}={} {} {}{}.", letter(inputs + i), letter(a), operation.word,
                       operation.negates_second ? "not " : "", letter(b));
  }
  return out;
}

std::string Circuit::work() const {
  std::string out;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const auto& [operation, a, b] = lines_[i];
    out += fmt::format("{}{}{} {} {}{}{}: {}{}.", i > 0 ? " " : "", letter(a), values_[a] ? 1 : 0,
                       operation.word, operation.negates_second ? "not " : "", letter(b),
                       values_[b] ? 1 : 0, letter(inputs + i), values_[inputs + i] ? 1 : 0);
  }
  return out;
}

std::string Circuit::canonical_under(const std::array<std::size_t, inputs>& renamed) const {
  const auto rename = [&](std::size_t i) { return i < inputs ? renamed[i] : i; };
  std::array<char, inputs> used;
  used.fill('-');
  std::string lines;
  for (const auto& [operation, a, b] : lines_) {
    for (const std::size_t i : {a, b})
      if (i < inputs) used[rename(i)] = values_[i] ? '1' : '0';
    // One character a place: there are fewer than ten.
    std::string first(1, static_cast<char>('0' + rename(a)));
    std::string second(1, static_cast<char>('0' + rename(b)));
    if (operation.negates_second) second += '!';
    if (second < first) std::swap(first, second);
    lines += first + operation.word[0] + second;
  }
  return std::string(used.begin(), used.end()) + lines;
}

std::string Circuit::canonical() const {
  std::array<std::size_t, inputs> order;
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::string least = canonical_under(order);
  while (std::next_permutation(order.begin(), order.end()))
    least = std::min(least, canonical_under(order));
  return least;
}

}  // namespace xfer::domains
