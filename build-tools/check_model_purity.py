#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Proves that model/ stands alone: no ns-3, no system calls, no clock, no randomness of its own.

Prints one TAP line for every file and ends with 1 when any of them breaks the law.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Headers that bring threads, clocks, randomness, files or sockets. <chrono> may name durations; its
# clocks are found by their names.
FORBIDDEN_HEADERS = re.compile(
    r"condition_variable|ctime|filesystem|fstream|future|iostream|mutex|random|shared_mutex|thread"
    r"|time\.h|unistd\.h|pthread\.h|poll\.h|signal\.h"
)
# <arpa/inet.h> only turns addresses into text and back.
ALLOWED_FOLDERS = {"openssl", "gsl", "tl"}
ALLOWED_HEADERS = {"arpa/inet.h"}
FORBIDDEN_NAMES = re.compile(
    r"\bns3::|_clock::now\b|\brandom_device\b|\bRAND_(priv_)?bytes\b"
    r"|(?<![\w.>:])(std::)?(rand|srand|time|clock|getenv|socket)\s*\("
)
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def include_fault(bracket: str, name: str) -> str | None:
    if bracket == '"':
        return None if name.startswith("model/") else f'includes "{name}", which is outside model/'
    if "/" in name:
        known = name.split("/")[0] in ALLOWED_FOLDERS or name in ALLOWED_HEADERS
    else:
        known = not FORBIDDEN_HEADERS.fullmatch(name)
    return None if known else f"includes <{name}>"


def faults(text: str) -> list[str]:
    # Comments go, line breaks in them stay, so that line numbers hold.
    code = COMMENT.sub(lambda comment: "\n" * comment.group().count("\n"), text)
    found = []
    for number, line in enumerate(code.splitlines(), 1):
        include = INCLUDE.match(line)
        if include and (fault := include_fault(include.group(1), include.group(2))):
            found.append(f"line {number}: {fault}")
        if name := FORBIDDEN_NAMES.search(line):
            found.append(f"line {number}: uses {name.group().strip()}")
    return found


def main() -> int:
    failed = False
    files = sorted(path for path in (ROOT / "model").rglob("*") if path.suffix in {".h", ".cc"})
    for number, path in enumerate(files, 1):
        found = faults(path.read_text(encoding="utf-8"))
        failed = failed or bool(found)
        print(f"{'not ok' if found else 'ok'} {number} - {path.relative_to(ROOT)}")
        for fault in found:
            print(f"# {fault}")
    print(f"1..{len(files)}")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
