// The graders behind Grader::make.
#pragma once

#include "xfer/grade/grader.hpp"

#include <memory>

namespace xfer::grade {

std::shared_ptr<const Grader> make_final_answer();
std::shared_ptr<const Grader> make_code_expression();
std::shared_ptr<const Grader> make_gsm8k();
std::shared_ptr<const Grader> make_python_tests();

}  // namespace xfer::grade
