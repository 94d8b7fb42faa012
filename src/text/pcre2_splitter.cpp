// SPDX-License-Identifier: Apache-2.0
// Splitting by any regular expression, with PCRE2.
#define PCRE2_CODE_UNIT_WIDTH 8

#include "text/pcre2_pattern.hpp"
#include "text/splitter.hpp"
#include "text/unicode.hpp"
#include "xfer/error.hpp"

#include <pcre2.h>

#include <array>
#include <cstddef>

namespace xfer::text {
namespace {

template <class T, void (*free_it)(T*)>
struct Free {
  void operator()(T* object) const noexcept { free_it(object); }
};
template <class T, void (*free_it)(T*)>
using Owned = std::unique_ptr<T, Free<T, free_it>>;
using CompileContext = Owned<pcre2_compile_context, pcre2_compile_context_free>;
using MatchData = Owned<pcre2_match_data, pcre2_match_data_free>;
using Code = Owned<pcre2_code, pcre2_code_free>;

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

Code compile(std::string_view pattern) {
  const std::string rewritten = pcre2_from_oniguruma(pattern);
  const CompileContext context(pcre2_compile_context_create(nullptr));
  if (!context) throw Error(Errc::out_of_memory, "tokenizer: no memory for a pattern");
  // In Oniguruma ^ and $ always stand at the ends of lines, and only \n ends a line.
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE at = 0;
  Code code(pcre2_compile(units(rewritten), rewritten.size(),
                          PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &at, context.get()));
  if (!code)
    throw Error(Errc::not_available, "tokenizer: cannot compile the pattern \"" +
                                         std::string(pattern) + "\": " + message_of(error));
  // Without a just-in-time compiler PCRE2 interprets the pattern: slower, the same result.
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  return code;
}

std::string_view name_of(SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::isolated: return "isolated ";
    case SplitBehavior::drop_matches: return "without matches ";
    case SplitBehavior::keep_matches: return "only matches ";
  }
  return "";
}

class Pcre2Splitter final : public Splitter {
public:
  Pcre2Splitter(std::string_view pattern, SplitBehavior behavior)
      : pattern_(pattern), behavior_(behavior), code_(compile(pattern)) {}

  void split(std::string_view text, PieceSink sink) const override {
    // Invalid bytes match nothing: they are text between matches.
    std::size_t start = 0;
    for (std::size_t i = 0; i < text.size();) {
      const CodePoint point = code_point_at(text, i);
      if (point.code == invalid_code) {
        split_valid(text.substr(start, i - start), sink);
        hand_on(text.substr(i, 1), false, sink);
        start = i + 1;
      }
      i += point.length;
    }
    split_valid(text.substr(start), sink);
  }
  std::string description() const override {
    return "pattern " + std::string(name_of(behavior_)) + pattern_;
  }

private:
  void hand_on(std::string_view piece, bool is_match, PieceSink sink) const {
    if (piece.empty()) return;
    if (behavior_ == SplitBehavior::drop_matches && is_match) return;
    if (behavior_ == SplitBehavior::keep_matches && !is_match) return;
    sink(piece);
  }

  void split_valid(std::string_view text, PieceSink sink) const {
    if (text.empty()) return;
    const MatchData data(pcre2_match_data_create(1, nullptr));
    if (!data) throw Error(Errc::out_of_memory, "tokenizer: no memory to match a pattern");
    std::size_t done = 0;
    std::size_t from = 0;
    while (from <= text.size()) {
      int found = pcre2_match(code_.get(), units(text), text.size(), from, PCRE2_NO_UTF_CHECK,
                              data.get(), nullptr);
      // The interpreter has more room than compiled code: its stack is on the heap.
      if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(code_.get(), units(text), text.size(), from,
                            PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data.get(), nullptr);
      if (found == PCRE2_ERROR_NOMATCH) break;
      if (found < 0)
        throw Error(Errc::not_available, "tokenizer: cannot match the pattern \"" + pattern_ +
                                             "\": " + message_of(found));
      const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data.get());
      // \K in a look-around can turn the ends round.
      if (ends[0] < done || ends[1] < ends[0])
        throw Error(Errc::not_available,
                    "tokenizer: the pattern \"" + pattern_ + "\" matches backwards");
      hand_on(text.substr(done, ends[0] - done), false, sink);
      hand_on(text.substr(ends[0], ends[1] - ends[0]), true, sink);
      done = ends[1];
      from = done;
      if (ends[0] == ends[1])
        from += done < text.size() ? code_point_at(text, done).length : std::size_t{1};
    }
    hand_on(text.substr(done), false, sink);
  }

  std::string pattern_;
  SplitBehavior behavior_;
  Code code_;
};

class LiteralSplitter final : public Splitter {
public:
  LiteralSplitter(std::string_view literal, SplitBehavior behavior)
      : literal_(literal), behavior_(behavior) {}
  void split(std::string_view text, PieceSink sink) const override {
    std::size_t done = 0;
    for (std::size_t at = text.find(literal_); at != std::string_view::npos;
         at = text.find(literal_, done)) {
      if (at != done && behavior_ != SplitBehavior::keep_matches)
        sink(text.substr(done, at - done));
      if (behavior_ != SplitBehavior::drop_matches) sink(literal_);
      done = at + literal_.size();
    }
    if (done != text.size() && behavior_ != SplitBehavior::keep_matches) sink(text.substr(done));
  }
  std::string description() const override {
    return "literal " + std::string(name_of(behavior_)) + literal_;
  }

private:
  std::string literal_;
  SplitBehavior behavior_;
};

}  // namespace

std::unique_ptr<Splitter> make_pcre2_splitter(std::string_view pattern, SplitBehavior behavior) {
  return std::make_unique<Pcre2Splitter>(pattern, behavior);
}

std::unique_ptr<Splitter> make_literal_splitter(std::string_view literal, SplitBehavior behavior) {
  if (literal.empty()) throw Error(Errc::bad_data, "tokenizer: an empty literal cannot split text");
  return std::make_unique<LiteralSplitter>(literal, behavior);
}

}  // namespace xfer::text
