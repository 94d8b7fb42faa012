// SPDX-License-Identifier: Apache-2.0
// Names and signs of mathematics, in LaTeX and plain.
#pragma once

#include <array>
#include <string_view>
#include <utility>

namespace xfer::grade {

using NamedSign = std::pair<std::string_view, char>;

inline constexpr std::array<std::string_view, 24> math_functions = {
    "sin",    "cos",  "tan",  "cot",    "sec",   "csc",  "arcsin", "arccos",
    "arctan", "sinh", "cosh", "tanh",   "ln",    "log",  "exp",    "lg",
    "asin",   "acos", "atan", "arccot", "floor", "ceil", "abs",    "sgn"};

inline constexpr std::array<std::string_view, 29> greek_letters = {
    "alpha", "beta",   "gamma", "delta", "epsilon", "varepsilon", "zeta",  "eta", "theta", "iota",
    "kappa", "lambda", "mu",    "nu",    "xi",      "rho",        "sigma", "tau", "phi",   "varphi",
    "chi",   "psi",    "omega", "Gamma", "Delta",   "Theta",      "Sigma", "Phi", "Omega"};

/// LaTeX commands without meaning here.
inline constexpr std::array<std::string_view, 33> ignored_commands = {
    "left",    "right",    "big",    "Big",        "bigl",  "bigr",         "Bigl",
    "Bigr",    "bigg",     "Bigg",   "biggl",      "biggr", "displaystyle", "textstyle",
    "quad",    "qquad",    "limits", "boxed",      "fbox",  "mathrm",       "mathbf",
    "mathit",  "mathbb",   "bf",     "rm",         "it",    "operatorname", "hspace",
    "phantom", "overline", "vec",    "ensuremath", "hfill"};

inline constexpr NamedSign command_signs[] = {
    {"cdot", '*'},   {"times", '*'},    {"ast", '*'},    {"div", '/'},      {"pm", 'P'},
    {"mp", 'M'},     {"le", 'l'},       {"leq", 'l'},    {"leqslant", 'l'}, {"ge", 'g'},
    {"geq", 'g'},    {"geqslant", 'g'}, {"ne", 'n'},     {"neq", 'n'},      {"lt", '<'},
    {"gt", '>'},     {"in", 'e'},       {"cup", 'U'},    {"circ", 'o'},     {"degree", 'o'},
    {"langle", '('}, {"rangle", ')'},   {"lbrace", 'S'}, {"rbrace", 'T'},   {"mid", '|'},
    {"vert", '|'},   {"lvert", '|'},    {"rvert", '|'},  {"colon", ':'}};

inline constexpr NamedSign unicode_signs[] = {{"\xe2\x88\x92", '-'},
                                              {"\xe2\x80\x93", '-'},
                                              {"\xc3\x97", '*'},
                                              {"\xc2\xb7", '*'},
                                              {"\xe2\x8b\x85", '*'},
                                              {"\xc3\xb7", '/'},
                                              {"\xc2\xb1", 'P'},
                                              {"\xe2\x89\xa4", 'l'},
                                              {"\xe2\x89\xa5", 'g'},
                                              {"\xe2\x89\xa0", 'n'},
                                              {"\xe2\x88\x88", 'e'},
                                              {"\xe2\x88\xaa", 'U'},
                                              {"\xc2\xb0", 'o'},
                                              {"\xe2\x9f\xa8", '('},
                                              {"\xe2\x9f\xa9", ')'},
                                              {"<=", 'l'},
                                              {">=", 'g'}};

/// Short units; longer words behind a number are taken for units anyway.
inline constexpr std::array<std::string_view, 30> short_units = {
    "cm", "mm", "km", "kg",  "ft",  "in",  "mi",  "lb",  "lbs", "oz",
    "mg", "ml", "mL", "hr",  "hrs", "min", "sec", "mph", "kph", "pm",
    "am", "yd", "sq", "deg", "rad", "cu",  "gal", "mol", "dm",  "per"};

inline constexpr std::array<std::string_view, 9> matrix_environments = {
    "pmatrix",     "bmatrix", "matrix",  "vmatrix", "Bmatrix",
    "smallmatrix", "array",   "Vmatrix", "cases"};

}  // namespace xfer::grade
