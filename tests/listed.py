#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Fails if a test's source is not in a list of meson.build: it would pass by never being run."""
import pathlib
import sys

tests = pathlib.Path(__file__).resolve().parent
# compiled by programs that find their sources by themselves
elsewhere = {"concepts/fail", "packaging/consumer"}

build = (tests / "meson.build").read_text()
names = [path.relative_to(tests).as_posix() for path in sorted(tests.rglob("*.cpp"))]
missing = [name for name in names
           if not any(name.startswith(folder + "/") for folder in elsewhere)
           and f"'{name}'" not in build]
for name in missing:
    print(f"tests/{name} is in no list of tests/meson.build")
sys.exit(1 if missing else 0)
