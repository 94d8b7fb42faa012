// SPDX-License-Identifier: Apache-2.0
// The example program of the client, against a server of this process.
#include "serve_testing.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace xfer::serve::testing {
namespace {

class ExampleClient : public Serve {};

std::string output_of(const std::string& command, int& status) {
  std::string output;
  FILE* const pipe = ::popen(command.c_str(), "r");
  std::array<char, 512> piece{};
  while (pipe && std::fgets(piece.data(), piece.size(), pipe)) output += piece.data();
  status = pipe ? ::pclose(pipe) : -1;
  return output;
}

TEST_F(ExampleClient, trains_and_samples) {
  int status = 0;
  const std::string output = output_of(
      "TINKER_BASE_URL=" + url() + " TINKER_API_KEY=tml-key " XFER_EXAMPLE_CLIENT " 2>&1", status);
  EXPECT_EQ(status, 0) << output;
  EXPECT_NE(output.find("step 29: loss "), std::string::npos) << output;
  EXPECT_NE(output.find("sampled: 75 85 95\n"), std::string::npos) << output;
}

}  // namespace
}  // namespace xfer::serve::testing
