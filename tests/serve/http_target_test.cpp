// SPDX-License-Identifier: Apache-2.0
#include "serve/accounts.hpp"
#include "serve/http.hpp"
#include "xfer/error.hpp"

#include <gtest/gtest.h>

namespace xfer::serve {
namespace {

TEST(HttpTarget, is_taken_apart) {
  const auto head = parse_target("/api/v1/training_runs/a%3Ab/checkpoints?limit=2&offset=&x=%20y");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->path,
            (std::vector<std::string>{"api", "v1", "training_runs", "a:b", "checkpoints"}));
  ASSERT_EQ(head->query.size(), 3U);
  EXPECT_EQ(head->query[0], (std::pair<std::string, std::string>("limit", "2")));
  EXPECT_EQ(head->query[1].second, "");
  EXPECT_EQ(head->query[2].second, " y");
  EXPECT_EQ(parse_target("/")->path, std::vector<std::string>{""});
  // A checkpoint's id has a slash, which some clients escape.
  EXPECT_EQ(parse_target("/c/weights%2Fone")->path,
            (std::vector<std::string>{"c", "weights", "one"}));
}

TEST(HttpTarget, refuses_what_is_malformed) {
  for (const char* target : {"", "api", "http://elsewhere/api", "/a%", "/a%4", "/a%zz", "/a%00",
                             "/a%0d%0a", "/a?b=%1", "*"})
    EXPECT_FALSE(parse_target(target)) << target;
}

TEST(Accounts, without_keys_everyone_is_local) {
  const Accounts accounts({});
  EXPECT_EQ(accounts.of(""), "local");
  EXPECT_EQ(accounts.of("tml-anything"), "local");
}

TEST(Accounts, each_key_is_one_and_others_are_refused) {
  const Accounts accounts({"tml-one", "tml-two"});
  EXPECT_NE(accounts.of("tml-one"), accounts.of("tml-two"));
  EXPECT_EQ(accounts.of("tml-one"), Accounts({"tml-one"}).of("tml-one"));
  EXPECT_EQ(accounts.of("tml-one")->find("one"), std::string::npos);
  for (const char* wrong : {"", "tml-on", "tml-one ", "tml-three"})
    EXPECT_FALSE(accounts.of(wrong));
  EXPECT_THROW(Accounts({""}), Error);
}

TEST(RandomId, is_never_the_same) {
  EXPECT_NE(random_id("session"), random_id("session"));
  EXPECT_EQ(random_id("session").size(), 8U + 32U);
}

}  // namespace
}  // namespace xfer::serve
