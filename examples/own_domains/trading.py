# SPDX-License-Identifier: Apache-2.0
"""Trading: what did a rule earn? A domain of numbers, with a grader of its own in Python.

The prices are a made-up random walk. The rule holds the share for a day whenever the price is above
its mean of the last three days; the answer is what it earned.
"""

import random
import re
from collections.abc import Iterator

import xfer


def walks(seed: int, count: int) -> Iterator[dict[str, object]]:
    rng = random.Random(seed)
    for number in range(count):
        prices = [rng.randint(80, 120)]
        for _ in range(5):
            prices.append(max(1, prices[-1] + rng.randint(-6, 6)))
        steps: list[str] = []
        earned = 0
        for day in range(2, len(prices) - 1):
            mean = sum(prices[day - 2 : day + 1]) / 3
            if prices[day] > mean:
                earned += prices[day + 1] - prices[day]
                steps.append(f"day {day + 1}: {prices[day]}>{mean:.1f}, {prices[day + 1]}-"
                             f"{prices[day]}={prices[day + 1] - prices[day]}.")  # fmt: skip
        yield {
            "id": f"{seed}-{number}",
            "question": f"Prices: {' '.join(map(str, prices))}. What does holding for a day after "
            "each close above the mean of three days earn?",
            "answer": str(earned),
            "solution": " ".join([*steps, f"Earned: {earned}"]),
        }


def cents_do_not_matter(completion: str, example: xfer.Example) -> tuple[bool, str | None]:
    """Right to within one point; the last number of the answer counts."""
    numbers = re.findall(r"-?\d+(?:\.\d+)?", completion)
    if not numbers:
        return False, None
    return abs(float(numbers[-1]) - float(example.answer)) <= 1, numbers[-1]


domain = xfer.Domain(
    "trading",
    title="Trading: what a moving-average rule earns",
    train=lambda: walks(0, 500),
    test=lambda: walks(1, 100),
    grader=cents_do_not_matter,
    few_shot=2,
)

if __name__ == "__main__":
    example = domain.example("test", 0)
    print(domain.prompts[0].apply(example.question), example.solution)
    print(domain.grade(example, example.solution))
