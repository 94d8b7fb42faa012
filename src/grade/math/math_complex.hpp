// SPDX-License-Identifier: Apache-2.0
// Complex numbers of 50 digits; principal values.
#pragma once

#include <boost/multiprecision/cpp_bin_float.hpp>

namespace xfer::grade {

using Real = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<50>,
                                           boost::multiprecision::et_off>;

struct Complex {
  Real re = 0;
  Real im = 0;
};

Real real_pi();
Complex plus(const Complex& a, const Complex& b);
Complex times(const Complex& a, const Complex& b);
/// The divisor must not be zero.
Complex over(const Complex& a, const Complex& b);
Real modulus(const Complex& z);
Complex exponential(const Complex& z);
/// Of anything but zero.
Complex logarithm(const Complex& z);
Complex square_root(const Complex& z);
Complex sine(const Complex& z);
Complex cosine(const Complex& z);

}  // namespace xfer::grade
