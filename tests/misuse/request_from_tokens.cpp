// SPDX-License-Identifier: Apache-2.0
// A bare list of tokens is not a request: how much to sample is to be said.
#include "xfer/sampler.hpp"

xfer::task<std::vector<xfer::Completion>> ask(xfer::Sampler& sampler,
                                              std::vector<std::int32_t> prompt) {
#ifdef RIGHT
  xfer::SampleRequest request(std::move(prompt));
  return sampler.sample(std::move(request));
#else
  return sampler.sample(prompt);
#endif
}
