// SPDX-License-Identifier: Apache-2.0
// The smallest effects that a study's design can show.
#pragma once

#include "xfer/study/forecast.hpp"

namespace xfer::study {

/// Smallest Transfer Gain found with 80 % power from so many items and seeds: of the noise of the
/// items alone and that between training runs, squared and added. With one seed the second is left
/// out, as it then is from the report's intervals.
double smallest_gain(int items, int seeds);

/// Sets `gain`, `efficiency` and `correlation`.
void add_detectable(Forecast& forecast, const StudySpec& spec);

}  // namespace xfer::study
