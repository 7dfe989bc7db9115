#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs the bench and prints its table; with --write also into docs/performance.md; with --calls the
calls alone, which need no Valgrind and no quiet machine.

Instructions: callgrind's count of a run of N operations and of one of 3N; half the difference by N
is what an operation costs, set-up left out. What has a limit is counted twice, and both must agree.
Calls: exact, by functions in front of the C library's. Time: all contenders in turn, slice by
slice; the speed is the median of the rounds' own ratios, with its quartiles.
"""

import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys

PROGRAM, PKI = sys.argv[1:3]
BENCH, COUNTS = PROGRAM.removesuffix("-counts"), PROGRAM.removesuffix("-counts") + "-counts"
DOC = pathlib.Path(__file__).parent.parent / "docs" / "performance.md"

# operations of the shorter run under callgrind, and of a run that counts calls
WORKLOADS = {"pp64": 1000, "rec16k": 200, "handshake": 10, "resumed": 20}
ROUNDS = 31
# which contender is the measure, per engine: the best use by hand that makes the same system calls
BASE = {"openssl": "openssl-bio", "mbedtls": "mbedtls-read-buffer"}
MOST_INSTRUCTIONS = {"pp64": 1.02, "rec16k": 1.02}
MOST_DIFFERENCE = 0.002  # of two counts of the same


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    if done.returncode == 3:  # the contender does not do this
        return None
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}\n{done.stdout}{done.stderr}")
    return done


def collected(contender, load, n):
    done = run("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
               BENCH, "run", contender, load, str(n), PKI)
    return done and int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def instructions(contender, load, n):
    small, large = collected(contender, load, n), collected(contender, load, 3 * n)
    return small and (large - small) / (2 * n)


def fields(lines):
    return {words[0]: words[1:] for words in (line.split() for line in lines.splitlines())}


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.processor())
    versions = run(BENCH, "versions").stdout.strip()
    return f"{model}, {platform.system()} {platform.release()}; {versions}"


class Report:
    def __init__(self):
        self.lines, self.failures = [], []

    def say(self, line=""):
        print(line, flush=True)
        self.lines.append(line)

    def expect(self, good, what):
        if not good:
            self.failures.append(what)


def calls_of(load):
    """Heap calls, receives and sends of each contender."""
    rows = fields(run(COUNTS, "count", load, str(WORKLOADS[load]), PKI).stdout)
    return {name: [float(row[i]) for i in (1, 3, 5)] for name, row in rows.items()}


def check_calls(report, load, name, calls):
    heap, receives, sends = calls[name]
    by_hand = calls[BASE[name.split("-")[0]]][0]
    records = {"pp64": 2, "rec16k": 1}[load]
    report.expect(heap <= by_hand, f"{load}, {name}: {heap} heap calls, by hand {by_hand}")
    report.expect(sends <= records, f"{load}, {name}: {sends} sends")
    report.expect(load != "pp64" or receives <= records, f"{load}, {name}: {receives} receives")


def print_calls(report):
    for load in MOST_INSTRUCTIONS:
        calls = calls_of(load)
        for name, (heap, receives, sends) in calls.items():
            report.say(f"{load:8} {name:20} heap {heap:7.3f}  receive {receives:6.3f}  "
                       f"send {sends:6.3f}")
            if name.endswith("-tlsxx"):
                check_calls(report, load, name, calls)


def print_table(report):
    report.say(f"Machine: {machine()}.")
    report.say()
    report.say("| workload | contender | instructions | ratio | heap calls | receives | sends "
               "| time | speed (quartiles) |")
    report.say("|---|---|--:|--:|--:|--:|--:|--:|--:|")
    valgrind = shutil.which("valgrind")
    report.expect(valgrind, "valgrind is not installed: no instructions")
    for load, n in WORKLOADS.items():
        calls = calls_of(load)
        times = {name: [float(t) for t in row] for name, row in
                 fields(run(BENCH, "time", load, str(ROUNDS), PKI).stdout).items()}
        counts = 2 if load in MOST_INSTRUCTIONS else 1
        costs = {name: [instructions(name, load, n) if valgrind else 0 for _ in range(counts)]
                 for name in times}
        for name in times:
            base = BASE[name.split("-")[0]]
            first, *second = costs[name]
            ratio = first / costs[base][0] if first else 0
            speeds = [b / t for b, t in zip(times[base], times[name])]
            low, middle, high = statistics.quantiles(speeds, n=4)
            heap, receives, sends = calls[name]
            report.say(f"| {load} | {name} | {first:,.0f} | {ratio:.4f} | {heap:,.2f} "
                       f"| {receives:.2f} | {sends:.2f} "
                       f"| {statistics.median(times[name]) / 1000:,.2f} µs "
                       f"| {middle:.2f} ({low:.2f} to {high:.2f}) |")
            if load not in MOST_INSTRUCTIONS:
                continue
            report.expect(abs(first - second[0]) <= MOST_DIFFERENCE * first,
                          f"{load}, {name}: two counts differ: {first:.0f} and {second[0]:.0f}")
            if name.endswith("-tlsxx"):
                check_calls(report, load, name, calls)
                report.expect(ratio <= MOST_INSTRUCTIONS[load],
                              f"{load}, {name}: {ratio:.4f} of the instructions by hand")


def main():
    report = Report()
    if "--calls" in sys.argv:
        print_calls(report)
    else:
        print_table(report)
    if "--write" in sys.argv:
        text = DOC.read_text()
        start, end = "<!-- table: tools/bench --write -->\n", "<!-- end of table -->"
        head, rest = text.split(start)
        DOC.write_text(head + start + "\n".join(report.lines) + "\n" + end + rest.split(end)[1])
    print()
    for failure in report.failures:
        print(f"over the limit: {failure}")
    print(f"bench: {len(report.failures)} figures over their limits")
    sys.exit(bool(report.failures))


main()
