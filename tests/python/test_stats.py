from __future__ import annotations

import numpy as np
import pytest
import xfer
from xfer import stats


def test_wilson_matches_the_published_example() -> None:
    # Newcombe (1998), table I: 81 of 263.
    value, lower, upper = stats.wilson(81, 263)
    assert value == pytest.approx(81 / 263)
    assert lower == pytest.approx(0.2553, abs=5e-5)
    assert upper == pytest.approx(0.3662, abs=5e-5)


def test_clopper_pearson_is_wider_than_wilson() -> None:
    exact, score = stats.clopper_pearson(81, 263), stats.wilson(81, 263)
    assert exact.lower < score.lower
    assert exact.upper > score.upper


def test_paired_tests() -> None:
    assert stats.mcnemar_exact(1, 9) == pytest.approx(2 * 11 / 1024)
    assert stats.mcnemar_exact(0, 0) == 1.0
    result = stats.paired_t([1.0, 2.0, 3.0, 4.0], np.array([0.0, 1.5, 2.0, 3.5]))
    assert result.difference.value == pytest.approx(0.75)
    assert result.df == 3
    assert result.t == pytest.approx(5.196152)


def test_cluster_errors_grow_with_the_clusters() -> None:
    values = np.repeat([0.0, 1.0, 0.0, 1.0], 5)
    alone = stats.cluster_se(values, np.arange(20))
    together = stats.cluster_se(values, np.repeat(np.arange(4), 5))
    assert together > 2 * alone


def test_multiplicity() -> None:
    p = [0.01, 0.04, 0.03]
    np.testing.assert_allclose(stats.holm(p), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(stats.benjamini_hochberg(p), [0.03, 0.04, 0.04])


def test_fieller_says_when_there_is_no_interval() -> None:
    sure = stats.fieller(
        numerator=1.0, denominator=2.0, numerator_variance=0.01, denominator_variance=0.01
    )
    assert sure.bounded
    assert sure.ratio.lower < 0.5 < sure.ratio.upper
    unsure = stats.fieller(
        numerator=1.0, denominator=0.1, numerator_variance=0.01, denominator_variance=1.0
    )
    assert not unsure.bounded


def test_bad_input_is_refused() -> None:
    with pytest.raises(xfer.Error, match="successes"):
        stats.wilson(5, 4)
    with pytest.raises(TypeError, match="one dimension"):
        stats.holm([[0.1, 0.2]])
