// SPDX-License-Identifier: Apache-2.0
// Multiple choice, labels and numbers: the three shapes that most answers have.
#pragma once

#include "domains/records/record.hpp"
#include "xfer/dataset.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace xfer::domains {

/// 'A' + index; at most 26 options.
std::string letter(std::size_t index);

/// Which of `count` options a field names: a letter of either case, a number as text from 1, or an
/// integer from `first`. Throws `bad_data` otherwise.
std::size_t option_index(const Record& record, std::string_view field, std::size_t count,
                         std::int64_t first = 0);

/// "A) red", "(A)red", "A.red", "A red" without the mark of that option; unchanged when the letter
/// is another one's.
std::string without_mark(const std::string& option, std::size_t index);

/// Question with lettered options, the letter as the answer. `stem` is the question alone, kept as
/// extra["stem"] for scoring option texts without showing the options. Throws `bad_data` when an
/// option is empty or there are fewer than two.
void set_choices(Example& example, const Record& record, const std::string& stem,
                 std::vector<std::string> options, std::size_t right);

/// One of a fixed set of labels. Throws `bad_data` when `label` is not among them (whatever its
/// case), naming `field`.
void set_label(Example& example, const Record& record, std::string_view field,
               const std::vector<std::string>& labels, const std::string& label);

/// A row of BLURB's yes-no tasks (Gu et al. 2021, arXiv 2007.15779) as LinkBERT and BioMedLM write
/// them: id, sentence1 (the question), sentence2 (its text), label. Two datasets have it; the ids
/// of one are numbers of PubMed.
bool is_blurb(const Record& record);
bool is_pubmed_id(std::string_view id);

/// A decimal number as it stands in the field, "-.72" as "-0.72". Throws `bad_data`.
std::string decimal(const Record& record, std::string_view field);

/// Throws `bad_data` when the text is blank.
void need_content(const Record& record, std::string_view field, std::string_view text);

}  // namespace xfer::domains
