#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Counts what the lanes of tools/test did, and ends with "N passed, N failed".

    summary.py RESULTS LANE...

RESULTS has for each lane what tools/test wrote: LANE, a link to its build folder, where the log of
its tests is meson-logs/LANE.json; and LANE.versions, .seconds, .skipped and .broken.

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
        self.matrix = []  # the table of tests/interop/matrix.cpp
        self.sweeps = []  # the sums of tests/support/sweep_summary.cpp

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

    def read(self, results, lane):
        def told(what):
            path = results / f"{lane}.{what}"
            return path.read_text().strip() if path.exists() else ""

        self.seconds, self.versions = told("seconds") or "0", told("versions")
        if told("skipped"):
            self.counts["skipped"] += 1
            self.notes.append(f"skipped: {told('skipped')}")
            return
        if told("broken"):
            self.fail(told("broken"))
            return
        logs = results / lane / "meson-logs"
        try:
            lines = (logs / f"{lane}.json").read_text().splitlines()
        except OSError:
            self.fail("no test was run")
            return
        if (logs / f"{lane}-soak.json").exists():  # only after tools/test --all
            lines += (logs / f"{lane}-soak.json").read_text().splitlines()
        for line in lines:
            test = json.loads(line)
            name, result = test["name"], test["result"]
            self.matrix += re.findall("^matrix: (.*)", test.get("stdout") or "", re.M)
            self.sweeps += re.findall(r"^sweep, (.*: \d+ rows, .*)", test.get("stdout") or "", re.M)
            # by their names: a lane may have been another system, with other folders
            reports = [results / lane / "tests" / pathlib.Path(word).name
                       for word in test["command"] if word.startswith("xml::out=")]
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
    results, lanes = pathlib.Path(sys.argv[1]), sys.argv[2:]
    total, engines = collections.Counter(), collections.Counter()
    matrix, sweeps = [], []
    print()
    for name in lanes:
        lane = Lane()
        lane.read(results, name)
        for note in lane.notes:
            print(f"{name}: {note}")
        total += lane.counts
        engines += lane.engines
        sweeps = sweeps or lane.sweeps and [f"Faults at each call, swept ({name}):", *lane.sweeps]
        matrix = matrix or [f"Other programs ({name}):", *lane.matrix] if lane.matrix else matrix
        print(f"{name:16}{lane.counts['passed']:6} passed {lane.counts['failed']:4} failed "
              f"{lane.counts['skipped']:4} skipped {lane.seconds:>5} s  {lane.versions}".rstrip())
    for name, count in sorted(engines.items()):
        print(f"{name:24}{count:6} passed")
    for table in matrix, sweeps:
        print(*table, sep="\n", end="\n\n" if table else "")
    print("Counted: Catch2 test cases, and one for every other test, in each lane")
    print(f"{total['passed']} passed, {total['failed']} failed"
          + (f", {total['skipped']} skipped" if total["skipped"] else ""))
    sys.exit(0 if total["passed"] and not total["failed"] else 1)


if __name__ == "__main__":
    main()
