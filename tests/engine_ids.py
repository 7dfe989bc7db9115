#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Fails if a row of docs/engines.md has no test that bears its id, a test bears an id without a row,
or a trap that is known here has no row."""
import pathlib
import re
import sys

# What engines are known to do between a program and its peer. Found out once; none may be lost.
known = """
    want-read-with-input eof-is-not-want-read has-pending empty-record ticket-on-read ticket-on-write
    write-in-mid-message write-some blocked-write-retry read-with-pending-write flush cancelled
    unsent-output zero-length-write zero-length-read close-notify-latch truncation eof-in-handshake
    write-after-close half-close-read half-close-write close-notify-blocked blocked-write-then-close
    blocked-write-then-alert fatal-latch own-errors moves transport-per-call verdict-after-move
    context-gone one-program unwrap initial-bytes alert-received key-update key-update-blocked
    post-handshake-message renegotiation snapshot threads no-anchors error-queue error-queue-full
    error-queue-untouched error-queue-neighbours
""".split()

root = pathlib.Path(__file__).resolve().parent.parent
rows = set(re.findall(r"`(engines:[a-z0-9-]+)`", (root / "docs/engines.md").read_text()))
borne = set()
for source in (root / "tests").rglob("*.cpp"):
    borne |= set(re.findall(r"\[(engines:[a-z0-9-]+)\]", source.read_text()))
for name in sorted(rows - borne):
    print(f"docs/engines.md: no test bears [{name}]")
for name in sorted(borne - rows):
    print(f"[{name}] has no row in docs/engines.md")
lost = {f"engines:{name}" for name in known} - rows
for name in sorted(lost):
    print(f"docs/engines.md: no row for {name}")
print(f"{len(rows)} rows, {len(borne)} ids")
sys.exit(1 if rows != borne or lost else 0)
