// SPDX-License-Identifier: Apache-2.0
#include "xfer/files/mapped_file.hpp"

#include "files_testing.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <thread>

namespace xfer::files {
namespace {

const std::string lfs_pointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 269060552\n";

TEST(MappedFile, holds_the_bytes_of_the_file) {
  const TemporaryFolder folder;
  const std::string content("a\0b\n", 4);
  put(folder / "f", content);
  MappedFile copy = MappedFile::open(folder / "f");
  {
    const MappedFile first = copy;
    copy = MappedFile::open(folder / "f");
    EXPECT_EQ(first.text(), content);
  }
  EXPECT_EQ(copy.text(), content);
  EXPECT_EQ(copy.bytes().size(), 4U);
  EXPECT_EQ(copy.path(), folder / "f");
}

TEST(MappedFile, an_empty_file_has_no_bytes) {
  const TemporaryFolder folder;
  put(folder / "f", "");
  EXPECT_EQ(MappedFile::open(folder / "f").text(), "");
  EXPECT_EQ(read_text(folder / "f"), "");
}

TEST(MappedFile, outlives_a_replacement_of_its_file) {
  const TemporaryFolder folder;
  put(folder / "f", "old");
  const MappedFile file = MappedFile::open(folder / "f");
  write_atomically(folder / "f", std::string_view("new"));
  EXPECT_EQ(file.text(), "old");
  EXPECT_EQ(read_text(folder / "f"), "new");
}

TEST(MappedFile, names_what_cannot_be_opened) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const auto& [name, reason] :
       {std::pair{"missing", "No such file"}, {"", "folder"}, {"pipe", "not a regular file"}}) {
    const auto path = folder / name;
    for (const auto& error :
         {error_of([&] { MappedFile::open(path); }), error_of([&] { read_text(path); })}) {
      EXPECT_EQ(error.code(), Errc::io);
      EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(reason), std::string::npos) << error.what();
    }
  }
}

TEST(MappedFile, says_that_a_git_lfs_pointer_is_not_the_file) {
  const TemporaryFolder folder;
  put(folder / "model.safetensors", lfs_pointer);
  expect_refused([&] { MappedFile::open(folder / "model.safetensors"); },
                 {"model.safetensors", "git-lfs pointer", "git lfs pull"});
  expect_refused([&] { read_text(folder / "model.safetensors"); }, {"git-lfs pointer"});
  expect_refused([&] { held(lfs_pointer); }, {"git-lfs pointer"});
}

TEST(ReadText, refuses_more_than_it_was_allowed) {
  const TemporaryFolder folder;
  put(folder / "f", "12345");
  EXPECT_EQ(read_text(folder / "f", 5), "12345");
  expect_refused([&] { read_text(folder / "f", 4); }, {"/f", "got 5", "allowed 4"});
}

TEST(WriteAtomically, replaces_the_content_and_leaves_nothing_beside_it) {
  const TemporaryFolder folder;
  for (const std::string text : {"first", "", "second, longer"}) {
    write_atomically(folder / "f", std::string_view(text));
    EXPECT_EQ(read_text(folder / "f"), text);
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"f"});
}

TEST(WriteAtomically, takes_a_name_without_a_folder) {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  write_atomically("bare", std::string_view("x"));
  std::filesystem::current_path(before);
  EXPECT_EQ(read_text(folder / "bare"), "x");
}

TEST(WriteAtomically, takes_the_longest_name_the_system_allows) {
  const TemporaryFolder folder;
  const std::string name(255, 'n');
  write_atomically(folder / name, std::string_view("x"));
  EXPECT_EQ(read_text(folder / name), "x");
}

TEST(WriteAtomically, names_the_target_and_the_reason) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "taken");
  for (const auto& [name, reason] :
       {std::pair{"none/f", "No such file or directory"}, {"taken", "Is a directory"}}) {
    const auto error = error_of([&] { write_atomically(folder / name, std::string_view("x")); });
    EXPECT_EQ(error.code(), Errc::io);
    EXPECT_NE(std::string(error.what()).find((folder / name).string()), std::string::npos);
    EXPECT_NE(std::string(error.what()).find(reason), std::string::npos) << error.what();
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"taken"});
}

// A limit on file sizes stands for a full disk: the write fails half way.
TEST(WriteAtomically, keeps_the_old_content_when_the_disk_takes_no_more) {
  const TemporaryFolder folder;
  write_atomically(folder / "f", std::string_view("old"));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto error =
      error_of([&] { write_atomically(folder / "f", std::string_view(std::string(9000, 'x'))); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(error.code(), Errc::io);
  EXPECT_NE(std::string(error.what()).find("File too large"), std::string::npos) << error.what();
  EXPECT_EQ(read_text(folder / "f"), "old");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"f"});
}

TEST(WriteAtomically, a_reader_never_sees_a_part) {
  const TemporaryFolder folder;
  const std::string small(10, 'a');
  const std::string large(200'000, 'b');
  write_atomically(folder / "f", std::string_view(small));
  std::jthread writer([&] {
    for (int i = 0; i < 20; ++i) {
      write_atomically(folder / "f", std::string_view(i % 2 == 0 ? large : small));
    }
  });
  for (int i = 0; i < 200; ++i) {
    const std::string seen = read_text(folder / "f");
    ASSERT_TRUE(seen == small || seen == large) << seen.size();
  }
}

}  // namespace
}  // namespace xfer::files
