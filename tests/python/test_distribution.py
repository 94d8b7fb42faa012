# SPDX-License-Identifier: Apache-2.0
"""What is handed on: the source archive, the wheel, and the shared libraries that it needs."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from xfer import _missing, _native

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "python" / "xfer"
EXTENSION = Path(_native.__file__ or "")
#: What every Linux with a Python of its own has.
ALWAYS_THERE = {"libc", "libm", "libgcc_s", "ld-linux-x86-64", "ld-linux-aarch64", "libpthread"}


def run(*command: object, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


# --- the source archive


def listed(*options: str) -> set[str]:
    done = run("git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", *options, folder=ROOT)
    assert done.returncode == 0, done.stderr
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).exists()}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive that the build backend makes."""
    if importlib.util.find_spec("scikit_build_core") is None:
        pytest.skip("not installed: scikit-build-core")
    folder = tmp_path_factory.mktemp("sdist")
    make = f"from scikit_build_core.build import build_sdist; build_sdist({str(folder)!r})"
    done = run(sys.executable, "-c", make, folder=ROOT)
    assert done.returncode == 0, done.stderr
    [path] = folder.glob("*.tar.gz")
    return path


def test_the_source_archive_is_the_repository(archive: Path) -> None:
    """Every tracked file, so all that the build reads; of others only what could be added."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout: what belongs to the archive is not known")
    with tarfile.open(archive) as opened:
        names = {m.name.partition("/")[2] for m in opened.getmembers() if m.isfile()}
    assert "src/cmake/XferLibrary.cmake" in names
    assert listed() - names == set()
    assert names - listed() - listed("--others", "--exclude-standard") == {"PKG-INFO"}
    assert archive.stat().st_size < 15e6


# --- what the extension needs


def needed(path: Path) -> list[str]:
    """The shared libraries that a file asks the loader for."""
    if shutil.which("readelf") is None:
        pytest.skip("not installed: binutils")
    done = run("readelf", "-d", path, folder=path.parent)
    assert done.returncode == 0, done.stderr
    return re.findall(r"\(NEEDED\).*\[(.+)\]", done.stdout)


def stem(library: str) -> str:
    return library.partition(".so")[0]


def test_every_library_that_the_extension_needs_has_a_package() -> None:
    found = {stem(name) for name in needed(EXTENSION)}
    assert {"libsqlite3", "libssl", "libstdc++"} <= found
    assert found - ALWAYS_THERE == set(_missing._PACKAGES)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package in a folder of its own, its extension free to be spoilt."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(SOURCE, folder / "xfer", ignore=shutil.ignore_patterns("*.so", "models"))
    return folder


def message_of(package: Path, extension: bytes) -> str:
    """The last line of what Python says when it imports xfer with that extension."""
    (package / "xfer" / EXTENSION.name).write_bytes(extension)
    code = f"import sys; sys.path.insert(0, {str(package)!r}); import xfer"
    done = run(sys.executable, "-c", code, folder=package)
    assert done.returncode == 1, done.stderr
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("library", sorted(_missing._PACKAGES))
def test_a_library_that_is_not_there_is_named(library: str, package: Path) -> None:
    """The loader is asked for a library of another name, which no machine has."""
    [name] = [n for n in needed(EXTENSION) if stem(n) == library]
    version = str.maketrans("0123456789", "7890123456")
    lost = library + name.removeprefix(library).translate(version)
    spoilt = EXTENSION.read_bytes().replace(name.encode() + b"\0", lost.encode() + b"\0")
    text = message_of(package, spoilt)
    assert text.startswith(f"ImportError: xfer needs the system library {lost}"), text
    assert f"apt-get install {_missing._PACKAGES[library]}" in text


def test_libraries_that_are_too_old_are_told(package: Path) -> None:
    content = EXTENSION.read_bytes()
    [newest] = sorted(set(re.findall(rb"\0GLIBCXX_3\.4\.(\d\d)\0", content)))[-1:]
    asked = b"\0GLIBCXX_3.4." + newest + b"\0"
    text = message_of(package, content.replace(asked, b"\0GLIBCXX_3.4.99\0"))
    assert "built against newer system libraries" in text and "GLIBCXX_3.4.99" in text


@pytest.mark.parametrize("content", [b"", b"\x7fELF of another kind" * 99])
def test_an_extension_that_is_broken_is_told(content: bytes, package: Path) -> None:
    text = message_of(package, content)
    assert text.startswith("ImportError: xfer's extension module cannot be loaded"), text
    assert EXTENSION.name in text and "install xfer again" in text


# --- the wheel


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_archive_builds_a_wheel_that_runs_where_no_compiler_is(
    archive: Path, tmp_path: Path
) -> None:
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path / "source", filter="data")
    [source] = (tmp_path / "source").iterdir()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    done = run(
        *pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path / "wheel", source,
        folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    [wheel] = (tmp_path / "wheel").glob("xfer-*.whl")
    assert wheel.stat().st_size < 15e6
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    assert {name for name in names if ".so" in name} == {f"xfer/{EXTENSION.name}"}
    assert not {
        name for name in names if name.split("/")[0] not in {"xfer"} and ".dist-" not in name
    }

    place = tmp_path / "installed"
    done = run(*pip, "install", "--no-deps", "--target", place, wheel, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "nothing").mkdir()
    program = (
        "import shutil, xfer\n"
        "assert not any(map(shutil.which, ('cc', 'gcc', 'g++', 'clang', 'cmake', 'ninja', 'ld')))\n"
        "sampler = xfer.Model.load('embedded:small').sampler()\n"
        "print(xfer.__file__, len(sampler.sample([1, 2, 3], max_tokens=4)[0].tokens))\n"
    )
    done = run(
        sys.executable, "-c", program,
        folder=tmp_path, PATH=str(tmp_path / "nothing"), PYTHONPATH=str(place),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(place))
