// SPDX-License-Identifier: Apache-2.0
// Biology: strands of DNA and RNA, codons, inheritance, growth.
#include "domains/arithmetic.hpp"
#include "domains/problem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace xfer::domains {
namespace {

constexpr std::string_view dna_bases = "ACGT";
constexpr std::string_view rna_bases = "UCAG";

std::string strand(Draw& d, std::string_view bases, int length) {
  std::string text;
  for (int i = 0; i < length; ++i) text += bases[static_cast<std::size_t>(d.between(0, 3))];
  return text;
}

/// The partner of a DNA base in DNA ('T' for 'A') or in RNA ('U' for 'A').
char partner(char base, char of_a) {
  switch (base) {
    case 'A': return of_a;
    case 'T': return 'A';
    case 'C': return 'G';
    default: return 'C';
  }
}

std::string partners(std::string_view dna, char of_a) {
  std::string text;
  for (const char base : dna) text += partner(base, of_a);
  return text;
}

/// "AT CG": each base with its partner.
std::string pairs(std::string_view dna, char of_a) {
  std::string text;
  for (const char base : dna) {
    if (!text.empty()) text += ' ';
    text += base;
    text += partner(base, of_a);
  }
  return text + ".";
}

/// Number of bases; held-out strands are longer than all others.
int strand_length(Draw& d, int first, int last) {
  if (d.level() == Level::harder) {
    d.mark_harder();
    return last + 1;
  }
  return d.between(first, d.is_basic() ? last - 1 : last);
}

std::optional<Problem> complement(Draw& d) {
  const std::string dna = strand(d, dna_bases, strand_length(d, 5, 8));
  return Problem{dna,
                 d.one_of({fmt::format("Find the DNA complement of {}.", dna),
                           fmt::format("Which DNA strand pairs with {}?", dna)}),
                 pairs(dna, 'T'), partners(dna, 'T')};
}

std::optional<Problem> transcribe(Draw& d) {
  const std::string dna = strand(d, dna_bases, strand_length(d, 5, 8));
  return Problem{dna,
                 d.one_of({fmt::format("Find the RNA copy of {}.", dna),
                           fmt::format("Which RNA strand pairs with {}?", dna)}),
                 pairs(dna, 'U'), partners(dna, 'U')};
}

std::optional<Problem> reverse_complement(Draw& d) {
  const std::string dna = strand(d, dna_bases, strand_length(d, 5, 7));
  const std::string back(dna.rbegin(), dna.rend());
  return Problem{dna,
                 d.one_of({fmt::format("Find the reverse DNA complement of {}.", dna),
                           fmt::format("Which DNA strand, in reverse, pairs with {}?", dna)}),
                 steps({back + ".", pairs(back, 'T')}), partners(back, 'T')};
}

/// The standard genetic code, bases in the order U C A G, third base fastest; '*' is stop.
constexpr std::string_view genetic_code =
    "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG";

std::string_view amino_acid(char letter) {
  switch (letter) {
    case 'A': return "Ala";
    case 'C': return "Cys";
    case 'D': return "Asp";
    case 'E': return "Glu";
    case 'F': return "Phe";
    case 'G': return "Gly";
    case 'H': return "His";
    case 'I': return "Ile";
    case 'K': return "Lys";
    case 'L': return "Leu";
    case 'M': return "Met";
    case 'N': return "Asn";
    case 'P': return "Pro";
    case 'Q': return "Gln";
    case 'R': return "Arg";
    case 'S': return "Ser";
    case 'T': return "Thr";
    case 'V': return "Val";
    case 'W': return "Trp";
    default: return "Tyr";
  }
}

struct Protein {
  std::string rna;    ///< "AUG CCU"
  std::string steps;  ///< "AUG Met. CCU Pro."
  std::string name;   ///< "Met-Pro"
};

Protein protein(Draw& d, int codons) {
  Protein out;
  for (int i = 0; i < codons; ++i) {
    std::string codon;
    char letter = '*';
    while (letter == '*') {
      codon = strand(d, rna_bases, 3);
      std::size_t index = 0;
      for (const char base : codon) index = index * 4 + rna_bases.find(base);
      letter = genetic_code[index];
    }
    const std::string_view amino = amino_acid(letter);
    out.rna += (i > 0 ? " " : "") + codon;
    out.steps += fmt::format("{}{} {}.", i > 0 ? " " : "", codon, amino);
    out.name += fmt::format("{}{}", i > 0 ? "-" : "", amino);
  }
  return out;
}

std::optional<Problem> translation(Draw& d, int codons) {
  if (d.level() == Level::harder) {
    d.mark_harder();
    codons = 4;
  }
  const Protein p = protein(d, codons);
  return Problem{p.rna,
                 d.one_of({fmt::format("Translate {}.", p.rna),
                           fmt::format("Which protein does {} give?", p.rna)}),
                 p.steps, p.name};
}

std::optional<Problem> translate_two(Draw& d) { return translation(d, 2); }
std::optional<Problem> translate_three(Draw& d) { return translation(d, 3); }

/// From the DNA template through RNA to the protein.
std::optional<Problem> express(Draw& d) {
  if (d.level() == Level::harder) d.mark_harder();
  const Protein p = protein(d, d.level() == Level::harder ? 3 : 2);
  std::string dna;
  for (const char base : p.rna)
    dna += base == 'U' ? 'A' : base == 'A' ? 'T' : base == 'C' ? 'G' : base == 'G' ? 'C' : ' ';
  return Problem{dna,
                 d.one_of({fmt::format("Translate the RNA copy of {}.", dna),
                           fmt::format("Which protein does the DNA strand {} give?", dna)}),
                 steps({p.rna + ".", p.steps}), p.name};
}

/// Bases of two sorts in a strand, times the number of strands.
std::optional<Problem> count_bases(Draw& d) {
  const std::string dna = strand(d, dna_bases, d.between(6, 8));
  const int strands = d.number();
  std::string work;
  int count = 0;
  for (const char base : dna)
    if (base == 'G' || base == 'C')
      work += fmt::format("{}{}{}", count > 0 ? " " : "", base, count + 1), ++count;
  if (count < 2 || count > 6) return std::nullopt;
  return Problem{
      fmt::format("{},{}", dna, strands),
      d.one_of({fmt::format("How many G and C are in {} strands of {}?", strands, dna),
                fmt::format("Each of {} strands is {}. How many G and C in all?", strands, dna)}),
      steps({work + ".", product(strands, count)}), std::to_string(strands * count)};
}

struct Cross {
  std::string_view parents;
  std::string_view asked;
  int quarters;  ///< expected share of the offspring in quarters
};

constexpr std::array<Cross, 8> crosses = {{{"AA and Aa", "AA", 2},
                                           {"AA and Aa", "Aa", 2},
                                           {"Aa and Aa", "AA", 1},
                                           {"Aa and Aa", "Aa", 2},
                                           {"Aa and Aa", "aa", 1},
                                           {"Aa and Aa", "A", 3},
                                           {"Aa and aa", "Aa", 2},
                                           {"Aa and aa", "aa", 2}}};

/// Expected offspring of a genotype in several litters, and some more seen elsewhere.
std::optional<Problem> mendel(Draw& d) {
  const Cross cross = d.pick(crosses);
  const int litters = d.digit(), more = d.number(), size = d.between(2, 25);
  const int all = litters * size;
  if (all % 4 != 0) return std::nullopt;
  const std::string asked =
      cross.quarters == 3 ? "with an A" : fmt::format("of type {}", cross.asked);
  int count = all / 4;
  std::string work = product(size, litters);
  if (cross.quarters == 2) {
    count = all / 2;
    work += " 1/2: " + quotient(all, 2);
  } else {
    work += fmt::format(" {}/4: ", cross.quarters) + quotient(all, 4);
    if (cross.quarters == 3) {
      work += " " + product(count, 3);
      count *= 3;
    }
  }
  return Problem{
      fmt::format("{},{},{},{},{}", cross.parents, cross.asked, litters, size, more),
      d.one_of({fmt::format("Parents {} have {} litters of {}. How many {} are expected, with {} "
                            "more?",
                            cross.parents, litters, size, asked, more),
                fmt::format("How many {} are expected in {} litters of {} from {}, with {} more?",
                            asked, litters, size, cross.parents, more)}),
      steps({work, sum(count, more)}), std::to_string(count + more)};
}

/// A population that multiplies and loses some, hour by hour.
std::optional<Problem> colony(Draw& d) {
  const int hours = d.level() == Level::harder ? 3 : 2;
  if (hours == 3) d.mark_harder();
  const int start = d.number(), factor = d.between(2, 3), lost = d.number();
  int cells = start;
  std::string work;
  for (int i = 0; i < hours; ++i) {
    work += (i > 0 ? " " : "") + product(cells, factor);
    cells *= factor;
    if (cells - lost < 2 || cells > 499) return std::nullopt;
    work += " " + difference(cells, lost);
    cells -= lost;
  }
  return Problem{operands({start, factor, lost, hours}),
                 d.one_of({fmt::format("Each hour {} cells grow {} times and {} are lost. How many "
                                       "are left after {} hours?",
                                       start, factor, lost, hours),
                           fmt::format("A colony has {} cells. Each hour it grows {} times, then "
                                       "loses {}. How many after {} hours?",
                                       start, factor, lost, hours)}),
                 work, std::to_string(cells)};
}

}  // namespace

const Recipe& biology_recipe() {
  static const Recipe recipe = {"biology",
                                "Biology: strands, codons, inheritance",
                                "final_answer",
                                {{"complement", Since::pretraining, 9, 0.30, complement},
                                 {"transcribe", Since::pretraining, 9, 0.30, transcribe},
                                 {"translate_two", Since::pretraining, 9, 0.20, translate_two},
                                 {"count_bases", Since::pretraining, 9, 0.20, count_bases},
                                 {"reverse_complement", Since::full, 13, 0.30, reverse_complement},
                                 {"translate_three", Since::full, 13, 0.30, translate_three},
                                 {"express", Since::full, 13, 0.30, express},
                                 {"mendel", Since::full, 13, 0.30, mendel},
                                 {"colony", Since::full, 12, 0.30, colony}}};
  return recipe;
}

}  // namespace xfer::domains
