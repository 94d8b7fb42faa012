// SPDX-License-Identifier: Apache-2.0
#include "tinker/client/credential.hpp"
#include "tests/tinker/client_testing.hpp"
#include "tinker/wire/base64.hpp"

namespace xfer::tinker {
namespace {

using namespace std::chrono_literals;
using namespace testing;

std::string jwt(long issued, long expires) {
  return "eyJ." +
         base64_encode(R"({"iat":)" + std::to_string(issued) + R"(,"exp":)" +
                       std::to_string(expires) + "}") +
         ".sig";
}

Token::Clock::time_point at(long seconds) {
  return Token::Clock::time_point(std::chrono::seconds(seconds));
}

std::string without_padding(std::string text) {
  std::erase(text, '=');
  return text;
}

TEST(Token, is_renewed_at_half_its_life) {
  const Token token(without_padding(jwt(1000, 2000)));
  EXPECT_FALSE(token.needs_renewal(at(1499)));
  EXPECT_TRUE(token.needs_renewal(at(1500)));
  const Token brief(without_padding(jwt(1000, 1080)));
  EXPECT_FALSE(brief.needs_renewal(at(1019)));
  EXPECT_TRUE(brief.needs_renewal(at(1020)));
  EXPECT_TRUE(Token().needs_renewal(at(0)));
}

TEST(Token, nonsense_is_refused_without_being_shown) {
  for (const std::string& bad :
       {std::string("secret"), std::string("secret.x.y"), std::string("secret.e30.y"),
        without_padding(jwt(2000, 1000)), std::string("secret\n.e30.y")}) {
    std::string text;
    code_of([&] { Token token(bad); }, &text);
    EXPECT_NE(text, "");
    EXPECT_EQ(text.find("secret"), std::string::npos);
  }
}

TEST(Token, stands_in_for_the_key_where_the_service_wants_one) {
  const long now = static_cast<long>(
      std::chrono::duration_cast<std::chrono::seconds>(Token::Clock::now().time_since_epoch())
          .count());
  int given = 0;
  std::vector<std::string> keys;
  ScriptedServer server([&](const ServerRequest& request) -> ServerReply {
    const std::string key = request.headers.at("x-api-key");
    if (request.target == "/api/v1/client/config")
      return ServerReply(R"({"pjwt_auth_enabled":true})");
    if (request.target == "/api/v1/auth/token") {
      EXPECT_EQ(key, "tml-secret-key");
      ++given;
      return ServerReply(R"({"jwt":")" + without_padding(jwt(now + given, now + 1000)) + "\"}");
    }
    if (request.target == "/api/v1/client/dynamic_config") return ServerReply("{}");
    keys.push_back(key);
    ServerReply expired(401, R"({"detail":"expired"})");
    expired.headers.emplace_back("WWW-Authenticate", "Bearer error=\"invalid_token\"");
    if (keys.size() == 1) return expired;
    return ServerReply(R"({"supported_models":[]})");
  });
  const ServiceClient client(quick_options(server.url()));
  run_blocking(client.capabilities());
  EXPECT_EQ(given, 2);
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_NE(keys[0], keys[1]);
  EXPECT_TRUE(keys[1].starts_with("eyJ."));
}

}  // namespace
}  // namespace xfer::tinker
