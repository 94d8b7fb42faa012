// SPDX-License-Identifier: Apache-2.0
// Serves the embedded model from a folder until it is killed: `serve_child FOLDER PORT`. Says
// "ready" on its output.
#include "xfer/serve/server.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>

#include <unistd.h>

int main(int count, char** arguments) {
  if (count != 3) return 2;
  try {
    xfer::engine::ModelOptions threads;
    threads.threads = 1;
    const char* const folder = XFER_SOURCE_DIR "/python/xfer/models/small";
    const auto model = xfer::engine::Model::load(folder, threads);
    xfer::serve::ServeOptions options;
    options.model_name = "small";
    options.model_aliases = {folder};
    options.tokenizer_id = folder;
    options.folder = arguments[1];
    options.port = static_cast<std::uint16_t>(std::atoi(arguments[2]));
    const xfer::serve::Server server(model, options);
    std::puts("ready");
    std::fflush(stdout);
    for (;;) ::pause();
  } catch (const std::exception& e) {
    std::printf("failed: %s\n", e.what());
    return 1;
  }
}
