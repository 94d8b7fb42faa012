// SPDX-License-Identifier: Apache-2.0
// Every format that datasets come in, and what people give by mistake.
#include "files.hpp"

#include "domains/records/record_file.hpp"
#include "domains/records/unpack.hpp"
#include "xfer/rng.hpp"

#include <zlib.h>
#include <zstd.h>

#include <vector>

namespace xfer::domains {
namespace {

class Records : public Files {
protected:
  static std::string refused(const fs::path& path) {
    try {
      const auto file = open_records(path);
      for (std::size_t i = 0; i < file->size(); ++i) file->record(i);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Errc::bad_data) << e.what();
      return e.what();
    }
    ADD_FAILURE() << "nothing was refused";
    return "";
  }
};

std::string gzipped(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

std::string zstandard(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += R"({"n": )" + std::to_string(i) + R"(, "t": "x"})" + "\n";
  return text;
}

TEST_F(Records, the_same_rows_in_every_format) {
  const std::string csv = "n,t\r\n0,x\r\n\r\n1,x\r\n";
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
           {"a.jsonl", lines(2)},
           {"b.json",
            "[\n"
            R"({"n": 0, "t": "x"},)"
            "\n"
            R"({"n": 1, "t": "x"}])"},
           {"c.json", R"({"questions": [{"n": 0, "t": "x"}, {"n": 1, "t": "x"}], "v": 1})"},
           {"d.json", R"({"k0": {"n": 0, "t": "x"}, "k1": {"n": 1, "t": "x"}})"},
           {"e.csv", csv},
           {"f.tsv", "t\tn\n\"x\"\t0\n\"x\"\t1"},
           {"g.csv", "\xEF\xBB\xBF" + csv},
           {"h.jsonl.gz", gzipped(lines(2))},
           {"i.jsonl.zst", zstandard(lines(2))},
           {"j.gz", gzipped(lines(1)) + gzipped(R"({"n": 1, "t": "x"})")}}) {
    const auto file = open_records(write(name, text));
    ASSERT_EQ(file->size(), 2U) << name;
    for (std::size_t i = 0; i < 2; ++i) {
      const Record record = file->record(i);
      EXPECT_EQ(record.integer("n"), static_cast<std::int64_t>(i)) << name;
      EXPECT_EQ(record.text("t"), "x") << name;
      EXPECT_EQ(record.key(), name == "d.json" ? "k" + std::to_string(i) : "");
    }
    EXPECT_EQ(file->content_hash().size(), 64U);
  }
}

TEST_F(Records, quoted_cells_keep_commas_quotes_and_line_ends) {
  const auto file = open_records(write("a.csv", "a,b\n\"1, \"\"2\"\"\n3\",x\n4,\"\"\n\"\",5\n"));
  ASSERT_EQ(file->size(), 3U);
  EXPECT_EQ(file->record(0).text("a"), "1, \"2\"\n3");
  EXPECT_EQ(file->record(1).text("b"), "");
  EXPECT_EQ(file->record(2).text("b"), "5");
  expect_in(":4", file->record(1).where());
}

TEST_F(Records, hostile_tables_are_named_by_line) {
  expect_in("a.csv:3: the row has 3 cells, the header 2",
            refused(write("a.csv", "a,b\n1,2\n1,2,3\n")));
  expect_in("b.csv:3: a quote opens", refused(write("b.csv", "a,b\n1,2\n\"1,2\n3,4\n")));
  expect_in("c.csv:2: text follows the closing quote", refused(write("c.csv", "a,b\n\"1\"x,2\n")));
  expect_in("d.csv:1: the header names column \"a\" twice", refused(write("d.csv", "a,a\n1,2\n")));
  expect_in("no rows", refused(write("e.csv", "a,b\n")));
  expect_in("f.csv:2: not UTF-8 (byte 0xE9 at column 4)",
            refused(write("f.csv", "a,b\ncaf\xE9,1\n")));
}

