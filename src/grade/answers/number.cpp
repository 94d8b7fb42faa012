// SPDX-License-Identifier: Apache-2.0
// Measured quantities: solubility, lipophilicity, energies.
#include "grade/answers/answer_text.hpp"
#include "grade/answers/commitment.hpp"
#include "grade/answers/final_answer.hpp"
#include "grade/extra_fields.hpp"
#include "grade/graders.hpp"

#include <charconv>
#include <cmath>
#include <optional>

namespace xfer::grade {
namespace {

/// A decimal number as it stands in a text.
struct Decimal {
  double value = 0.0;
  /// Without plus sign, spaces and thousands separators: parses everywhere.
  std::string text;
  /// Half a unit of its last digit.
  double half_unit = 0.0;
  /// Indices into the text it was found in.
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// "-", U+2212 or a dash used as one, which ends at `at`; its length.
std::size_t minus_before(std::string_view text, std::size_t at) noexcept {
  for (const std::string_view sign : {"-", "\xe2\x88\x92", "\xe2\x80\x93"})
    if (at >= sign.size() && text.substr(at - sign.size(), sign.size()) == sign) return sign.size();
  return 0;
}

/// Reads "e-5", "x 10^-5", "\times 10^{-5}" behind a number; 0 and no change of `at` without.
int read_exponent(std::string_view text, std::size_t& at) {
  std::size_t next = at;
  const auto skip = [&](std::string_view word) {
    if (!text.substr(next).starts_with(word)) return false;
    next += word.size();
    return true;
  };
  if (!(skip("e") || skip("E"))) {
    while (skip(" ")) {
    }
    if (!(skip("x") || skip("*") || skip("\xc3\x97") || skip("\\times") || skip("\\cdot")))
      return 0;
    while (skip(" ")) {
    }
    if (!skip("10^")) return 0;
    skip("{");
  }
  const bool negative = skip("-") || skip("\xe2\x88\x92");
  if (!negative) skip("+");
  int exponent = 0;
  const std::size_t first = next;
  while (next < text.size() && is_digit(text[next]) && next < first + 4)
    exponent = 10 * exponent + (text[next++] - '0');
  if (next == first || (next < text.size() && is_word(text[next]))) return 0;
  skip("}");
  at = next;
  return negative ? -exponent : exponent;
}

/// The first number at or after `from`. Digits inside a word, as in "H2O", are none.
std::optional<Decimal> find_decimal(std::string_view text, std::size_t from = 0) {
  for (std::size_t at = from; at < text.size(); ++at) {
    if (!is_digit(text[at])) continue;
    std::size_t begin = at;
    if (begin > from && text[begin - 1] == '.' && (begin < 2 || !is_digit(text[begin - 2])))
      --begin;
    std::string digits;
    std::size_t places = 0;
    bool fraction = false;
    std::size_t end = begin;
    for (; end < text.size(); ++end) {
      const char c = text[end];
      if (is_digit(c)) {
        digits += c;
        places += fraction ? 1 : 0;
      } else if (c == '.' && !fraction && end + 1 < text.size() && is_digit(text[end + 1])) {
        digits += end == begin ? "0." : ".";
        fraction = true;
      } else if (c == ',' && !fraction && end + 3 < text.size() && is_digit(text[end + 1]) &&
                 is_digit(text[end + 2]) && is_digit(text[end + 3]) &&
                 (end + 4 == text.size() || !is_digit(text[end + 4]))) {
        continue;
      } else {
        break;
      }
    }
    if (begin > 0 && is_word(text[begin - 1]) && minus_before(text, begin) == 0) {
      at = end;
      continue;
    }
    Decimal found;
    const std::size_t sign = minus_before(text, begin);
    // "3-5" is a range, not 3 and -5.
    const bool joined = sign > 0 && begin > sign && is_word(text[begin - sign - 1]);
    const bool negative = sign > 0 && !joined;
    const int exponent = read_exponent(text, end);
    found.text = (negative ? "-" : "") + digits;
    if (exponent != 0) found.text += "e" + std::to_string(exponent);
    const auto parsed =
        std::from_chars(found.text.data(), found.text.data() + found.text.size(), found.value);
    if (parsed.ec != std::errc() || !std::isfinite(found.value)) {
      at = end;
      continue;
    }
    found.half_unit = 0.5 * std::pow(10.0, exponent - static_cast<double>(places));
    found.begin = negative ? begin - sign : begin;
    found.end = end;
    return found;
  }
  return std::nullopt;
}

/// At the start of the text but for marks around it.
std::optional<Decimal> leading_decimal(std::string_view text) {
  auto found = find_decimal(text);
  if (!found) return std::nullopt;
  for (const char c : text.substr(0, found->begin))
    if (is_word(c) || c == '-') return std::nullopt;
  return found;
}

struct NumberReading {
  std::optional<Decimal> lenient;
  std::optional<Decimal> strict;
};

/// Lenient: behind the last words that announce an answer, else the first number of the text.
/// Strict: the text, or the last announcement, begins with the number.
NumberReading read_number(std::string_view text) {
  NumberReading reading;
  const auto places = find_commitments(text);
  for (auto place = places.rbegin(); place != places.rend() && !reading.lenient; ++place) {
    reading.lenient = find_decimal(place->rest);
    reading.strict = leading_decimal(place->rest);
  }
  if (!reading.lenient) {
    reading.lenient = find_decimal(text);
    reading.strict = leading_decimal(text);
  }
  return reading;
}

class Number final : public Grader {
public:
  std::string_view name() const noexcept override { return "number"; }
  std::string_view version() const noexcept override { return "1"; }

  /// A study scores the numbers in `answer` by their error. The score of one item only says whether
  /// the number agrees with the reference: within `extra["relative_tolerance"]` of it where that is
  /// given, else when rounding it as the reference is written gives the reference.
  Verdict grade(const Example& example, std::string_view completion) const override {
    const auto gold = leading_decimal(trim(example.answer));
    if (!gold)
      refuse(name(), example,
             "the answer must be a decimal number (got '" + example.answer.substr(0, 40) + "')");
    double margin = gold->half_unit;
    if (const auto field = example.extra.find("relative_tolerance"); field != example.extra.end()) {
      const auto tolerance = leading_decimal(trim(field->second));
      if (!tolerance || tolerance->value < 0.0)
        refuse(name(), example,
               "field 'relative_tolerance' must be a number of at least 0 (got '" +
                   field->second.substr(0, 40) + "')");
      margin = tolerance->value * std::abs(gold->value);
    }
    const auto agrees = [&](const std::optional<Decimal>& number) {
      // Decimals are not exact doubles.
      const double slack = 1e-12 * std::abs(gold->value);
      return number && std::abs(number->value - gold->value) <= margin + slack ? 1.0 : 0.0;
    };
    const NumberReading reading = read_number(completion);
    Verdict verdict;
    verdict.extracted = reading.lenient.has_value();
    verdict.strict_extracted = reading.strict.has_value();
    verdict.score = agrees(reading.lenient);
    verdict.strict_score = agrees(reading.strict);
    if (!reading.lenient) {
      verdict.failure = "no number in the text";
      return verdict;
    }
    verdict.answer = reading.lenient->text;
    if (verdict.score == 0.0) verdict.failure = "differs from the reference";
    return verdict;
  }
};

}  // namespace

std::shared_ptr<const Grader> make_number() { return std::make_shared<Number>(); }

}  // namespace xfer::grade
