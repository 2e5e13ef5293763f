# SPDX-License-Identifier: BSD-3-Clause
"""Manifest, wscript, packages and scripts hold together.

Debian has no waf: the wscript runs here with stand-ins for waf's contexts.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = json.loads((ROOT / "sources.json").read_text(encoding="utf-8"))


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    else:
        for child in node.values() if isinstance(node, dict) else node:
            yield from strings(child)


def listed_files() -> list[str]:
    rooms = {room: content for room, content in MANIFEST.items() if room != "ns3-modules"}
    return list(strings(rooms))


def library_sources() -> list[str]:
    return [
        source
        for room in ("model", "ns3-module", "helpers", "scenarios")
        for source in MANIFEST[room]["sources"]
    ]


# ---- the manifest ----


def test_every_listed_file_exists() -> None:
    assert [name for name in listed_files() if not (ROOT / name).is_file()] == []


def test_every_source_is_listed() -> None:
    folders = ("model", "ns3-module", "helpers", "scenarios", "tests")
    on_disk = {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*.cc")
    }
    assert on_disk - set(listed_files()) == set()


def test_no_source_is_compiled_twice_into_one_library() -> None:
    sources = library_sources()
    assert len(sources) == len(set(sources))


def test_no_build_file_lists_a_source_itself() -> None:
    build_files = [ROOT / "CMakeLists.txt", ROOT / "wscript", *(ROOT / "cmake").glob("*.cmake")]
    allowed = {"logging-probe.cc"}  # of the configuration, not of what is built
    for path in build_files:
        named = set(re.findall(r"[\w-]+\.cc\b", path.read_text(encoding="utf-8")))
        assert named <= allowed, path.name


def test_cmake_in_a_tree_links_the_manifests_ns3_modules() -> None:
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.findall(r"\$\{lib([\w-]+)\}", text) == MANIFEST["ns3-modules"]


# ---- the wscript ----


class Environment(dict[str, Any]):
    def append_value(self, name: str, values: list[str]) -> None:
        self.setdefault(name, []).extend(values)


class Target:
    """What waf makes of bld(...), bld.shlib(...) and the like."""

    def __init__(self, kind: str, **attributes: Any) -> None:
        self.kind = kind
        self.env = Environment()
        self.use: Any = []
        self.__dict__.update(attributes)


class Folder:
    def abspath(self) -> str:
        return str(ROOT)


class ConfigureAlone:
    """A configuration in which everything is found."""

    def __init__(self) -> None:
        self.path = Folder()
        self.env = Environment(MODULES_NOT_BUILT=[])
        self.loaded: list[str] = []
        self.packages: list[str] = []
        self.openssl = True

    def load(self, tool: str) -> None:
        self.loaded.append(tool)

    def check_cfg(self, *, package: str, **_: Any) -> bool:
        self.packages.append(package)
        return self.openssl or package != "libcrypto"

    def check_cxx(self, **_: Any) -> bool:
        return True


class ConfigureInTree(ConfigureAlone):
    def __init__(self) -> None:
        super().__init__()
        self.features: list[tuple[str, bool]] = []

    def report_optional_feature(self, name: str, _title: str, enabled: bool, _why: str) -> None:
        self.features.append((name, enabled))


class BuildAlone:
    def __init__(self) -> None:
        self.path = Folder()
        self.targets: list[Target] = []

    def __call__(self, **attributes: Any) -> Target:
        return self.target("", **attributes)

    def shlib(self, **attributes: Any) -> Target:
        return self.target("shlib", **attributes)

    def program(self, **attributes: Any) -> Target:
        return self.target("program", **attributes)

    def add_group(self) -> None:
        pass

    def target(self, kind: str, **attributes: Any) -> Target:
        self.targets.append(Target(kind, **attributes))
        return self.targets[-1]

    def of_kind(self, kind: str) -> list[Target]:
        return [target for target in self.targets if target.kind == kind]


class BuildInTree(BuildAlone):
    def __init__(self, *, enabled: bool) -> None:
        super().__init__()
        self.env = Environment(ENABLE_IPSEC=enabled)

    def create_ns3_module(self, name: str, dependencies: list[str]) -> Target:
        return self.target("module", name=name, dependencies=dependencies)

    def create_ns3_module_test_library(self, name: str) -> Target:
        return self.target("tests", name=name)


@pytest.fixture(scope="module")
def wscript() -> dict[str, Any]:
    path = ROOT / "wscript"
    names: dict[str, Any] = {"__file__": str(path)}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    return names


def test_waf_alone_asks_for_the_manifests_ns3_modules(wscript: dict[str, Any]) -> None:
    conf = ConfigureAlone()
    wscript["configure"](conf)
    assert conf.loaded == ["compiler_cxx"]
    ns3 = " ".join(f"ns3-{module}" for module in MANIFEST["ns3-modules"])
    assert conf.packages == ["libcrypto", ns3]
    assert "-std=c++17" in conf.env["CXXFLAGS"]


def test_waf_alone_builds_the_manifest(wscript: dict[str, Any]) -> None:
    bld = BuildAlone()
    wscript["build"](bld)
    (library,) = bld.of_kind("shlib")
    assert library.source == library_sources()
    (tests,) = bld.of_kind("program")
    assert tests.source == MANIFEST["tests"]["ns3"] + MANIFEST["tests"]["ns3-runner"]
    copied = [target.source for target in bld.of_kind("")]
    assert copied == MANIFEST["ns3-module"]["headers"] + MANIFEST["helpers"]["headers"]


def test_waf_in_a_tree_builds_the_manifest(wscript: dict[str, Any]) -> None:
    bld = BuildInTree(enabled=True)
    wscript["build"](bld)
    (module,) = bld.of_kind("module")
    assert module.name == "ipsec"
    assert module.dependencies == MANIFEST["ns3-modules"]
    assert module.source == library_sources()
    assert module.env["INCLUDES"] == [str(ROOT)]
    (tests,) = bld.of_kind("tests")
    assert tests.source == MANIFEST["tests"]["ns3"]
    (headers,) = bld.of_kind("")
    assert headers.source == MANIFEST["ns3-module"]["headers"] + MANIFEST["helpers"]["headers"]


def test_waf_in_a_tree_leaves_the_module_out_without_openssl(wscript: dict[str, Any]) -> None:
    conf = ConfigureInTree()
    conf.openssl = False
    wscript["configure"](conf)
    assert conf.features == [("ipsec", False)]
    assert conf.env["MODULES_NOT_BUILT"] == ["ipsec"]
    bld = BuildInTree(enabled=conf.env["ENABLE_IPSEC"])
    wscript["build"](bld)
    assert bld.targets == []


# ---- licences ----


def test_every_file_of_code_names_its_licence() -> None:
    suffixes = {".h", ".cc", ".py", ".pyi", ".sh", ".cmake", ".toml"}
    folders = ("model", "ns3-module", "helpers", "scenarios", "analysis", "tests", "cmake")
    wrong = []
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*")):
        if path.suffix not in suffixes or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        tag = re.search(r"SPDX-License-Identifier: (\S+)", text[:200])
        ns3 = re.search(r'#include [<"]ns3/', text) is not None
        wanted = {"GPL-2.0-only"} if ns3 else {"GPL-2.0-only", "BSD-3-Clause"}
        if tag is None or tag.group(1) not in wanted:
            wrong.append(path.relative_to(ROOT).as_posix())
    assert wrong == []


# ---- the commands ----


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_launcher_says_how_to_build_when_nothing_is_built(tmp_path: Path) -> None:
    link = tmp_path / "lab"
    link.symlink_to(ROOT / "ipseclab")
    status, said = run(link, "list", cwd=tmp_path, IPSECLAB_BUILD=str(tmp_path / "none"))
    assert status == 3
    assert said == f"ipseclab: not built yet: run 'make build' in {ROOT}\n"


def fake_programs(folder: Path, **programs: str) -> Path:
    """A folder with shell scripts in place of programs, and the few real ones that scripts use."""
    folder.mkdir()
    for name in (
        "awk",
        "cat",
        "dirname",
        "env",
        "grep",
        "id",
        "mkdir",
        "readlink",
        "rm",
        "sed",
        "sh",
    ):
        real = shutil.which(name)
        assert real is not None
        (folder / name).symlink_to(real)
    for name, body in programs.items():
        path = folder / name.replace("_", "-")
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)
    return folder


ENSURE = ROOT / "build-tools" / "ensure-packages.sh"
# Everything that is asked for is there, except cmake.
ALL_BUT_CMAKE = 'for name; do case $name in -*|cmake) ;; *) echo "installed $name";; esac; done'


def test_packages_that_are_there_ask_nothing_of_apt(tmp_path: Path) -> None:
    path = fake_programs(
        tmp_path / "bin",
        dpkg_query='for name; do echo "installed $name"; done',
        apt_get="echo apt-get was called; exit 1",
        sudo="echo sudo was called; exit 1",
    )
    assert run(ENSURE, "build", "test", PATH=str(path)) == (0, "")


def test_missing_packages_are_named_then_installed(tmp_path: Path) -> None:
    path = fake_programs(
        tmp_path / "bin", dpkg_query=ALL_BUT_CMAKE, apt_get='echo "apt-get $*"', id="echo 0"
    )
    status, said = run(ENSURE, "build", PATH=str(path))
    assert status == 0
    assert said.splitlines() == [
        "ipseclab: installing Debian packages: cmake",
        "apt-get update -q",
        "apt-get install -q -y --no-install-recommends cmake",
    ]


def test_missing_packages_without_network_or_sudo_give_one_line(tmp_path: Path) -> None:
    offline = fake_programs(
        tmp_path / "offline",
        dpkg_query=ALL_BUT_CMAKE,
        apt_get='[ "$1" = update ]',
        id="echo 0",
    )
    status, said = run(ENSURE, "build", PATH=str(offline))
    assert status == 1
    assert said.splitlines()[1:] == [
        "ipseclab: packages could not be installed, for the reason that apt gives above "
        "(no network? no such package?): apt-get install cmake"
    ]
    user = fake_programs(tmp_path / "user", dpkg_query=ALL_BUT_CMAKE, id="echo 1000")
    status, said = run(ENSURE, "build", PATH=str(user))
    assert status == 1
    assert said.splitlines()[1:] == [
        "ipseclab: no root and no sudo: as root, run apt-get install cmake"
    ]


CONFIGURE = ROOT / "build-tools" / "configure.sh"


def test_configuring_without_a_compiler_gives_one_line(tmp_path: Path) -> None:
    path = fake_programs(tmp_path / "bin", cmake="exit 1", ninja="exit 1")
    status, said = run(CONFIGURE, tmp_path / "build", PATH=str(path), CXX="no-such-compiler")
    assert status == 1
    assert said.startswith("ipseclab: 'no-such-compiler' not found: ")
    assert said.count("\n") == 1


def test_an_ns3_that_is_too_old_gives_one_line(tmp_path: Path) -> None:
    package = tmp_path / "ns3"
    package.mkdir()
    (package / "ns3Config.cmake").write_text("", encoding="utf-8")
    (package / "ns3ConfigVersion.cmake").write_text(
        'set(PACKAGE_VERSION "3.36")\nset(PACKAGE_VERSION_COMPATIBLE TRUE)\n', encoding="utf-8"
    )
    status, said = run(CONFIGURE, tmp_path / "build", f"-Dns3_DIR={package}")
    assert status == 1
    assert said == (
        "ipseclab: cannot configure: ns-3 3.36 is not supported: 3.37 or later is needed "
        f"(all of it: {tmp_path}/build/configure.log)\n"
    )
