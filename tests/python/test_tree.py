# SPDX-License-Identifier: Apache-2.0
"""The repository's files: licences named, no secrets, no machine's paths, nothing large by mistake.

Each check is a function from a folder and its files to a list of what is wrong, so that it can be
shown to find what is planted in a folder of the test's own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Check = Callable[[Path, Sequence[str]], list[str]]


@pytest.fixture(scope="module")
def files() -> list[str]:
    """The tracked files, relative to the root."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout: what belongs to the tree is not known")
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert len(names) > 500  # the listing itself works
    return names


def text_of(path: Path) -> str:
    """Empty for what is not text."""
    data = path.read_bytes()
    return "" if b"\0" in data[:4096] else data.decode("utf-8", errors="replace")


# --- licences

SOURCE_SUFFIXES = frozenset(
    {".cpp", ".hpp", ".c", ".h", ".in", ".inc", ".py", ".pyi", ".cmake", ".proto", ".sh", ".js"}
)
SOURCE_NAMES = frozenset({"CMakeLists.txt", "check", "demo", "run"})


def unlicensed(root: Path, files: Sequence[str]) -> list[str]:
    """Source files that do not name their licence in the first two lines."""
    found = []
    for name in files:
        path = root / name
        if path.suffix not in SOURCE_SUFFIXES and path.name not in SOURCE_NAMES:
            continue
        head = "\n".join(text_of(path).splitlines()[:2])
        if "SPDX-License-Identifier: Apache-2.0" not in head:
            found.append(f"{name}: no SPDX-License-Identifier in its first two lines")
    return found


# --- secrets

#: Keys of the length that real ones have; those that the tests make up are shorter.
SECRETS = {
    "Tinker key": r"\btml-[A-Za-z0-9_-]{20,}",
    "AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,})",
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}",
    "OpenAI or Anthropic key": r"\bsk-[A-Za-z0-9_-]{32,}",
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "bearer token": r"(?i:\bbearer) +[A-Za-z0-9._~+/-]{20,}",
    "JSON web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}",
    "password in an address": r"://[^/\s:@\"'`]+:[^/\s@\"'`]{12,}@",
}


def secrets(root: Path, files: Sequence[str]) -> list[str]:
    """What looks like a key that opens something. The key itself is not printed."""
    found = []
    for name in files:
        text = text_of(root / name)
        for kind, pattern in SECRETS.items():
            for match in re.finditer(pattern, text):
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{name}:{line}: {kind}")
    return found


# --- paths and hosts of one machine

#: Where paths like those of a machine are meant: what code in the sandbox must not be able to open.
PATHS_MEANT = frozenset({"tests/grade/attacks.cpp"})
MACHINE_PATH = r"(?<![\w.<>/{}-])/(?:work|root|home|Users|var/tmp|mnt)/\w"
SCRATCH_PATH = r"(?<![\w.<>/{}-])/tmp/"
#: Addresses from which packages are fetched: which one to ask is for whoever installs.
REGISTRY = (
    r"(?i)\b(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|crates\.io|proxy\.golang\.org"
    r"|deb\.debian\.org|anaconda\.org|artifactory)|--(?:extra-)?index-url"
)


def machine_paths(root: Path, files: Sequence[str]) -> list[str]:
    """Absolute paths of somebody's machine, and hosts of package registries."""
    found = []
    for name in files:
        if name in PATHS_MEANT or name == "tests/python/test_tree.py":
            continue
        text = text_of(root / name)
        patterns = [MACHINE_PATH, REGISTRY]
        if not name.startswith("tests/"):
            patterns.append(SCRATCH_PATH)
        for pattern in patterns:
            for match in re.finditer(pattern, text):
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{name}:{line}: {match.group(0)}")
    return found


# --- sizes

LARGEST = 100_000
#: The embedded models and the example report; everything else is made or read from outside.
LARGE_MEANT = re.compile(r"python/xfer/models/\w+/model\.safetensors|docs/example-report/.*")


