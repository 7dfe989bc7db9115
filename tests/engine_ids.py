#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Fails if a row of docs/engines.md has no test that bears its id, or a test bears an id without a
row."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
rows = set(re.findall(r"`(engines:[a-z0-9-]+)`", (root / "docs/engines.md").read_text()))
borne = set()
for source in (root / "tests").rglob("*.cpp"):
    borne |= set(re.findall(r"\[(engines:[a-z0-9-]+)\]", source.read_text()))
for name in sorted(rows - borne):
    print(f"docs/engines.md: no test bears [{name}]")
for name in sorted(borne - rows):
    print(f"[{name}] has no row in docs/engines.md")
print(f"{len(rows)} rows, {len(borne)} ids")
sys.exit(1 if rows != borne or not rows else 0)
