// SPDX-License-Identifier: Apache-2.0
// The graders behind Grader::make.
#pragma once

#include "xfer/grade/grader.hpp"

#include <memory>

namespace xfer::grade {

std::shared_ptr<const Grader> make_final_answer();
std::shared_ptr<const Grader> make_code_expression();
std::shared_ptr<const Grader> make_gsm8k();
std::shared_ptr<const Grader> make_python_tests();
std::shared_ptr<const Grader> make_choice();
std::shared_ptr<const Grader> make_label();
std::shared_ptr<const Grader> make_number();
std::shared_ptr<const Grader> make_factoid();
std::shared_ptr<const Grader> make_list();
std::shared_ptr<const Grader> make_humaneval();
std::shared_ptr<const Grader> make_math();

}  // namespace xfer::grade
