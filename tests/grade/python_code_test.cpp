// SPDX-License-Identifier: Apache-2.0
#include "grade/code/python_code.hpp"

#include <gtest/gtest.h>

namespace xfer::grade {
namespace {

std::string code(std::string_view text) { return extract_python(text).code; }

TEST(PythonCode, takes_the_first_fenced_block_and_prefers_python) {
  EXPECT_EQ(code("Sure:\n```python\ndef f():\n  return 1\n```\nDone.\n```python\nf()\n```\n"),
            "def f():\n  return 1\n");
  EXPECT_EQ(code("```\nx = 1\n```"), "x = 1\n");
  EXPECT_EQ(code("```bash\npip\n```\n```py\nx = 2\n```"), "x = 2\n");
  EXPECT_EQ(code("Here:\n  ```python\nx = 3"), "x = 3");
}

TEST(PythonCode, understands_the_marks_of_mbpp) {
  EXPECT_EQ(code("[BEGIN]\nx = 1\n[DONE]\n[BEGIN]\ny"), "\nx = 1\n");
  EXPECT_EQ(code("x = 1\n[DONE]\nYou are an expert"), "x = 1\n");
  EXPECT_EQ(code("[BEGIN]\n```python\nx = 1\n```\n[DONE]"), "x = 1\n");
  EXPECT_TRUE(extract_python("x = 1\n[DONE]").marked);
}

TEST(PythonCode, knows_a_block_that_the_prompt_opened) {
  EXPECT_EQ(code("def f():\n  return 1\n```\nThis returns one."), "def f():\n  return 1\n");
  EXPECT_EQ(code("Here it is\n```\ndef f(): pass"), "def f(): pass");
}

TEST(PythonCode, takes_the_whole_text_otherwise) {
  EXPECT_EQ(code("def f():\r\n\treturn 1\r\n"), "def f():\n\treturn 1\n");
  EXPECT_FALSE(extract_python("x = 1").marked);
  EXPECT_EQ(code(" def f(): return 1"), "def f(): return 1");
  EXPECT_EQ(code(""), "");
  EXPECT_EQ(code("   "), "   ");
  EXPECT_EQ(code("```"), "");
}

}  // namespace
}  // namespace xfer::grade
