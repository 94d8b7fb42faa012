// SPDX-License-Identifier: Apache-2.0
// Text from outside made safe for a page, and the one writer that HTML and SVG go through.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xfer::report {

/// Valid UTF-8 without control characters: bad bytes become U+FFFD, controls other than tab and
/// newline their visible pictures (U+2400 and up), carriage returns newlines.
std::string clean_text(std::string_view text);

/// At most `characters` characters of clean text, with a mark where it was cut.
std::string clip_text(std::string_view text, std::size_t characters);

/// `clean_text` with the five characters that mean something to HTML and XML escaped.
std::string escape_markup(std::string_view text);

/// `clean_text` on one line with everything that Markdown would read as markup escaped.
std::string escape_markdown(std::string_view text);

/// A Markdown code fence longer than any run of backticks inside.
std::string markdown_fence(std::string_view text, std::string_view language = "");

using Attributes = std::initializer_list<std::pair<std::string_view, std::string>>;

/// Writes elements, always escaped and always balanced: well-formed as XML and as HTML.
class Markup {
public:
  Markup& open(std::string_view tag, Attributes attributes = {});
  /// Closes the innermost open element.
  Markup& close();
  Markup& text(std::string_view text);
  /// An element with text alone.
  Markup& element(std::string_view tag, std::string_view text, Attributes attributes = {});
  /// An element without content.
  Markup& empty(std::string_view tag, Attributes attributes = {});
  /// Trusted markup, such as a finished SVG or a style sheet.
  Markup& raw(std::string_view markup);
  Markup& line();
  /// Everything written. Throws `internal` while an element is open.
  std::string finish();

private:
  void start(std::string_view tag, Attributes attributes);
  std::string out_;
  std::vector<std::string> open_;
};

}  // namespace xfer::report
