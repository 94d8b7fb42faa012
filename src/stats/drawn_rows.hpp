// SPDX-License-Identifier: Apache-2.0
// The inner loop of the bootstrap: sums of rows drawn with replacement.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xfer::stats {

/// Which instructions are used: the best that the processor has, or those that all have.
enum class Instructions { best, portable };

/// Rows of single-precision numbers, of which one resample draws as many as there are, with
/// replacement, and adds them up. The k-th draw of resample r is word k of the random stream
/// `Rng(seed, stream).fork(r)`, scaled to the number of rows: uneven by at most rows / 2^32, far
/// below what a bootstrap can resolve. Sums have the same bits on every processor.
class DrawnRows {
public:
  /// All zeros. Below 2^31 rows.
  DrawnRows(std::size_t rows, std::size_t columns, Instructions instructions = Instructions::best);

  void set(std::size_t row, std::size_t column, float value) {
    values_[row * stride_ + column] = value;
  }

  /// Sums of the columns over the rows of one resample.
  const std::vector<float>& draw(std::uint64_t seed, std::uint64_t stream, std::uint64_t resample);

private:
  std::size_t rows_;
  std::size_t stride_;
  Instructions instructions_;
  std::vector<float> values_;
  std::vector<std::uint64_t> chosen_;
  std::vector<float> sums_;
};

}  // namespace xfer::stats