TEST_F(Records, hostile_json_is_named_by_line) {
  expect_in("a.json:4: not a JSON array",
            refused(write("a.json", "[\n{\"a\": 1},\n{\"a\": ]\n}]")));
  expect_in("does not end", refused(write("b.json", "[{\"a\": 1}, {\"a\": \"")));
  expect_in("text follows", refused(write("c.json", "[{\"a\": 1}] x")));
  expect_in("no elements", refused(write("d.json", "[]")));
  expect_in("e.json:1: one JSON object", refused(write("e.json", "[1, 2]")));
  expect_in("f.jsonl:2: not UTF-8", refused(write("f.jsonl", "{\"a\":1}\n{\"a\":\"\xC3\x28\"}\n")));
  refused(write("g.json", std::string(300'000, '[')));
  refused(write("h.json", std::string(300'000, '{')));
  std::string nested;
  for (int i = 0; i < 100'000; ++i) nested += "{\"a\":";
  refused(write("i.json", nested));
}

TEST_F(Records, what_is_no_text_is_refused_with_advice) {
  expect_in("Parquet", refused(write("a.parquet", "PAR1....")));
  expect_in("UTF-16", refused(write("b.jsonl", std::string("\xFF\xFE{\0", 4))));
  expect_in("zip", refused(write("c.zip", "PK\x03\x04...")));
  expect_in("zero byte", refused(write("d.jsonl", std::string("{\0", 2))));
  expect_in("git-lfs", refused(write("e.jsonl", "version https://git-lfs.github.com/spec/v1\n")));
  expect_in("neither JSON nor a table", refused(write("f.txt", "hello there\n")));
  const std::string packed = gzipped(lines(1000));
  expect_in("ends in the middle", refused(write("g.gz", packed.substr(0, packed.size() / 2))));
  expect_in("follow the end", refused(write("h.gz", packed + "xx")));
  std::string damaged = packed;
  damaged[packed.size() / 2] = static_cast<char>(damaged[packed.size() / 2] ^ 0x55);
  refused(write("i.gz", damaged));
  const std::string zst = zstandard(lines(1000));
  refused(write("j.zst", zst.substr(0, zst.size() / 2)));
}

TEST_F(Records, packed_files_that_swell_are_stopped) {
  // Four times 64 MiB of spaces: allowed are 64 MiB and 300 times the packed size, 80 MiB here.
  const std::string part = gzipped(std::string(std::size_t{64} << 20U, ' '));
  std::string bomb;
  for (int i = 0; i < 4; ++i) bomb += part;
  expect_in("unpacks to more than", refused(write("bomb.gz", bomb)));
}

TEST_F(Records, large_packed_files_are_read_from_disk) {
  // Packs well, but not so well that it looks like a bomb.
  Rng rng(1, "rows");
  std::string text;
  for (int i = 0; i < 80; ++i) {
    std::string content(1 << 20, 'a');
    for (std::size_t k = 0; k < 4096; ++k) content[k] = "0123456789abcdef"[rng.below(16)];
    text += R"({"t": ")" + content + "\"}\n";
  }
  const auto file = open_records(write("a.jsonl.zst", zstandard(text)));
  ASSERT_EQ(file->size(), 80U);
  EXPECT_EQ(file->record(79).text("t").size(), std::size_t{1} << 20U);
}

TEST_F(Records, logiqa_text_has_seven_lines_a_record) {
  const auto file = open_records(
      write("T.txt", "\nb\nContext.\nQuestion?\nA.one\nB.two\nC.three\nD.four\n\na\nC\nQ\nA.1\n"));
  ASSERT_EQ(file->size(), 2U);
  EXPECT_EQ(file->record(0).text("label"), "b");
  EXPECT_EQ(file->record(0).texts("marked_options")[3], "D.four");
  expect_in("T.txt:10: a record of 7 lines", refused(folder_ / "T.txt"));
}

TEST(ListsAsText, are_read_as_people_write_them) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(parse_list(R"(["a", "b c"])"), (Texts{"a", "b c"}));
  EXPECT_EQ(parse_list(R"([1, 2.5])"), (Texts{"1", "2.5"}));
  EXPECT_EQ(parse_list(R"(['it\'s', "b"])"), (Texts{"it's", "b"}));
  EXPECT_EQ(parse_list("['a' 'b'\n 'c']"), (Texts{"a", "b", "c"}));
  EXPECT_EQ(parse_list("(A) red (B) blue (C) green"), (Texts{"red", "blue", "green"}));
  EXPECT_EQ(parse_list("red\nblue"), (Texts{"red", "blue"}));
  EXPECT_TRUE(parse_list("red").empty());
  EXPECT_TRUE(parse_list("['a").empty());
  EXPECT_TRUE(parse_list("").empty());
}

TEST(Utf8, is_checked_to_the_letter) {
  EXPECT_EQ(invalid_utf8_at("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), std::string_view::npos);
  EXPECT_EQ(invalid_utf8_at("ab\xC0\x80"), 2U);        // overlong
  EXPECT_EQ(invalid_utf8_at("\xED\xA0\x80"), 0U);      // surrogate
  EXPECT_EQ(invalid_utf8_at("\xF4\x90\x80\x80"), 0U);  // beyond U+10FFFF
  EXPECT_EQ(invalid_utf8_at("abc\xE2\x82"), 3U);       // cut off
  EXPECT_EQ(invalid_utf8_at("\xFF"), 0U);
}

}  // namespace
}  // namespace xfer::domains
