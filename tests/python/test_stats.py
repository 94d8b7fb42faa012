# SPDX-License-Identifier: Apache-2.0
"""xfer.stats: reference values, and comparisons with SciPy, statsmodels and scikit-learn on random
data. The values themselves are tested in tests/stats; here is what Python adds."""

from __future__ import annotations

import numpy as np
import pytest
import xfer
from xfer import stats

RANDOM_CASES = range(8)


def rng_of(case: int) -> np.random.Generator:
    return np.random.default_rng(1000 + case)


# --- reference values and what the bindings do ----------------------------------------------------


def test_wilson_matches_the_published_example() -> None:
    # Newcombe (1998), table I: 81 of 263.
    value, lower, upper = stats.wilson(81, 263)
    assert value == pytest.approx(81 / 263)
    assert lower == pytest.approx(0.2553, abs=5e-5)
    assert upper == pytest.approx(0.3662, abs=5e-5)


def test_the_names_and_arguments_of_the_paper_methods() -> None:
    assert stats.wilson(successes=15, n=148, level=0.95).lower == pytest.approx(0.0623863995)
    assert stats.mcnemar_exact(b=5, c=18) == pytest.approx(0.010622024536132812)
    y = [1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1]
    passages = list("aaaabbbcccccddeeeeee")
    assert stats.cluster_se(x=y, clusters=passages) == pytest.approx(0.13491895716)
    ratio = stats.fieller(num=0.12, den=0.2, var_num=0.02**2, var_den=0.025**2, cov=0.0)
    assert ratio.ratio.upper == pytest.approx(0.89390, abs=5e-6)
    assert float(stats.pass_at_k(n=200, c=20, k=10)) == pytest.approx(0.6602256238)
    assert stats.jensen_shannon(p=[0.5, 0.3, 0.2, 0], q=[0.1, 0.4, 0.4, 0.1]) == pytest.approx(
        0.184674676
    )
    assert stats.mmd2(x=[0, 1, 2], y=[1, 2, 4], bandwidth=1.0) == pytest.approx(-0.21103326)
    theta = [[0.7, 0.3], [0.6, 0.4], [0.2, 0.8], [0.1, 0.9], [0.5, 0.5], [0.9, 0.1]]
    assert stats.leep(theta=theta, y=[0, 0, 1, 1, 1, 0]) == pytest.approx(-0.5028603110)
    assert stats.leep(theta=theta, y=list("aabbba")) == pytest.approx(-0.5028603110)
    features = np.array(
        [
            [0.1, 0.2, -0.3],
            [0, 0.5, 0.1],
            [1, -0.2, 0.3],
            [0.9, 0.1, 0.2],
            [-0.5, 0.4, 0],
            [1.2, 0, -0.1],
            [0.2, 0.3, 0.4],
            [0.8, -0.4, 0.1],
        ]
    )
    assert stats.logme(features=features, y=[0, 0, 1, 1, 0, 1, 0, 1]) == pytest.approx(
        -0.718398426, abs=2e-6
    )


def test_pass_at_k_takes_arrays() -> None:
    shares = stats.pass_at_k([10, 10, 200], [3, 3, 20], [1, 5, 100])
    np.testing.assert_allclose(shares, [0.3, 0.9166667, 0.9999996678], atol=1e-7)


