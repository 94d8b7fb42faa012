# SPDX-License-Identifier: Apache-2.0
"""Biosignals: is the rhythm of these heart beats regular? A domain with options.

The beats are made up here: a regular rhythm varies by a few per cent, an irregular one by half.
"""

import random

import xfer


def beats(seed: int, count: int) -> list[dict[str, object]]:
    rng = random.Random(seed)
    rows: list[dict[str, object]] = []
    for number in range(count):
        irregular = number % 2 == 1
        mean, spread = rng.randint(600, 1100), 0.5 if irregular else 0.03
        times = [round(mean * (1 + rng.uniform(-spread, spread))) for _ in range(12)]
        rows.append(
            {
                "id": f"{seed}-{number}",
                "question": f"Times between heart beats in ms: {' '.join(map(str, times))}. "
                "Which rhythm is it?",
                "choices": ["regular", "irregular"],
                "answer": "irregular" if irregular else "regular",
                "solution": f"From {min(times)} to {max(times)} ms. "
                f"The answer is {'B' if irregular else 'A'}.",
            }
        )
    return rows


domain = xfer.Domain(
    "biosignals",
    title="Biosignals: rhythms of heart beats",
    train=beats(0, 400),
    test=beats(1, 100),
    grader="choice",
)

if __name__ == "__main__":
    example = domain.example("test", 0)
    print(domain.prompts[0].apply(example.question), example.solution)
    print({split: domain.size(split) for split in ("train", "validation", "test")})
