// SPDX-License-Identifier: Apache-2.0
#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"
#include "report/tables/method.hpp"
#include "report/tables/tables.hpp"

#include "xfer/report/data_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <string>
#include <string_view>

namespace xfer::report {
namespace {

/// Characters beyond ASCII that the report uses itself, as LaTeX has them.
const std::map<std::string_view, std::string_view>& known_characters() {
  static const std::map<std::string_view, std::string_view> known = {{"−", "$-$"},
                                                                     {"→", "$\\rightarrow$"},
                                                                     {"±", "$\\pm$"},
                                                                     {"▲", "$\\blacktriangle$"},
                                                                     {"▼", "$\\blacktriangledown$"},
                                                                     {"≈", "$\\approx$"},
                                                                     {"×", "$\\times$"},
                                                                     {"–", "--"},
                                                                     {"“", "``"},
                                                                     {"”", "''"},
                                                                     {"…", "\\ldots{}"},
                                                                     {"·", "$\\cdot$"},
                                                                     {"≤", "$\\leq$"},
                                                                     {"≥", "$\\geq$"},
                                                                     {"ä", "\\\"a"},
                                                                     {"ö", "\\\"o"},
                                                                     {"ü", "\\\"u"},
                                                                     {"ß", "\\ss{}"},
                                                                     {"é", "\\'e"},
                                                                     {"è", "\\`e"}};
  return known;
}

std::size_t character_size(unsigned char first) {
  return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/// Any text as LaTeX that sets it and does nothing else. Characters that a plain pdflatex has no
/// glyph for become their number in brackets.
std::string escape_latex(std::string_view raw) {
  const std::string text = clean_text(raw);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = character_size(static_cast<unsigned char>(text[at]));
    const std::string_view character = std::string_view(text).substr(at, size);
    at += size;
    if (size > 1) {
      const auto known = known_characters().find(character);
      if (known != known_characters().end()) {
        out += known->second;
        continue;
      }
      unsigned code = static_cast<unsigned char>(character[0]) & (0x7FU >> size);
      for (const char c : character.substr(1))
        code = (code << 6U) | (static_cast<unsigned char>(c) & 0x3FU);
      out += fmt::format("[U+{:04X}]", code);
      continue;
    }
    switch (character[0]) {
      case '\\': out += "\\textbackslash{}"; break;
      case '{': out += "\\{"; break;
      case '}': out += "\\}"; break;
      case '$': out += "\\$"; break;
      case '&': out += "\\&"; break;
      case '#': out += "\\#"; break;
      case '%': out += "\\%"; break;
      case '_': out += "\\_"; break;
      case '^': out += "\\textasciicircum{}"; break;
      case '~': out += "\\textasciitilde{}"; break;
      case '<': out += "\\textless{}"; break;
      case '>': out += "\\textgreater{}"; break;
      case '|': out += "\\textbar{}"; break;
      case '"': out += "\\textquotedbl{}"; break;
      case '\t':
      case '\n': out += " "; break;
      default: out += character[0];
    }
  }
  return out;
}

/// The same, and a hash may go on in the next line after every 16 characters.
std::string breakable(std::string_view text) {
  constexpr std::size_t piece = 16;
  std::string out;
  std::size_t run = 0;
  std::size_t from = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    run = std::isalnum(static_cast<unsigned char>(text[at])) != 0 ? run + 1 : 0;
    if (run != piece) continue;
    out += escape_latex(text.substr(from, at + 1 - from)) + "\\allowbreak{}";
    from = at + 1;
    run = 0;
  }
  return out + escape_latex(text.substr(from));
}

/// A float as wide as the page allows; nothing for a table without rows.
std::string table_text(const Table& table, const std::string& label, bool words = false) {
  if (table.rows.empty()) return "";
  std::string columns = "l";
  for (std::size_t c = 1; c < table.head.size(); ++c) columns += words ? "p{0.62\\textwidth}" : "r";
  std::string out = "\\begin{table}[htbp]\n\\centering\n\\caption{" + escape_latex(table.caption) +
                    ".}\n\\label{tab:" + label +
                    "}\n\\begin{lrbox}{\\widetable}\n"
                    "\\begin{tabular}{" +
                    columns + "}\n\\toprule\n";
  const auto line = [&](const std::vector<std::string>& values) {
    out += "{}";  // a bracket after the line break before would be its argument
    for (std::size_t c = 0; c < values.size(); ++c)
      out += (c > 0 ? " & " : "") + (words ? breakable(values[c]) : escape_latex(values[c]));
    out += " \\\\\n";
  };
  line(table.head);
  out += "\\midrule\n";
  for (const auto& row : table.rows) line(row);
  out += "\\bottomrule\n\\end{tabular}\n\\end{lrbox}\n\\fitwidth\n";
  for (const std::string& note : table.notes)
    out += "\\par\\smallskip{\\footnotesize " + escape_latex(note) + "}\n";
  return out + "\\end{table}\n\n";
}

std::string figure_text(const std::string& name, const std::string& caption) {
  const std::string file = "figures/" + name + ".pdf";
  return "\\IfFileExists{" + file +
         "}{%\n\\begin{figure}[htbp]\n\\centering\n"
         "\\includegraphics[width=0.8\\textwidth]{" +
         file + "}\n\\caption{" + escape_latex(caption) + "}\n\\label{fig:" + name +
         "}\n\\end{figure}}{}\n\n";
}

/// `\fitwidth` makes a table smaller that is too wide for the page.
constexpr std::string_view preamble = R"(\documentclass[11pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[margin=25mm]{geometry}
\usepackage{amssymb}
\usepackage{booktabs}
\usepackage{graphicx}
\usepackage[hidelinks]{hyperref}
\newsavebox{\widetable}
\newcommand{\fitwidth}{\ifdim\wd\widetable>\textwidth
  \resizebox{\textwidth}{!}{\usebox{\widetable}}\else\usebox{\widetable}\fi}
)";

