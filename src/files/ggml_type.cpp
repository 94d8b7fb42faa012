// SPDX-License-Identifier: Apache-2.0
#include "xfer/error.hpp"
#include "xfer/files/gguf.hpp"

#include <array>

namespace xfer::files {
namespace {

struct Row {
  std::uint32_t number;
  const char* name;
  GgmlBlock block;  // 0 bytes: known by name, not read
};

// Numbers and sizes: ggml.h and ggml-common.h of ggml-org/ggml.
constexpr std::array rows = {
    Row{0, "F32", {1, 4}},       Row{1, "F16", {1, 2}},       Row{2, "Q4_0", {32, 18}},
    Row{3, "Q4_1", {32, 20}},    Row{6, "Q5_0", {32, 22}},    Row{7, "Q5_1", {32, 24}},
    Row{8, "Q8_0", {32, 34}},    Row{9, "Q8_1", {}},          Row{10, "Q2_K", {256, 84}},
    Row{11, "Q3_K", {256, 110}}, Row{12, "Q4_K", {256, 144}}, Row{13, "Q5_K", {256, 176}},
    Row{14, "Q6_K", {256, 210}}, Row{15, "Q8_K", {}},         Row{16, "IQ2_XXS", {}},
    Row{17, "IQ2_XS", {}},       Row{18, "IQ3_XXS", {}},      Row{19, "IQ1_S", {}},
    Row{20, "IQ4_NL", {}},       Row{21, "IQ3_S", {}},        Row{22, "IQ2_S", {}},
    Row{23, "IQ4_XS", {}},       Row{24, "I8", {}},           Row{25, "I16", {}},
    Row{26, "I32", {}},          Row{27, "I64", {}},          Row{28, "F64", {}},
    Row{29, "IQ1_M", {}},        Row{30, "BF16", {1, 2}},     Row{34, "TQ1_0", {}},
    Row{35, "TQ2_0", {}},        Row{39, "MXFP4", {}},
};

const Row* find_row(GgmlType type) {
  for (const auto& row : rows) {
    if (row.number == static_cast<std::uint32_t>(type)) return &row;
  }
  return nullptr;
}

}  // namespace

std::string to_string(GgmlType type) {
  const Row* const row = find_row(type);
  return row != nullptr ? row->name : "type " + std::to_string(static_cast<std::uint32_t>(type));
}

GgmlBlock block_of(GgmlType type) {
  const Row* const row = find_row(type);
  if (row == nullptr || row->block.bytes == 0) {
    std::string allowed;
    for (const auto& known : rows) {
      if (known.block.bytes == 0) continue;
      allowed += (allowed.empty() ? "" : ", ") + std::string(known.name);
    }
    const auto number = std::to_string(static_cast<std::uint32_t>(type));
    throw Error(Errc::not_available,
                "tensor type not supported (got number " + number +
                    (row == nullptr ? ", unknown" : ", " + std::string(row->name)) + "; allowed " +
                    allowed + ")");
  }
  return row->block;
}

}  // namespace xfer::files
