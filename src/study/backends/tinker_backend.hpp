// SPDX-License-Identifier: Apache-2.0
// A Tinker service as the backend of a study.
#pragma once

#include "xfer/study/backend.hpp"
#include "xfer/text/tokenizer.hpp"
#include "xfer/tinker/client_options.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace xfer::study {

/// `model` is the service's name for it. Every leg has a session of its own, which ends with it.
std::unique_ptr<Backend> make_tinker_backend(tinker::ClientOptions options, std::string model,
                                             text::Tokenizer tokenizer);

/// The same for a study: address, model and tokenizer as it says, key and proxies from the
/// environment. Throws `not_available` when no tokenizer is found, saying how to give one.
std::unique_ptr<Backend> open_tinker_backend(const StudySpec& spec,
                                             const std::filesystem::path& record_file);

/// Where the tokenizer of a service's model lies on this machine: what the study says, the model's
/// own when it is here too, the Hugging Face cache (HF_HUB_CACHE, HF_HOME), or what the service
/// says. Empty: nowhere.
std::filesystem::path local_tokenizer(const StudySpec& spec);
/// A folder of that id ("org/name") in the Hugging Face cache that holds a tokenizer; empty: none.
std::filesystem::path cached_tokenizer(const std::string& id);

}  // namespace xfer::study
