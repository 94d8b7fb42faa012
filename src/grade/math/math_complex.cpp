// SPDX-License-Identifier: Apache-2.0
#include "grade/math/math_complex.hpp"

#include <boost/math/constants/constants.hpp>

namespace xfer::grade {

Real real_pi() { return boost::math::constants::pi<Real>(); }

Complex plus(const Complex& a, const Complex& b) { return {a.re + b.re, a.im + b.im}; }
Complex times(const Complex& a, const Complex& b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
Complex over(const Complex& a, const Complex& b) {
  const Real size = b.re * b.re + b.im * b.im;
  return {(a.re * b.re + a.im * b.im) / size, (a.im * b.re - a.re * b.im) / size};
}
Real modulus(const Complex& z) {
  return z.im == 0 ? Real(abs(z.re)) : Real(sqrt(z.re * z.re + z.im * z.im));
}
Complex exponential(const Complex& z) {
  const Real size = exp(z.re);
  if (z.im == 0) return {size, 0};
  return {size * cos(z.im), size * sin(z.im)};
}
Complex logarithm(const Complex& z) {
  if (z.im == 0 && z.re > 0) return {log(z.re), 0};
  return {log(modulus(z)), z.im == 0 ? real_pi() : Real(atan2(z.im, z.re))};
}
Complex square_root(const Complex& z) {
  if (z.im == 0) return z.re >= 0 ? Complex{sqrt(z.re), 0} : Complex{0, sqrt(-z.re)};
  const Complex half = logarithm(z);
  return exponential({half.re / 2, half.im / 2});
}
Complex sine(const Complex& z) {
  if (z.im == 0) return {sin(z.re), 0};
  return {sin(z.re) * cosh(z.im), cos(z.re) * sinh(z.im)};
}
Complex cosine(const Complex& z) {
  if (z.im == 0) return {cos(z.re), 0};
  return {cos(z.re) * cosh(z.im), -sin(z.re) * sinh(z.im)};
}

}  // namespace xfer::grade
