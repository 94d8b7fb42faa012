// SPDX-License-Identifier: Apache-2.0
#include "report/pages/markup.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>

namespace xfer::report {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

/// Length of the valid UTF-8 sequence at the start of `text` (Unicode 15, table 3-7); 0 if none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/// Characters that XML 1.0 or HTML do not allow although they are valid UTF-8: C1 controls, the
/// noncharacters U+FDD0..U+FDEF and the last two of every plane.
bool forbidden(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;
  if (sequence.size() == 3) {
    if (byte(0) != 0xEF) return false;
    if (byte(1) == 0xB7) return byte(2) >= 0x90 && byte(2) <= 0xAF;
    return byte(1) == 0xBF && byte(2) >= 0xBE;
  }
  if (sequence.size() == 4) return (byte(1) & 0x0FU) == 0x0FU && byte(2) == 0xBF && byte(3) >= 0xBE;
  return false;
}

}  // namespace

std::string clean_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = sequence_length(text.substr(i));
    if (length == 0) {
      out += replacement;
      ++i;
      continue;
    }
    const auto c = static_cast<unsigned char>(text[i]);
    if (length == 1 && c == '\r') {
      if (i + 1 >= text.size() || text[i + 1] != '\n') out += '\n';
    } else if (length == 1 && c < 0x20 && c != '\t' && c != '\n') {
      out += "\xE2\x90";
      out += static_cast<char>(0x80 + c);
    } else if (length == 1 && c == 0x7F) {
      out += "\xE2\x90\xA1";
    } else if (forbidden(text.substr(i, length))) {
      out += replacement;
    } else {
      out += text.substr(i, length);
    }
    i += length;
  }
  return out;
}

std::string clip_text(std::string_view text, std::size_t characters) {
  // A character takes at most four bytes: nothing beyond that needs cleaning.
  const bool long_text = text.size() > 4 * characters;
  std::string clean = clean_text(long_text ? text.substr(0, 4 * characters) : text);
  std::size_t seen = 0;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    if ((static_cast<unsigned char>(clean[i]) & 0xC0U) == 0x80U) continue;
    if (seen++ == characters) {
      clean.resize(i);
      return clean + " […]";
    }
  }
  return long_text ? clean + " […]" : clean;
}

std::string escape_markup(std::string_view text) {
  std::string out;
  for (const char c : clean_text(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string escape_markdown(std::string_view text) {
  // Only what would be read as markup where it stands, so that the source stays readable too. An
  // open bracket needs nothing when no closing one can make a link of it.
  const std::string clean = clean_text(text);
  const auto alphanumeric = [&](std::size_t i) {
    return i < clean.size() && (std::isalnum(static_cast<unsigned char>(clean[i])) != 0 ||
                                static_cast<unsigned char>(clean[i]) >= 0x80);
  };
  const auto next_is = [&](std::size_t i, std::string_view any) {
    return i + 1 < clean.size() && any.find(clean[i + 1]) != std::string_view::npos;
  };
  std::string out;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    const char c = clean[i];
    bool escape = std::string_view("\\`*|~$").find(c) != std::string_view::npos;
    if (c == ']') escape = next_is(i, "([:");
    if (c == '_') escape = !(i > 0 && alphanumeric(i - 1) && alphanumeric(i + 1));
    if (c == '<')
      out += "&lt;";  // many renderers let raw HTML through
    else if (c == '&' && (alphanumeric(i + 1) || next_is(i, "#")))
      out += "&amp;";
    else if (c == '\n' || c == '\t')
      out += ' ';
    else
      out += escape ? std::string{'\\', c} : std::string{c};
  }
  return out;
}

std::string markdown_fence(std::string_view text, std::string_view language) {
  const std::string clean = clean_text(text);
  std::size_t longest = 2;
  std::size_t run = 0;
  for (const char c : clean) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  const bool ends_line = !clean.empty() && clean.back() == '\n';
  return fence + std::string(language) + "\n" + clean + (ends_line ? "" : "\n") + fence + "\n";
}

void Markup::start(std::string_view tag, Attributes attributes) {
  out_ += '<';
  out_ += tag;
  for (const auto& [name, value] : attributes) {
    out_ += ' ';
    out_ += name;
    out_ += "=\"";
    out_ += escape_markup(value);
    out_ += '"';
  }
}

Markup& Markup::open(std::string_view tag, Attributes attributes) {
  start(tag, attributes);
  out_ += '>';
  open_.emplace_back(tag);
  return *this;
}

Markup& Markup::close() {
  if (open_.empty()) throw Error(Errc::internal, "report: no element to close");
  out_ += "</" + open_.back() + ">";
  open_.pop_back();
  return *this;
}

Markup& Markup::text(std::string_view text) {
  out_ += escape_markup(text);
  return *this;
}

Markup& Markup::element(std::string_view tag, std::string_view content, Attributes attributes) {
  return open(tag, attributes).text(content).close();
}

Markup& Markup::empty(std::string_view tag, Attributes attributes) {
  start(tag, attributes);
  out_ += "/>";
  return *this;
}

Markup& Markup::raw(std::string_view markup) {
  out_ += markup;
  return *this;
}

Markup& Markup::line() {
  out_ += '\n';
  return *this;
}

std::string Markup::finish() {
  if (!open_.empty())
    throw Error(Errc::internal, "report: element <" + open_.back() + "> is not closed");
  return std::move(out_);
}

}  // namespace xfer::report