std::string results_text(const Report& report) {
  std::string out = "\\section{Results}\n" + escape_latex(report.headline) + "\n\n";
  for (std::size_t m = 0; m < report.matrices.size(); ++m) {
    const std::string suffix(to_string(report.matrices[m].method));
    out += table_text(matrix_table(report.matrices[m], false), "matrix-" + suffix);
    out += table_text(matrix_table(report.matrices[m], true), "matrix-bits-" + suffix);
  }
  out += figure_text("matrix", "Transfer Gain in accuracy with verdicts; intervals hold together.");
  for (const FindingParagraph& p : report.findings)
    out += "\\paragraph{" + escape_latex(p.title) + ".} " + escape_latex(p.text) + "\n\n";
  out += figure_text("asymmetry", "Gain in one direction against gain in the other.");
  out += figure_text("forgetting", "Change on the study's other domains.");
  out += figure_text("robustness", "Transfer Gain under other wordings of the prompt.");
  out += table_text(wordings_table(report), "wordings");
  out += figure_text("held_out", "Transfer Gain on held-out items.");
  out += figure_text("cost", "Cost against Transfer Gain.");
  out += "\\subsection{Hypotheses}\n" + table_text(hypotheses_table(report), "hypotheses");
  for (const HypothesisAnswer& h : report.hypotheses) {
    out += "\\paragraph{" + h.id + ".} " + escape_latex(h.rule);
    for (const std::string* text : {&h.reason, &h.check, &h.needed})
      if (!text->empty()) out += " " + escape_latex(*text);
    out += "\n\n";
  }
  out += table_text(looks_table(report.result), "looks");
  out += table_text(similarities_table(report), "similarities");
  out += figure_text("similarity", "The declared similarity against Transfer Gain.");
  if (report.recommendations.empty()) return out;
  out += "\\subsection{Recommendations}\n\\begin{itemize}\n";
  for (const Recommendation& r : report.recommendations)
    out += "\\item " + escape_latex(r.text) + "\n";
  return out + "\\end{itemize}\n\n";
}

}  // namespace

std::string to_latex(const Report& report) {
  const study::StudyResult& result = report.result;
  std::string out(preamble);
  out += "\\title{Transfer study: " + escape_latex(result.spec.name) +
         "}\n\\author{}\n\\date{}\n"
         "\\begin{document}\n\\maketitle\n\n\\begin{abstract}\n" +
         escape_latex(report.headline) + "\n\\end{abstract}\n\n" + results_text(report);
  out += "\\section{Cells}\n";
  for (std::size_t i = 0; i < report.cells.size(); ++i) {
    const CellReport& cell = report.cells[i];
    const std::string label = std::to_string(i + 1);
    out +=
        "\\subsection{" + escape_latex(cell_title(cell)) + "}\n" + escape_latex(cell.reading) +
        "\n\n" + table_text(metrics_table(cell), "metrics-" + label) +
        table_text(conditions_table(cell), "conditions-" + label) +
        figure_text("conditions-" + label, "Scores of each condition, " + cell_title(cell) + ".") +
        figure_text("curves-" + label, "Learning curves, " + cell_title(cell) + ".");
  }
  out += "\\clearpage\n\\section{Method}\n\\begin{description}\n";
  for (const auto& [term, meaning] : definitions(result.spec))
    out += "\\item[" + escape_latex(term) + "] " + escape_latex(meaning) + "\n";
  out += "\\end{description}\n\n" + table_text(settings_table(result), "settings", true) +
         table_text(hashes_table(report), "hashes", true) + "\\section{Reproduction}\n";
  const Reproduction again = reproduction(report);
  if (imported(result)) return out + escape_latex(again.command) + "\n\\end{document}\n";
  out += "The study file, run with \\texttt{" + escape_latex(again.command) + "} and xfer " +
         escape_latex(result.xfer_version) + ":\n\n{\\footnotesize\\noindent\\ttfamily\n";
  std::string_view file = again.file;
  while (!file.empty()) {
    const std::size_t end = std::min(file.find('\n'), file.size());
    out += "\\mbox{}" + escape_latex(file.substr(0, end)) + "\\\\\n";
    file.remove_prefix(std::min(end + 1, file.size()));
  }
  return out + "}\n\\end{document}\n";
}

}  // namespace xfer::report
