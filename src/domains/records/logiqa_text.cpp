// SPDX-License-Identifier: Apache-2.0
// LogiQA's own text: records of seven lines (letter, context, question, four options), a blank line
// before each.
#include "domains/records/record_file.hpp"
#include "domains/records/text_tools.hpp"
#include "xfer/error.hpp"

#include <fmt/format.h>

#include <utility>

namespace xfer::domains {
namespace {

constexpr std::size_t lines_of_record = 7;

class LogiqaText final : public RecordFile {
public:
  explicit LogiqaText(SourceText source) : RecordFile(source), source_(std::move(source)) {
    const std::string_view text = source_.text();
    std::size_t number = 1;
    bool inside = false;
    for (std::size_t at = 0; at < text.size(); ++number) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const bool blank = is_blank(text.substr(at, end - at));
      if (!blank && !inside) blocks_.push_back({at, 0, number});
      if (!blank) blocks_.back().length = end - blocks_.back().offset;
      inside = !blank;
      at = end + 1;
    }
  }
  std::size_t size() const override { return blocks_.size(); }
  std::string_view format() const override { return "LogiQA text"; }
  Record record(std::size_t index) const override {
    const Span& block = blocks_.at(index);
    const std::string where = place(path(), block.line);
    const std::string_view text = source_.text().substr(block.offset, block.length);
    need_utf8(text, where);
    std::vector<std::string> lines = split_at(text, '\n');
    if (lines.size() != lines_of_record)
      throw Error(Errc::bad_data,
                  fmt::format("{}: a record of {} lines is expected (letter, context, question, "
                              "four options), got {}",
                              where, lines_of_record, lines.size()));
    for (std::string& line : lines) line = trimmed(line);
    nlohmann::json object = {{"label", lines[0]}, {"context", lines[1]}, {"question", lines[2]}};
    object["marked_options"] = {lines[3], lines[4], lines[5], lines[6]};
    return {std::move(object), where};
  }

private:
  SourceText source_;
  std::vector<Span> blocks_;
};

}  // namespace

std::shared_ptr<const RecordFile> open_logiqa_text(SourceText source) {
  return std::make_shared<const LogiqaText>(std::move(source));
}

}  // namespace xfer::domains