def test_multiplicity_keeps_the_order() -> None:
    p = [0.01, 0.04, 0.03]
    np.testing.assert_allclose(stats.holm(p), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(stats.benjamini_hochberg(p), [0.03, 0.04, 0.04])


def test_undefined_is_a_value_with_a_reason() -> None:
    unsure = stats.fieller(1.0, 0.1, 0.01, 1.0)
    assert not unsure.bounded
    nothing = stats.spearman([1, 1, 1], [1, 2, 3])
    assert not nothing
    assert nothing.value is None
    assert nothing.reason == "one of the lists does not vary"
    with pytest.raises(xfer.Error, match="does not vary"):
        float(nothing)
    assert not stats.cohen_kappa(["a", "a"], ["a", "a"])
    assert stats.roc_auc([0, 0], [1.0, 2.0]).reason == "no positive example"
    assert float(stats.r2([1, 2, 3], [1, 2, 3])) == 1.0


def test_bad_input_is_refused() -> None:
    with pytest.raises(xfer.Error, match="successes"):
        stats.wilson(5, 4)
    with pytest.raises(TypeError, match="one dimension"):
        stats.holm([[0.1, 0.2]])
    with pytest.raises(xfer.Error, match="not finite"):
        stats.paired_t([1.0, float("nan")], [1.0, 2.0])
    with pytest.raises(xfer.Error, match="allowed spearman, kendall"):
        stats.mantel(np.eye(3), np.eye(3), measure="pearson")
    with pytest.raises(xfer.Error, match="allowed adjusted, percentile, bca"):
        stats.crossed_bootstrap([[1.0, 2.0]], method="normal")
    with pytest.raises(TypeError, match="not floats"):
        stats.cluster_se([1.0, 2.0], [0.5, 1.5])
    with pytest.raises(TypeError):
        stats.roc_auc([0.5, 1.0], [1.0, 2.0])
    with pytest.raises(xfer.Error, match="mmd2"):
        stats.mmd2(np.zeros((0, 3)), np.zeros((2, 3)), 1.0)


def test_crossed_bootstrap_of_seeds_and_items() -> None:
    rng = rng_of(0)
    scores = rng.random((5, 200)) < 0.6
    alone = stats.crossed_bootstrap(scores, resamples=2000)
    assert alone.estimate.value == pytest.approx(scores.mean())
    assert alone.draws.shape == (2000,)
    assert alone.estimate.lower < scores.mean() < alone.estimate.upper
    again = stats.crossed_bootstrap(scores, resamples=2000)
    np.testing.assert_array_equal(alone.draws, again.draws)
    gain = stats.crossed_bootstrap(scores, scores[0], resamples=2000)
    assert gain.estimate.value == pytest.approx(scores.mean() - scores[0].mean())
    passages = np.repeat(np.arange(20), 10)
    grouped = stats.crossed_bootstrap(
        np.repeat(scores[:, :20], 10, axis=1), clusters=passages, resamples=2000
    )
    single = stats.crossed_bootstrap(scores[:, :20], resamples=2000)
    assert grouped.standard_error == pytest.approx(single.standard_error, rel=0.01)


def test_matrix_verdicts() -> None:
    rng = rng_of(1)
    ease = rng.random(800)

    def answers(share: float, seeds: int) -> np.ndarray:
        noise = rng.random((seeds, 800))
        return (0.8 * ease + 0.2 * noise < share).astype(float)

    cells = stats.matrix_verdicts(
        baseline={"code": answers(0.4, 1), "law": answers(0.5, 1)},
        trained={
            ("math", "code"): answers(0.6, 3),
            ("law", "code"): answers(0.2, 3),
            ("math", "law"): answers(0.5, 3),
            ("code", "law"): answers(0.5, 3),
        },
        margin=0.1,
        doubts={("code", "law"): "answers were cut off"},
    )
    verdicts = {(c.source, c.target): c.verdict for c in cells}
    assert verdicts == {
        ("math", "code"): "gain",
        ("law", "code"): "loss",
        ("math", "law"): "equivalent",
        ("code", "law"): "refused",
    }
    refused = next(c for c in cells if c.verdict == "refused")
    assert refused.gain is None
    assert refused.reason == "answers were cut off"
    with pytest.raises(xfer.Error, match="no baseline for target 'law'"):
        stats.matrix_verdicts(baseline={}, trained={("a", "law"): [1.0, 0.0]})


def test_learning_curve_and_reliability() -> None:
    curve = stats.learning_curve([0, 1, 2], [[0.0, 0.1, 0.2], [0.0, 0.3, 0.2]])
    np.testing.assert_allclose(curve.areas, [0.1, 0.2])
    assert curve.area.value == pytest.approx(0.15)
    assert not stats.learning_curve([0, 1], [0.0, 0.1]).area
    cells = rng_of(2).normal(size=(50, 1)) + 0.1 * rng_of(3).normal(size=(50, 4))
    assert float(stats.split_half(cells).full) > 0.95


def test_simultaneous_bands_and_power() -> None:
    draws = rng_of(4).normal(size=(6, 4000))
    bands = stats.simultaneous_bands(np.zeros(6), draws)
    assert bands[0].interval.upper > 2.4 * bands[0].standard_error
    wide = stats.simultaneous_bands(np.zeros(6), draws, df=np.full(6, 3.0))
    assert wide[0].interval.upper > 1.5 * bands[0].interval.upper
    assert round(stats.items_needed(0.03)) == 969
    assert stats.t_test_smallest_effect(3) == pytest.approx(3.26, abs=0.006)
    assert stats.smallest_effect(969) == pytest.approx(0.03, abs=1e-5)
    assert stats.smallest_effect_paired(164, 0.1) == pytest.approx(0.069, abs=5e-4)
    assert stats.smallest_effect_unpaired(164) == pytest.approx(0.155, abs=5e-4)
    assert stats.smallest_correlation(42) == pytest.approx(0.42, abs=0.005)
    assert stats.pairs_needed(0.15) == pytest.approx(347, abs=1)


def test_transferability_index_of_a_published_row() -> None:
    result = stats.transferability_index(
        [13.0, 9.3, 60.4, 27.9],
        [55.7, 38.0, 87.8, 33.8],
        [42.6, 29.7, 10.7, 37.6],
        [57.7, 40.6, 65.4, 40.2],
        sigma=0.88155,
        other_sigma=1.0,
    )
    assert float(result.index) == pytest.approx(82.32, abs=0.02)


# --- beside SciPy, statsmodels and scikit-learn ---------------------------------------------------


@pytest.mark.parametrize("case", RANDOM_CASES)
def test_intervals_agree_with_statsmodels(case: int) -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    rng = rng_of(case)
    n = int(rng.integers(1, 3000))
    k = int(rng.integers(0, n + 1))
    level = float(rng.uniform(0.5, 0.999))
    for method, ours in (("wilson", stats.wilson), ("beta", stats.clopper_pearson)):
        lower, upper = proportion.proportion_confint(k, n, alpha=1 - level, method=method)
        found = ours(k, n, level)
        assert found.lower == pytest.approx(lower, abs=1e-9)
        assert found.upper == pytest.approx(upper, abs=1e-9)


@pytest.mark.parametrize("case", RANDOM_CASES)
def test_paired_tests_agree(case: int) -> None:
    ss = pytest.importorskip("scipy.stats")
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    rng = rng_of(case)
    b, c = (int(v) for v in rng.integers(0, 60, 2))
    table = [[10, b], [c, 10]]
    assert stats.mcnemar_exact(b, c) == pytest.approx(tables.mcnemar(table, exact=True).pvalue)
    for corrected in (True, False):
        peer = tables.mcnemar(table, exact=False, correction=corrected)
        ours = stats.mcnemar_chi_square(b, c, corrected=corrected)
        if b != c:
            assert ours.statistic == pytest.approx(peer.statistic)
            assert ours.p == pytest.approx(peer.pvalue)

    n = int(rng.integers(2, 80))
    x = rng.normal(size=n)
    y = x + rng.normal(0.2, 0.7, size=n)
    peer_t = ss.ttest_rel(x, y)
    ours_t = stats.paired_t(x, y, 0.9)
    assert ours_t.t == pytest.approx(peer_t.statistic)
    assert ours_t.p == pytest.approx(peer_t.pvalue)
    interval = peer_t.confidence_interval(0.9)
    assert ours_t.difference.lower == pytest.approx(interval.low)
    assert ours_t.difference.upper == pytest.approx(interval.high)
    z = rng.normal(0.5, 2.0, size=n + 5)
    peer_w = ss.ttest_ind(x, z, equal_var=False)
    ours_w = stats.welch_t(x, z)
    assert (ours_w.t, ours_w.p) == pytest.approx((peer_w.statistic, peer_w.pvalue))
    assert ours_w.df == pytest.approx(peer_w.df)
    margin = float(rng.uniform(0.05, 1.0))
    p, low, high = weightstats.ttost_paired(x, y, -margin, margin)
    ours_e = stats.tost(x, y, margin)
    assert (ours_e.p, ours_e.p_lower, ours_e.p_upper) == pytest.approx((p, low[1], high[1]))


@pytest.mark.parametrize("case", RANDOM_CASES)
def test_sign_flips_agree_with_scipy(case: int) -> None:
    ss = pytest.importorskip("scipy.stats")
    rng = rng_of(case)
    d = rng.integers(-3, 5, size=int(rng.integers(3, 11))).astype(float)
    peer = ss.permutation_test(
        (d,), lambda v, axis=-1: v.mean(axis=axis), permutation_type="samples", n_resamples=np.inf
    )
    assert stats.sign_flip(d, np.zeros_like(d)).p == pytest.approx(peer.pvalue)


@pytest.mark.parametrize("case", RANDOM_CASES)
def test_cluster_errors_agree_with_statsmodels(case: int) -> None:
    api = pytest.importorskip("statsmodels.api")
    rng = rng_of(case)
    n = int(rng.integers(10, 200))
    groups = rng.integers(0, max(2, n // 5), size=n)
    groups[:2] = (0, 1)
    x = rng.normal(size=n) + 0.5 * groups
    fit = api.OLS(x, np.ones(n)).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": True}
    )
    # statsmodels also multiplies by (n - 1) / (n - k), which is 1 for a mean.
    assert stats.cluster_se(x, groups) == pytest.approx(fit.bse[0])
    plain = api.OLS(x, np.ones(n)).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    assert stats.cluster_se(x, groups, corrected=False) == pytest.approx(plain.bse[0])


@pytest.mark.parametrize("case", RANDOM_CASES)
def test_multiplicity_agrees_with_statsmodels(case: int) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    rng = rng_of(case)
    p = np.round(rng.random(int(rng.integers(1, 60))) ** 3, 3)
    for method, ours in (
        ("holm", stats.holm),
        ("fdr_bh", stats.benjamini_hochberg),
        ("fdr_by", stats.benjamini_yekutieli),
        ("bonferroni", stats.bonferroni),
    ):
        np.testing.assert_allclose(
            ours(p), multitest.multipletests(p, method=method)[1], atol=1e-12
        )


@pytest.mark.parametrize("case", RANDOM_CASES)
def test_ranks_agree_with_scipy(case: int) -> None:
    ss = pytest.importorskip("scipy.stats")
    rng = rng_of(case)
    n = int(rng.integers(3, 60))
    ties = case % 2 == 0
    x = rng.integers(0, 8, n).astype(float) if ties else rng.normal(size=n)
    y = x + (rng.integers(-3, 4, n) if ties else rng.normal(size=n))
    x[0], x[1], y[0], y[1] = 0.0, 9.5, 9.5, 0.0
    assert float(stats.spearman(x, y)) == pytest.approx(ss.spearmanr(x, y).statistic)
    assert float(stats.kendall(x, y)) == pytest.approx(ss.kendalltau(x, y).statistic)
    z = rng.normal(0.3, 1.0, size=int(rng.integers(3, 40)))
    z = np.round(z) if ties else z
    ours = stats.mann_whitney(x, z)
    peer = ss.mannwhitneyu(x, z, method="exact" if ours.exact else "asymptotic")
    assert ours.u == pytest.approx(peer.statistic)
    assert ours.p == pytest.approx(peer.pvalue)


def test_mantel_agrees_with_a_plain_loop() -> None:
    ss = pytest.importorskip("scipy.stats")
    rng = rng_of(0)
    x, y = rng.normal(size=(2, 5, 5))
    off = ~np.eye(5, dtype=bool)
    found = stats.mantel(x, y)
    observed = ss.spearmanr(x[off], y[off]).statistic
    assert float(found.coefficient) == pytest.approx(observed)
    from itertools import permutations

    hits = [
        abs(ss.spearmanr(x[off], y[np.ix_(o, o)][off]).statistic) >= abs(observed) - 1e-12
        for o in map(list, permutations(range(5)))
    ]
    assert found.p == pytest.approx(np.mean(hits))


def test_within_target_agrees_with_scipy() -> None:
    ss = pytest.importorskip("scipy.stats")
    rng = rng_of(1)
    domains = np.array(["math", "code", "law", "logic", "table"])
    source, target = np.meshgrid(domains, domains, indexing="ij")
    off = source != target
    x, y = rng.normal(size=(2, int(off.sum())))
    found = stats.within_target(source[off], target[off], x, y)
    by_hand = [ss.spearmanr(x[target[off] == t], y[target[off] == t]).statistic for t in domains]
    assert float(found.coefficient) == pytest.approx(np.mean(by_hand))
    assert found.groups == 5
    assert 0.0 < found.p <= 1.0


@pytest.mark.parametrize("case", range(4))
def test_the_bootstrap_agrees_with_scipy_for_one_seed(case: int) -> None:
    ss = pytest.importorskip("scipy.stats")
    rng = rng_of(case)
    x = rng.exponential(size=120) if case % 2 else (rng.random(150) < 0.2).astype(float)
    for ours, theirs in (("percentile", "percentile"), ("bca", "BCa")):
        found = stats.crossed_bootstrap(x, method=ours, resamples=40000)
        peer = ss.bootstrap((x,), np.mean, method=theirs, n_resamples=40000, rng=rng, batch=1000)
        # Noise of 40,000 resamples on either side; means of answers come in steps.
        near = 0.06 * peer.standard_error + (0.0 if case % 2 else 1.001 / x.size)
        assert found.standard_error == pytest.approx(peer.standard_error, rel=0.02)
        assert found.estimate.lower == pytest.approx(peer.confidence_interval.low, abs=near)
        assert found.estimate.upper == pytest.approx(peer.confidence_interval.high, abs=near)


@pytest.mark.parametrize("case", RANDOM_CASES)
def test_power_agrees_with_statsmodels(case: int) -> None:
    power = pytest.importorskip("statsmodels.stats.power")
    rng = rng_of(case)
    effect = float(rng.uniform(0.2, 1.5))
    n = float(rng.integers(5, 60))
    for two, peer in ((False, power.TTestPower()), (True, power.TTestIndPower())):
        count = {"nobs1": n} if two else {"nobs": n}
        ours = stats.t_test_power(effect, n, two_samples=two)
        assert ours == pytest.approx(peer.power(effect, *count.values(), 0.05), abs=1e-8)
        size = stats.t_test_size(effect, two_samples=two)
        solved = peer.solve_power(effect_size=effect, alpha=0.05, power=0.8)
        assert size == pytest.approx(float(np.squeeze(solved)), rel=1e-5)


@pytest.mark.parametrize("case", RANDOM_CASES)
def test_prediction_scores_agree_with_scikit_learn(case: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = rng_of(case)
    n = int(rng.integers(20, 200))
    truth = rng.integers(0, 4, n)
    truth[:4] = range(4)
    guess = np.where(rng.random(n) < 0.6, truth, rng.integers(0, 4, n))
    t, g = truth.tolist(), guess.tolist()
    assert stats.balanced_accuracy(t, g) == pytest.approx(
        metrics.balanced_accuracy_score(truth, guess)
    )
    assert stats.macro_f1(t, g) == pytest.approx(metrics.f1_score(truth, guess, average="macro"))
    assert stats.cohen_kappa(t, g).value == pytest.approx(metrics.cohen_kappa_score(truth, guess))
    scores = np.round(rng.normal(size=n) + (truth > 1), 1)
    assert float(stats.roc_auc((truth > 1).astype(int), scores)) == pytest.approx(
        metrics.roc_auc_score(truth > 1, scores)
    )
    x = rng.normal(size=n)
    y = x + rng.normal(size=n)
    assert stats.rmse(x, y) == pytest.approx(metrics.mean_squared_error(x, y) ** 0.5)
    assert stats.mae(x, y) == pytest.approx(metrics.mean_absolute_error(x, y))
    assert float(stats.r2(x, y)) == pytest.approx(metrics.r2_score(x, y))


def test_kappa_interval_agrees_with_statsmodels() -> None:
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    rng = rng_of(5)
    first = rng.integers(0, 3, 150)
    second = np.where(rng.random(150) < 0.7, first, rng.integers(0, 3, 150))
    table = np.zeros((3, 3))
    np.add.at(table, (first, second), 1)
    peer = inter_rater.cohens_kappa(table)
    ours = stats.cohen_kappa(first.tolist(), second.tolist())
    assert (ours.value, ours.lower, ours.upper) == pytest.approx(
        (peer.kappa, peer.kappa_low, peer.kappa_upp)
    )


@pytest.mark.parametrize("case", RANDOM_CASES)
def test_divergence_agrees_with_scipy(case: int) -> None:
    distance = pytest.importorskip("scipy.spatial.distance")
    rng = rng_of(case)
    p, q = rng.random((2, 30))
    p[rng.random(30) < 0.3] = 0.0
    assert stats.jensen_shannon(p, q) == pytest.approx(distance.jensenshannon(p, q, base=2) ** 2)
    x, y = rng.normal(size=(12, 4)), rng.normal(0.5, 1.0, size=(15, 4))
    width = 1.3

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-distance.cdist(a, b, "sqeuclidean") / (2 * width**2))

    biased = kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()
    assert stats.mmd2(x, y, width, biased=True) == pytest.approx(biased)
    unbiased = (
        (kernel(x, x).sum() - 12) / (12 * 11)
        + (kernel(y, y).sum() - 15) / (15 * 14)
        - 2 * kernel(x, y).mean()
    )
    assert stats.mmd2(x, y, width) == pytest.approx(unbiased)
