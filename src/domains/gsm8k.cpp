// GSM8K: grade-school word problems (Cobbe et al. 2021, arXiv 2110.14168).
#include "domains/file_dataset.hpp"
#include "xfer/rng.hpp"

#include <algorithm>
#include <optional>

namespace xfer::domains {
namespace {

constexpr std::string_view mark = "####";
constexpr std::size_t few_shot_max = 8;

/// Without the calculator notes "<<48/2=24>>".
std::string without_notes(const std::string& text) {
  std::string out;
  std::size_t at = 0;
  for (;;) {
    const std::size_t open = text.find("<<", at);
    const std::size_t close = open == std::string::npos ? open : text.find(">>", open);
    if (close == std::string::npos) return out + text.substr(at);
    out += text.substr(at, open - at);
    at = close + 2;
  }
}

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

bool is_number(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  return !digits.empty() && digits.front() != '.' && digits.back() != '.' &&
         std::count(digits.begin(), digits.end(), '.') <= 1 &&
         digits.find_first_not_of("0123456789.") == std::string_view::npos;
}

Example read_example(const Record& record) {
  Example example;
  example.question = record.text("question");
  const std::string answer = record.text("answer");
  const std::size_t at = answer.rfind(mark);
  if (trimmed(example.question).empty()) record.refuse("field \"question\" is empty");
  if (at == std::string::npos)
    record.refuse("field \"answer\" must end in \"#### <number>\" (there is no \"####\")");
  example.answer = trimmed(answer.substr(at + mark.size()));
  std::erase(example.answer, ',');
  if (example.answer.starts_with('$')) example.answer.erase(0, 1);
  if (!is_number(example.answer))
    record.refuse(
        "field \"answer\" must end in \"#### <number>\" (what follows the mark is not a "
        "number)");
  example.solution = trimmed(without_notes(answer));
  return example;
}

/// Parts of a hundred by the hash of the question: the same question is always on the same side.
std::uint64_t percentile(const std::string& question) {
  const std::uint64_t h = stream_id(question);
  return philox4x32({static_cast<std::uint32_t>(h), static_cast<std::uint32_t>(h >> 32U), 0, 0},
                    {0x67736d38U, 1})[0] %
         100;
}

std::optional<std::filesystem::path> sibling(const std::filesystem::path& path,
                                             std::string_view prefix, std::string_view other) {
  const std::string name = path.filename().string();
  if (!name.starts_with(prefix)) return std::nullopt;
  const auto beside = path.parent_path() / (std::string(other) + name.substr(prefix.size()));
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(beside, ignored)) return std::nullopt;
  return beside;
}

/// Checks every row and puts it where `split_of` says.
template <class SplitOf>
void add_rows(FileDataset& dataset, std::shared_ptr<const JsonlFile> file, SplitOf split_of) {
  const std::string stem = file->path().stem().string();
  const std::size_t number = dataset.add_file(file);
  for (std::size_t line = 0; line < file->size(); ++line) {
    const Example example = read_example(file->record(line));
    dataset.add_row(split_of(example.question), number, line,
                    "gsm8k/" + stem + "/" + std::to_string(line));
  }
}

Split test_only(const std::string&) {
  return Split::test;
}

Split train_or_validation(const std::string& question) {
  return percentile(question) < 90 ? Split::train : Split::validation;
}

Split any_split(const std::string& question) {
  const std::uint64_t part = percentile(question);
  return part < 80 ? Split::train : part < 90 ? Split::validation : Split::test;
}

}  // namespace

bool looks_like_gsm8k(const Record& first) {
  return first.has("question") && first.has("answer");
}

Domain gsm8k_domain(std::shared_ptr<const JsonlFile> file) {
  Domain domain;
  domain.name = "gsm8k";
  auto dataset = std::make_shared<FileDataset>("gsm8k", read_example);
  const auto test = sibling(file->path(), "train", "test");
  const auto train = sibling(file->path(), "test", "train");
  if (test || train) {
    auto other = std::make_shared<const JsonlFile>(test ? *test : *train);
    add_rows(*dataset, test ? file : other, train_or_validation);
    add_rows(*dataset, test ? other : file, test_only);
    domain.title =
        "GSM8K: grade-school word problems (official test rows; validation is a tenth "
        "of the train rows, by hash of the question)";
  } else {
    add_rows(*dataset, file, any_split);
    domain.title = "GSM8K: grade-school word problems (not the official splits: " +
                   file->path().filename().string() +
                   " cut 80/10/10 % by hash of the question into train/validation/test)";
  }
  for (std::size_t i = 0; i < std::min(few_shot_max, dataset->size(Split::train)); ++i)
    domain.few_shot.push_back(dataset->at(Split::train, i));
  domain.dataset = std::move(dataset);
  domain.grader = grade::Grader::make("gsm8k");
  domain.prompts = {
      {"Question: ", "\nAnswer:"},
      {"Q: ", "\nA:"},
      {"Problem: ", "\nSolution:"},
      {"Solve this problem step by step and end with \"#### <number>\".\n", "\nAnswer:"},
      {"", "\nAnswer:"}};
  domain.max_answer_tokens = 320;
  domain.stop_strings = {"\nQuestion:", "\nQ:", "\nProblem:"};
  return domain;
}

}  // namespace xfer::domains
