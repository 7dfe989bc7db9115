#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Counts what the lanes of tools/test did, and ends with "N passed, N failed".

    summary.py BUILD LANE...

A Catch2 program counts by its test cases, every other test as one. A program that dies, or whose
cases pass but which then fails (a leak, say), adds one that failed; so does a lane that cannot be
built. The exit status is 0 only if something was run and nothing failed.
"""
import collections
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

# how tests/support/cases.hpp names what runs on each engine, and on each pair (client to server)
runs_on = re.compile(r": ((?:openssl|mbedtls)(?: to (?:openssl|mbedtls))?)(?:, TLSv[0-9.]+)?$")


class Lane:
    def __init__(self):
        self.counts = collections.Counter()
        self.engines = collections.Counter()
        self.notes = []

    def fail(self, note):
        self.counts["failed"] += 1
        self.notes.append(f"failed: {note}")

    def read_cases(self, name, path, ended_well):
        """The test cases of one Catch2 program, from its XML report."""
        try:
            report = xml.parse(path).getroot()
        except (OSError, xml.ParseError):
            self.fail(f"{name} died before its report was complete")
            return
        failed = 0
        for case in report.iter("TestCase"):
            result = case.find("OverallResult")
            if result is not None and int(result.get("skips", 0)):
                self.counts["skipped"] += 1
                reasons = " ".join((skip.text or "").strip() for skip in case.iter("Skip"))
                self.notes.append(f"skipped: {name}: {case.get('name')}: {reasons}")
            elif result is not None and result.get("success") == "true":
                self.counts["passed"] += 1
                match = runs_on.search(case.get("name"))
                if match:
                    self.engines[match[1]] += 1
            else:
                failed += 1
                self.fail(f"{name}: {case.get('name')}")
        if not ended_well and not failed:
            self.fail(f"{name} failed outside its test cases")

    def read(self, build, lane):
        broken = build / "test-results" / f"{lane}.broken"
        if broken.exists():
            self.fail(f"{lane}: {broken.read_text().strip()}")
            return
        logs = build / lane / "meson-logs"
        try:
            lines = (logs / "testlog.json").read_text().splitlines()
        except OSError:
            self.fail(f"{lane}: no test was run")
            return
        if (logs / "soaklog.json").exists():  # only after tools/test --all
            lines += (logs / "soaklog.json").read_text().splitlines()
        for line in lines:
            test = json.loads(line)
            name, result = test["name"], test["result"]
            reports = [word.split("=", 1)[1] for word in test["command"]
                       if word.startswith("xml::out=")]
            if reports:
                self.read_cases(name, reports[0], result == "OK")
            elif result in ("OK", "EXPECTEDFAIL"):
                self.counts["passed"] += 1
            elif result == "SKIP":
                self.counts["skipped"] += 1
                self.notes.append(f"skipped: {name}: {(test.get('stdout') or '').strip()}")
            else:
                self.fail(f"{name} ({result.lower()})")


def main():
    build, lanes = pathlib.Path(sys.argv[1]), sys.argv[2:]
    total, engines = collections.Counter(), collections.Counter()
    print()
    for name in lanes:
        lane = Lane()
        lane.read(build, name)
        for note in lane.notes:
            print(f"{name}: {note}")
        total += lane.counts
        engines += lane.engines
        seconds = (build / "test-results" / f"{name}.seconds").read_text().strip()
        print(f"{name:16}{lane.counts['passed']:6} passed {lane.counts['failed']:4} failed "
              f"{lane.counts['skipped']:4} skipped {seconds:>5} s")
    for name, count in sorted(engines.items()):
        print(f"{name:24}{count:6} passed")
    print("Counted: Catch2 test cases, and one for every other test, in each lane")
    print(f"{total['passed']} passed, {total['failed']} failed"
          + (f", {total['skipped']} skipped" if total["skipped"] else ""))
    sys.exit(0 if total["passed"] and not total["failed"] else 1)


if __name__ == "__main__":
    main()
