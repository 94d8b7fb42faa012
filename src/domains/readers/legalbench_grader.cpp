// SPDX-License-Identifier: Apache-2.0
#include "domains/readers/legalbench_grader.hpp"

#include "domains/records/text_tools.hpp"
#include "xfer/error.hpp"

#include <libstemmer.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

namespace xfer::domains {
namespace {

using grade::Verdict;

constexpr std::size_t read_max = 20'000;

/// Without ASCII punctuation, trimmed, in lower case: how the benchmark compares texts.
std::string normalised(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool punctuation = (byte >= 0x21 && byte <= 0x2F) || (byte >= 0x3A && byte <= 0x40) ||
                             (byte >= 0x5B && byte <= 0x60) || (byte >= 0x7B && byte <= 0x7E);
    if (!punctuation) out += lower(c);
  }
  return trimmed(out);
}

/// Pieces between commas, normalised, without empty ones.
std::vector<std::string> items(std::string_view text) {
  std::vector<std::string> all;
  for (const std::string& piece : split_at(text, ','))
    if (std::string item = normalised(piece); !item.empty()) all.push_back(std::move(item));
  return all;
}

Verdict verdict(double score, std::string answer, std::string failure) {
  Verdict made;
  made.score = score;
  made.extracted = !answer.empty();
  // The benchmark knows one way of reading alone.
  made.strict_score = score;
  made.strict_extracted = made.extracted;
  made.answer = std::move(answer);
  if (score < 1.0) made.failure = made.extracted ? std::move(failure) : "no answer";
  return made;
}

/// The first run of digits once commas and full stops are deleted.
std::string first_digits(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c == ',' || c == '.') continue;
    if (c >= '0' && c <= '9') {
      digits += c;
    } else if (!digits.empty()) {
      break;
    }
  }
  return digits;
}

Verdict grade_amount(const std::string& gold, std::string_view completion) {
  const std::string found = first_digits(completion);
  const std::string wanted = first_digits(gold);
  if (wanted.empty())
    throw Error(Errc::bad_data, "grader legalbench: the answer " + gold + " has no number");
  const double value = std::strtod(found.c_str(), nullptr);
  const double right = std::strtod(wanted.c_str(), nullptr);
  const bool close = !found.empty() && std::abs(value - right) <= 0.1 * right;
  return verdict(close ? 1.0 : 0.0, found, "not within 10 %");
}

double f1(std::size_t hits, std::size_t given, std::size_t wanted) {
  return hits == 0 ? 0.0 : 2.0 * static_cast<double>(hits) / static_cast<double>(given + wanted);
}

/// Of the four exceptions that successor liability knows, those that the text names.
Verdict grade_exceptions(const std::string& gold, std::string_view completion) {
  static constexpr std::array known = {"express agreement", "fraudulent conveyance",
                                       "de facto merger", "mere continuation"};
  const std::string text = normalised(completion);
  const std::string wanted_text = normalised(gold);
  std::vector<std::string> named;
  std::size_t hits = 0;
  std::size_t wanted = 0;
  for (const char* each : known) {
    const bool is_wanted = wanted_text.find(each) != std::string::npos;
    wanted += is_wanted ? 1 : 0;
    if (text.find(each) == std::string::npos) continue;
    named.emplace_back(each);
    hits += is_wanted ? 1 : 0;
  }
  return verdict(f1(hits, named.size(), wanted), joined(named, ", "), "other exceptions");
}

/// A name counts when one of the generated items contains it.
Verdict grade_parties(const std::string& gold, std::string_view completion) {
  const std::vector<std::string> wanted = items(gold);
  const std::vector<std::string> given = items(completion.substr(0, completion.find('\n')));
  std::size_t hits = 0;
  for (const std::string& name : wanted)
    for (const std::string& item : given)
      if (item.find(name) != std::string::npos) {
        ++hits;
        break;
      }
  return verdict(f1(hits, std::max(given.size(), hits), wanted.size()), joined(given, ", "),
                 "other names");
}

class Stemmer {
public:
  Stemmer() : handle_(sb_stemmer_new("porter", nullptr)) {
    if (handle_ == nullptr) throw Error(Errc::not_available, "libstemmer has no Porter stemmer");
  }
  Stemmer(const Stemmer&) = delete;
  Stemmer& operator=(const Stemmer&) = delete;
  ~Stemmer() { sb_stemmer_delete(handle_); }
  std::string operator()(const std::string& text) const {
    std::string out;
    for (const std::string& word : split_at(text, ' ')) {
      if (word.empty()) continue;
      const sb_symbol* stem = sb_stemmer_stem(
          handle_, reinterpret_cast<const sb_symbol*>(word.data()), static_cast<int>(word.size()));
      if (stem == nullptr) throw Error(Errc::out_of_memory, "libstemmer: no memory");
      if (!out.empty()) out += ' ';
      out.append(reinterpret_cast<const char*>(stem),
                 static_cast<std::size_t>(sb_stemmer_length(handle_)));
    }
    return out;
  }

private:
  sb_stemmer* handle_;
};

Verdict grade_term(const std::string& gold, std::string_view completion) {
  const Stemmer stem;
  const std::vector<std::string> given = items(completion.substr(0, completion.find('\n')));
  for (const std::string& term : items(gold))
    for (const std::string& item : given)
      if (stem(term) == stem(item)) return verdict(1.0, item, "");
  return verdict(0.0, joined(given, ", "), "other terms");
}

Verdict grade_citation(const std::string& gold, std::string_view completion) {
  const std::string text = normalised(completion);
  const bool named = text.find(normalised(gold)) != std::string::npos;
  return verdict(named ? 1.0 : 0.0, text.substr(0, 200), "another case");
}

class LegalBench final : public grade::Grader {
public:
  std::string_view name() const noexcept override { return "legalbench"; }
  std::string_view version() const noexcept override { return "1"; }
  Verdict grade(const Example& example, std::string_view completion) const override {
    completion = completion.substr(0, read_max);
    const auto rule = example.extra.find("rule");
    const std::string name = rule == example.extra.end() ? "" : rule->second;
    if (name == "amount") return grade_amount(example.answer, completion);
    if (name == "exceptions") return grade_exceptions(example.answer, completion);
    if (name == "parties") return grade_parties(example.answer, completion);
    if (name == "term") return grade_term(example.answer, completion);
    if (name == "citation") return grade_citation(example.answer, completion);
    throw Error(Errc::invalid_argument, "grader legalbench: example " + example.id +
                                            " has no rule of its own (allowed: amount, "
                                            "exceptions, parties, term, citation)");
  }
};

}  // namespace

std::shared_ptr<const grade::Grader> make_legalbench_grader() {
  static const auto grader = std::make_shared<const LegalBench>();
  return grader;
}

}  // namespace xfer::domains
