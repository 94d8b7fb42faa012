// SPDX-License-Identifier: Apache-2.0
// Pre-tokenization: cutting text into the words that byte-pair encoding works on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

namespace xfer::text {

/// Calls whatever takes a piece of text. Does not own it: for arguments only.
class PieceSink {
public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, PieceSink>) PieceSink(F&& function)
  noexcept  // NOLINT: implicit on purpose, as std::function is
      : object_(const_cast<void*>(static_cast<const void*>(&function))),
        call_([](void* object, std::string_view piece) {
          (*static_cast<std::remove_reference_t<F>*>(object))(piece);
        }) {}
  void operator()(std::string_view piece) const { call_(object_, piece); }

private:
  void* object_;
  void (*call_)(void*, std::string_view);
};

/// One step of pre-tokenization. Immutable; safe to use concurrently.
class Splitter {
public:
  Splitter(const Splitter&) = delete;
  Splitter& operator=(const Splitter&) = delete;
  virtual ~Splitter() = default;
  /// Hands the pieces of `text` to `sink` in order; none is empty.
  virtual void split(std::string_view text, PieceSink sink) const = 0;
  /// What the step does, in words that two steps share only when they do the same.
  virtual std::string description() const = 0;

protected:
  Splitter() = default;
};

/// The patterns of well-known models, as they stand in their files.
namespace patterns {
inline constexpr std::string_view gpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view llama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view qwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
}  // namespace patterns

/// What becomes of the matches of a pattern and of the text between them.
enum class SplitBehavior { isolated, drop_matches, keep_matches };

/// Splits by a regular expression in the syntax of Oniguruma, which `tokenizers` uses. The patterns
/// above are matched by hand-written code, others by PCRE2. Throws `not_available` naming what the
/// pattern uses that would not mean the same here.
std::unique_ptr<Splitter> make_pattern_splitter(std::string_view pattern, SplitBehavior behavior);
/// Splits at every occurrence of a literal text.
std::unique_ptr<Splitter> make_literal_splitter(std::string_view literal, SplitBehavior behavior);
/// Numbers apart from everything else; each of their characters alone when `individual`.
std::unique_ptr<Splitter> make_digit_splitter(bool individual);
/// Puts a space in front of every piece that does not start with one.
std::unique_ptr<Splitter> make_prefix_space();

/// As `make_pattern_splitter`, always by PCRE2: the reference for the hand-written code.
std::unique_ptr<Splitter> make_pcre2_splitter(std::string_view pattern, SplitBehavior behavior);
/// A hand-written splitter for one of the patterns above, null for any other.
std::unique_ptr<Splitter> make_known_splitter(std::string_view pattern);

}  // namespace xfer::text
