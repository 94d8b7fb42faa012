# SPDX-License-Identifier: Apache-2.0
"""The crossed bootstrap: xfer beside scipy.stats.bootstrap, on one thread, on the same scores.

    python bench/bench_stats.py
    python bench/bench_stats.py --seeds 5 --items 1319 --resamples 10000

SciPy has no crossed bootstrap as such, but its `bootstrap` takes several samples: here the seeds
and the items, with the mean of the scores they select as the vectorised statistic. Its defaults are
kept (all resamples in one batch); `batch 100` is the same with batches that fit the cache, the best
of the sizes tried. Both sides take turns in one process; the time is that of the processor, the
median over the rounds, so load on the machine touches the ratio little. The script fails when the
intervals differ by more than resampling noise.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from xfer import stats


def seconds(action: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = action()
    return time.process_time() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--items", type=int, default=1319)
    parser.add_argument("--resamples", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if importlib.util.find_spec("scipy") is None:
        sys.exit("not installed: scipy (pip install scipy)")
    import scipy.stats

    rng = np.random.default_rng(0)
    ease = rng.random(options.items)
    noise = rng.random((options.seeds, options.items))
    scores = (0.5 * ease + 0.5 * noise < 0.55).astype(float)

    def selected_mean(seeds: np.ndarray, items: np.ndarray, axis: int = -1) -> Any:
        return scores[seeds[..., :, None], items[..., None, :]].mean(axis=(-1, -2))

    def peer(method: str, batch: int | None) -> Any:
        return scipy.stats.bootstrap(
            (np.arange(options.seeds), np.arange(options.items)),
            selected_mean,
            vectorized=True,
            n_resamples=options.resamples,
            method=method,
            batch=batch,
            rng=np.random.default_rng(1),
        )

    print(
        f"{options.resamples} resamples of {options.seeds} seeds x {options.items} items, "
        f"one thread, load {os.getloadavg()[0]:.1f}\n"
    )
    print("| interval | scipy, ms | scipy, batch 100, ms | xfer, ms | ratio | ratio, batch 100 |")
    print("|---|---|---|---|---|---|")
    for ours, theirs in (("percentile", "percentile"), ("bca", "BCa")):
        times: dict[str, list[float]] = {"scipy": [], "batch": [], "xfer": []}
        for _ in range(options.rounds):
            took, found = seconds(
                lambda ours=ours: stats.crossed_bootstrap(
                    scores, method=ours, resamples=options.resamples
                )
            )
            times["xfer"].append(took)
            for name, batch in (("scipy", None), ("batch", 100)):
                took, expected = seconds(lambda b=batch, theirs=theirs: peer(theirs, b))
                times[name].append(took)
        # SciPy draws all S seeds rather than S - 1, which narrows the spread between them.
        ratio = found.draws.std() / expected.standard_error
        if not 0.97 < ratio < 1.15:
            sys.exit(f"{theirs}: the standard errors differ (ratio {ratio:.3f})")
        default, batch_100, own = (statistics.median(t) for t in times.values())
        print(
            f"| {theirs} | {1000 * default:.0f} | {1000 * batch_100:.0f} | {1000 * own:.1f} "
            f"| {default / own:.1f} | {batch_100 / own:.1f} |"
        )


if __name__ == "__main__":
    main()