def large(root: Path, files: Sequence[str]) -> list[str]:
    """Files that nobody reads in a change."""
    return [
        f"{name}: {(root / name).stat().st_size} bytes"
        for name in files
        if not LARGE_MEANT.fullmatch(name) and (root / name).stat().st_size > LARGEST
    ]


CHECKS = [unlicensed, secrets, machine_paths, large]


@pytest.mark.parametrize("check", CHECKS)
def test_the_tree_is_clean(check: Check, files: list[str]) -> None:
    assert check(ROOT, files) == []


def test_what_is_excepted_is_there() -> None:
    for name in PATHS_MEANT:
        assert machine_paths(ROOT, [name]) == [] and "/work/" in (ROOT / name).read_text()
    assert any(LARGE_MEANT.fullmatch(str(p.relative_to(ROOT))) for p in ROOT.glob("python/**/*"))


# --- the checks find what they are for

KEY = "Q7z" * 16
LICENCE = "SPDX-License-Identifier: Apache-2.0"
PLANTED: list[tuple[Check, str, str | bytes, bool]] = [
    (unlicensed, "a.cpp", "int main() {}\n", True),
    (unlicensed, "src/CMakeLists.txt", f"\n\n# {LICENCE}\n", True),
    (unlicensed, "check", f"#!/bin/sh\n# {LICENCE}\n", False),
    (unlicensed, "a.proto", f"// {LICENCE}\n", False),
    (unlicensed, "notes.md", "no source\n", False),
    (secrets, "a.py", f"key = 'tml-{KEY}'", True),
    (secrets, "a.py", "key = 'tml-not-to-be-seen'", False),
    (secrets, "a.txt", f"AKIA{'Q7' * 8}", True),
    (secrets, "a.txt", f"ghp_{KEY[:36]}", True),
    (secrets, "a.txt", f"github_pat_{KEY}", True),
    (secrets, "a.txt", f"hf_{KEY}", True),
    (secrets, "a.txt", f"sk-proj-{KEY}", True),
    (secrets, "a.txt", "-----BEGIN RSA " + "PRIVATE KEY-----", True),
    (secrets, "a.txt", "-----BEGIN PUBLIC KEY-----", False),
    (secrets, "a.txt", f"Authorization: Bearer {KEY}", True),
    (secrets, "a.txt", f"eyJ{KEY}.eyJ{KEY}.{KEY}", True),
    (secrets, "a.txt", f"https://me:{KEY}@host/x", True),
    (secrets, "a.bin", b"\0\1" + f"hf_{KEY}".encode(), False),
    (secrets, "a.txt", b"\xff\xfe" + f" hf_{KEY}".encode(), True),
    (machine_paths, "docs/a.md", "see `/work/main/x`", True),
    (machine_paths, "docs/a.md", "in /home/someone/models", True),
    (machine_paths, "tests/a.py", "open('/root/x')", True),
    (machine_paths, "src/a.cpp", 'open("/tmp/x")', True),
    (machine_paths, "tests/a.py", "open('/tmp/x')", False),
    (machine_paths, "docs/a.md", "an ordinary src/work/x, https://host/work/x and <tmp>/x", False),
    (machine_paths, "docs/a.md", "pip install --index-url " + "https://x", True),
    (machine_paths, "docs/a.md", "from https://files." + "pythonhosted.org/x", True),
    (large, "a.json", "x" * (LARGEST + 1), True),
    (large, "a.json", "x" * LARGEST, False),
    (large, "python/xfer/models/tiny/model.safetensors", "x" * (LARGEST + 1), False),
]


@pytest.mark.parametrize(("check", "name", "content", "wrong"), PLANTED)
def test_the_checks_find_what_is_planted(
    check: Check, name: str, content: str | bytes, wrong: bool, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = check(tmp_path, [name])
    assert bool(found) == wrong, found
    assert KEY not in "".join(found)  # a report of a secret does not spread it
