// Many tests at once.
#pragma once

#include <span>
#include <vector>

namespace xfer::stats {

/// Holm's adjusted p-values (1979), in the order given: rejecting those <= alpha keeps the chance
/// of any false rejection at alpha. Throws `invalid_argument` for a value outside [0, 1].
std::vector<double> holm(std::span<const double> p);

/// Benjamini and Hochberg's adjusted p-values (1995), in the order given: rejecting those <= q
/// keeps the expected share of false ones among the rejections at q. Same error.
std::vector<double> benjamini_hochberg(std::span<const double> p);

}  // namespace xfer::stats
