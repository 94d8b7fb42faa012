// SPDX-License-Identifier: Apache-2.0
#include "grade/answers/commitment.hpp"

#include "grade/answers/answer_text.hpp"
#include "grade/answers/final_answer.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace xfer::grade {
namespace {

constexpr std::array<std::string_view, 4> nouns = {"answer", "choice", "option", "conclusion"};
constexpr std::array<std::string_view, 8> links = {"is",    "are",    "be",   "was",
                                                   "would", "should", "must", "therefore"};
constexpr std::array<std::string_view, 7> verbs = {"choose", "pick",  "select", "choosing",
                                                   "answer", "guess", "chose"};
constexpr std::array<std::string_view, 6> denials = {"not",   "neither", "none",
                                                     "never", "n't",     "isn't"};
constexpr std::array<std::string_view, 12> fillers = {
    "option", "choice", "letter", "the",    "likely",    "probably",
    "most",   "simply", "thus",   "answer", "therefore", "definitely"};

template <class Words>
bool among(const Words& words, std::string_view word) noexcept {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Walks over the words of one line of lower-case text.
class Words {
public:
  Words(std::string_view text, std::size_t at) : text_(text), at_(at) {}

  std::size_t at() const noexcept { return at_; }
  void skip_blanks() noexcept {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '*' || text_[at_] == '_'))
      ++at_;
  }
  /// The word here, apostrophes included; "" when there is none.
  std::string_view word() const noexcept {
    std::size_t end = at_;
    while (end < text_.size() && (is_word(text_[end]) || (text_[end] == '\'' && end > at_))) ++end;
    return text_.substr(at_, end - at_);
  }
  void pass(std::string_view word) noexcept { at_ += word.size(); }
  char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\n'; }
  void step() noexcept { ++at_; }

private:
  std::string_view text_;
  std::size_t at_;
};

/// Behind ": ", " is (therefore)", " = "; nothing when the sentence ends first or denies.
std::optional<std::size_t> behind_link(std::string_view low, std::size_t at) {
  constexpr std::size_t reach = 80;
  Words words(low, at);
  bool linked = false;
  while (words.at() < at + reach) {
    words.skip_blanks();
    const std::string_view word = words.word();
    if (word.empty()) {
      const char c = words.peek();
      if (c == ':' || c == '=') {
        words.step();
        words.skip_blanks();
        const std::string_view next = words.word();
        if (among(denials, next)) return std::nullopt;
        return words.at();
      }
      if (linked) return words.at();
      if (c == '\n' || c == '.' || c == '?' || c == '!' || c == ';') return std::nullopt;
      words.step();
      continue;
    }
    if (among(denials, word) || word == "choices" || word == "options") return std::nullopt;
    if (linked && !among(links, word)) return words.at();
    linked = linked || among(links, word);
    words.pass(word);
  }
  return std::nullopt;
}

/// "I choose B", "we would go with B".
std::optional<std::size_t> behind_verb(std::string_view low, std::size_t at) {
  constexpr std::size_t reach = 40;
  Words words(low, at);
  while (words.at() < at + reach) {
    words.skip_blanks();
    const std::string_view word = words.word();
    if (word.empty() || among(denials, word) || word.ends_with("n't")) return std::nullopt;
    words.pass(word);
    if (among(verbs, word)) return words.at();
    if (word == "go" || word == "going") {
      words.skip_blanks();
      if (words.word() != "with") return std::nullopt;
      words.pass("with");
      return words.at();
    }
    if (word != "would" && word != "will" && word != "ll" && word != "d" && word != "m" &&
        word != "am" && word != "must" && word != "should" && word != "therefore")
      return std::nullopt;
  }
  return std::nullopt;
}

class Finder {
public:
  explicit Finder(std::string_view text) : text_(text), low_(lower(text)) {}

