# SPDX-License-Identifier: Apache-2.0
"""Code modernisation: Python 2 to Python 3. The answers are run against tests, in the sandbox.

The functions are made up here; each stops working in Python 3 for another reason.
"""

import xfer

# (what it does, Python 2, Python 3, a test with {name})
IDIOMS = [
    ("halves a whole number", "return n / 2", "return n // 2", "assert {name}(7) == 3"),
    ("says whether a key is there", "return n.has_key('k')", "return 'k' in n",
     "assert {name}({{'k': 1}}) and not {name}({{}})"),
    ("lists the values of a mapping", "return sorted(n.itervalues())", "return sorted(n.values())",
     "assert {name}({{1: 3, 2: 1}}) == [1, 3]"),
    ("doubles every entry", "return map(lambda x: 2 * x, n)", "return [2 * x for x in n]",
     "assert {name}([1, 2]) == [2, 4]"),
    ("counts to a number", "return sum(xrange(n + 1))", "return sum(range(n + 1))",
     "assert {name}(4) == 10"),
    ("writes a number in octal", "return 010 + n", "return 0o10 + n", "assert {name}(1) == 9"),
]  # fmt: skip
NOUNS = ["order", "ledger", "meter", "invoice", "sensor", "account", "parcel", "tenant"]


def functions() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for number, noun in enumerate(NOUNS * 4):
        for kind, (what, old, new, test) in enumerate(IDIOMS):
            name = f"{noun}_{number}_{kind}"
            rows.append(
                {
                    "id": name,
                    "question": f"This Python 2 function {what}. Write it for Python 3.\n\n"
                    f"def {name}(n):\n    {old}",
                    "answer": f"def {name}(n):\n    {new}",
                    "kind": what,
                    "test_list": [test.format(name=name)],
                }
            )
    return rows


domain = xfer.Domain(
    "modernise",
    title="Code modernisation: from Python 2 to Python 3",
    train=functions(),
    grader="python_tests",
    prompts=[
        ("", "\n\nPython 3:\n"),
        ("You are an expert Python programmer. ", "\n\n"),
        ("Task: ", "\nCode:\n"),
        ("Modernise. ", "\nAnswer:\n"),
        ("", "\n[BEGIN]\n"),
    ],
    stop_strings=["[DONE]"],
)

if __name__ == "__main__":
    example = domain.example("test", 0)
    print(domain.prompts[0].apply(example.question) + example.solution)
    print(domain.grade(example, example.solution))
