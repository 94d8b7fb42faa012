// SPDX-License-Identifier: Apache-2.0
#include "serve/store.hpp"
#include "serve/checkpoints.hpp"
#include "serve/refusal.hpp"
#include "tests/serve/serve_testing.hpp"

#include <fstream>

namespace xfer::serve {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryFolder;

RunRow a_run(const std::string& id, const std::string& account = "local") {
  RunRow run;
  run.id = id;
  run.session_id = "session-1";
  run.account = account;
  run.base_model = "small";
  run.rank = 4;
  run.user_metadata = {{"k", "v"}};
  run.created = now_us();
  return run;
}

CheckpointRow a_checkpoint(const std::string& run, const std::string& name) {
  CheckpointRow row;
  row.run_id = run;
  row.kind = "weights";
  row.name = name;
  row.created = now_us();
  return row;
}

void write_file(const fs::path& path, const std::string& text = "x") {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST(Store, keeps_what_it_is_given) {
  const TemporaryFolder folder;
  {
    Store store(folder.path() / "serve.db");
    SessionRow session;
    session.id = "session-1";
    session.account = "local";
    session.user_metadata = {{"a", "b"}};
    store.add(session);
    store.add(a_run("r1"));
    store.put(a_checkpoint("r1", "one"));
    SamplerRow sampler;
    sampler.id = "session-1:sample:0";
    sampler.session_id = "session-1";
    sampler.snapshot = "r1/snapshots/session-1:sample:0";
    store.add(sampler);
  }
  Store store(folder.path() / "serve.db");
  EXPECT_EQ(store.session("session-1")->user_metadata.at("a"), "b");
  EXPECT_EQ(store.sessions_going_on().size(), 1U);
  store.end_session("session-1");
  EXPECT_TRUE(store.sessions_going_on().empty());
  EXPECT_EQ(store.run("r1")->rank, 4);
  EXPECT_EQ(store.run("r1")->user_metadata.at("k"), "v");
  EXPECT_FALSE(store.run("r2"));
  EXPECT_FALSE(store.checkpoint("r1", "weights", "one")->expires);
  EXPECT_EQ(store.snapshots_of_session("session-1").size(), 1U);
}

TEST(Store, lists_pages_of_one_account) {
  const TemporaryFolder folder;
  Store store(folder.path() / "serve.db");
  for (int i = 0; i < 5; ++i) {
    auto run = a_run("r" + std::to_string(i), i == 2 ? "other" : "local");
    run.created = i;
    store.add(run);
    store.put(a_checkpoint(run.id, "c"));
  }
  const auto page = store.runs("local", 2, 1);
  ASSERT_EQ(page.size(), 2U);
  EXPECT_EQ(page[0].id, "r3");
  EXPECT_EQ(page[1].id, "r1");
  EXPECT_EQ(store.count_runs("local"), 4);
  EXPECT_EQ(store.count_checkpoints("other"), 1);
  EXPECT_EQ(store.checkpoints("local", 100, 0).size(), 4U);
}

TEST(Store, reads_what_an_older_version_kept) {
  const TemporaryFolder folder;
  {
    files::Sqlite old(folder.path() / "serve.db", files::Sqlite::Mode::exclusive, "old");
    old.execute(
        "CREATE TABLE checkpoints(run_id TEXT NOT NULL, kind TEXT NOT NULL, "
        "name TEXT NOT NULL, created INTEGER NOT NULL, bytes INTEGER NOT NULL, "
        "is_public INTEGER NOT NULL, expires INTEGER, "
        "PRIMARY KEY(run_id, kind, name)) WITHOUT ROWID");
    old.execute("INSERT INTO checkpoints VALUES('r1', 'weights', 'one', 1, 2, 0, NULL)");
    old.execute("PRAGMA user_version = 1");
  }
  for (int opened = 0; opened < 2; ++opened) {
    Store store(folder.path() / "serve.db");
    auto row = store.checkpoint("r1", "weights", "one").value();
    EXPECT_EQ(row.bytes, 2);
    EXPECT_EQ(row.user_metadata.size(), opened == 0 ? 0U : 1U);
    row.user_metadata["k"] = "v";
    store.put(row);
  }
}

TEST(Store, is_one_servers_at_a_time) {
  const TemporaryFolder folder;
  const Store store(folder.path() / "serve.db");
  std::string text;
  EXPECT_EQ(testing::code_of([&] { Store(folder.path() / "serve.db"); }, &text), Errc::unavailable);
  EXPECT_NE(text.find("another server"), std::string::npos) << text;
}

TEST(Store, refuses_a_file_that_is_no_database) {
  const TemporaryFolder folder;
  write_file(folder.path() / "serve.db", std::string(5000, 'x'));
  EXPECT_EQ(testing::code_of([&] { Store(folder.path() / "serve.db"); }), Errc::bad_data);
}

TEST(Store, times_are_rfc_3339) {
  EXPECT_EQ(time_text(1'795'466'275'304'001), "2026-11-23T20:37:55.304001Z");
}

TEST(Checkpoints, what_an_interrupted_save_left_is_removed) {
  const TemporaryFolder folder;
  Store store(folder.path() / "serve.db");
  store.add(a_run("r1"));
  store.put(a_checkpoint("r1", "kept"));
  const fs::path run = folder.path() / "checkpoints" / "r1";
  for (const char* name : {"weights/kept/a", "weights/no-row/a", "saving-3/a", "saving-4.partial/a",
                           "snapshots/no-row/a"})
    write_file(run / name);
  const Checkpoints checkpoints(folder.path(), store);
  EXPECT_TRUE(fs::exists(run / "weights/kept/a"));
  for (const char* name : {"weights/no-row", "saving-3", "saving-4.partial", "snapshots/no-row"})
    EXPECT_FALSE(fs::exists(run / name)) << name;
}

TEST(Checkpoints, a_folder_replaces_another_in_one_step) {
  const TemporaryFolder folder;
  const fs::path to = folder.path() / "weights" / "one";
  write_file(folder.path() / "first" / "a", "12345");
  EXPECT_EQ(Checkpoints::install(folder.path() / "first", to), 5);
  write_file(folder.path() / "second" / "b", "1234567");
  EXPECT_EQ(Checkpoints::install(folder.path() / "second", to), 7);
  EXPECT_FALSE(fs::exists(to / "a"));
  EXPECT_FALSE(fs::exists(folder.path() / "second"));
}

TEST(Checkpoints, belong_to_an_account_until_they_are_published) {
  const TemporaryFolder folder;
  Store store(folder.path() / "serve.db");
  Checkpoints checkpoints(folder.path(), store);
  store.add(a_run("r1", "one"));
  auto row = a_checkpoint("r1", "c");
  store.put(row);
  const std::string path = row.tinker_path();
  EXPECT_EQ(path, "tinker://r1/weights/c");
  EXPECT_EQ(checkpoints.find(path, "one").name, "c");
  EXPECT_THROW(checkpoints.find(path, "two"), Refusal);
  row.is_public = true;
  store.put(row);
  EXPECT_EQ(checkpoints.find(path, "two").name, "c");
  EXPECT_THROW(checkpoints.find_own(path, "two"), Refusal);
  row.expires = now_us() - 1;
  store.put(row);
  EXPECT_THROW(checkpoints.find(path, "one"), Refusal);
  EXPECT_EQ(store.expired(now_us()).size(), 1U);
  for (const char* wrong : {"tinker://../weights/c", "tinker://r1/weights/../c", "r1/weights/c"})
    EXPECT_THROW(checkpoints.find(wrong, "one"), Error) << wrong;
}

}  // namespace
}  // namespace xfer::serve
