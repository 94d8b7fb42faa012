// SPDX-License-Identifier: Apache-2.0
// Failures as results of futures.
#pragma once

#include "serve/futures.hpp"
#include "serve/refusal.hpp"
#include "tinker/wire/server_answers.hpp"

#include <boost/system/system_error.hpp>

#include <exception>
#include <new>

namespace xfer::serve {

/// The words for a client, and whose failure it is: "user" or "server".
inline Result failure_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& e) {
    return Result(false, tinker::failure_answer(e.what(), category_of(e)));
  } catch (const boost::system::system_error&) {  // a wait was cancelled
    return Result(false, tinker::failure_answer("cancelled", "user"));
  } catch (const std::bad_alloc&) {
    return Result(false, tinker::failure_answer("the server has not enough memory", "server"));
  } catch (const std::exception& e) {
    return Result(false, tinker::failure_answer(e.what(), "server"));
  }
}

}  // namespace xfer::serve