  std::vector<Commitment> run() {
    for (std::size_t at = 0; at < low_.size();) {
      const char c = low_[at];
      if (c == '#') {
        while (at < low_.size() && low_[at] == '#') ++at;
        add(at);
      } else if (c == '\\') {
        at = command(at);
      } else if (is_word(c)) {
        at = word(at);
      } else {
        ++at;
      }
    }
    return std::move(found_);
  }

private:
  std::size_t command(std::size_t at) {
    for (const std::string_view name : {"\\boxed", "\\fbox"})
      if (std::string_view(low_).substr(at).starts_with(name)) {
        std::size_t end = at + name.size();
        if (end < low_.size() && low_[end] == '{') ++end;
        add(end);
        return end;
      }
    return at + 1;
  }

  std::size_t word(std::size_t at) {
    std::size_t end = at;
    while (end < low_.size() && is_word(low_[end])) ++end;
    const std::string_view here = std::string_view(low_).substr(at, end - at);
    std::optional<std::size_t> place;
    if (among(nouns, here) || here == "ans")
      place = behind_link(low_, end);
    else if (here == "i" || here == "we")
      place = behind_verb(low_, end);
    if (place) add(*place);
    return end;
  }

  void add(std::size_t at) {
    const std::string_view whole(text_);
    std::string_view rest = line_from(at);
    // "Answer:" on one line and the answer on the next.
    if (rest.empty()) {
      const std::size_t next = whole.find_first_not_of(" \t\r\n*_:", at);
      if (next == std::string_view::npos || next > at + 16) return;
      rest = line_from(next);
    }
    if (rest.empty()) return;
    const auto where = static_cast<std::size_t>(rest.data() - whole.data());
    if (!found_.empty() && found_.back().at == where) return;
    found_.push_back({rest, where});
  }

  std::string_view line_from(std::size_t at) const {
    constexpr std::size_t length_max = 2000;
    const std::string_view window = std::string_view(text_).substr(at, length_max);
    std::string_view line = window.substr(0, window.find('\n'));
    while (!line.empty() && (is_blank(line.front()) || line.front() == ':' || line.front() == '*'))
      line.remove_prefix(1);
    return trim(line);
  }

  std::string_view text_;
  std::string low_;
  std::vector<Commitment> found_;
};

}  // namespace

std::vector<Commitment> find_commitments(std::string_view text) { return Finder(text).run(); }

std::string_view strip_filler(std::string_view rest) noexcept {
  for (const std::string_view word : fillers)
    if (const std::size_t n = spells(rest, word); n > 0 && n < rest.size()) return rest.substr(n);
  return rest;
}

bool rejects(std::string_view rest) {
  const std::string low = lower(rest.substr(0, 60));
  Words words(low, 0);
  while (words.peek() == ')' || words.peek() == ']' || words.peek() == '"') words.step();
  words.skip_blanks();
  const std::string_view verb = words.word();
  if (verb.starts_with("isn") || verb.starts_with("can")) return true;
  if (verb != "is" && verb != "seems" && verb != "must") return false;
  words.pass(verb);
  words.skip_blanks();
  const std::string_view word = words.word();
  return word == "not" || word == "wrong" || word == "incorrect" || word == "false" ||
         word == "never";
}

bool confirms(std::string_view rest) {
  std::string low = lower(rest.substr(0, 60));
  Words words(low, 0);
  while (words.peek() == ')' || words.peek() == ']' || words.peek() == '.' || words.peek() == '"')
    words.step();
  words.skip_blanks();
  if (words.word() != "is" && words.word() != "must") return false;
  words.pass(words.word());
  for (int i = 0; i < 4; ++i) {
    words.skip_blanks();
    const std::string_view word = words.word();
    if (word == "correct" || word == "right" || word == "best" || word == "true") return true;
    if (word != "the" && word != "be" && word != "therefore" && word != "thus") {
      return word == "answer" && i > 0;
    }
    words.pass(word);
  }
  return false;
}

}  // namespace xfer::grade
