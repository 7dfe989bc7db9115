#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Compiles what must not compile, and reads why.

    check_messages.py FOLDER INCLUDE...

Each FOLDER/*.cpp has to be refused by every compiler at hand, and the message has to hold the text
of each of its first lines of the form

    // expect: text

The source text that compilers quote in a message is left out, so it cannot answer for them.
"""
import concurrent.futures
import itertools
import os
import pathlib
import shutil
import subprocess
import sys

compilers = {
    "g++": ["-fno-diagnostics-show-caret"],
    "clang++": ["-fno-caret-diagnostics"],
}


def expectations(source):
    """The texts after "// expect:" in the comment that a file starts with."""
    head = itertools.takewhile(
        lambda line: line.startswith("//"), source.read_text().splitlines())
    return [line.split(":", 1)[1].strip() for line in head if line.startswith("// expect:")]


def check(source, compiler, includes):
    wanted = expectations(source)
    if not wanted:
        return f"{source.name}: has no line '// expect: text'"
    command = [compiler, "-std=c++20", "-fsyntax-only", *compilers[compiler]]
    command += [f"-I{folder}" for folder in includes] + [str(source)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=dict(os.environ, LC_ALL="C"))
    if done.returncode == 0:
        return f"{source.name}: {compiler} accepts it"
    missing = [text for text in wanted if text not in done.stderr]
    if missing:
        return f"{source.name}: {compiler} does not say {missing}, but:\n{done.stderr[:4000]}"
    return None


def main():
    folder, *includes = sys.argv[1:]
    sources = sorted(pathlib.Path(folder).glob("*.cpp"))
    found = [compiler for compiler in compilers if shutil.which(compiler)]
    if not sources or not found:
        sys.exit(f"{len(sources)} sources, {len(found)} compilers: nothing is checked")
    cases = [(source, compiler, includes) for source in sources for compiler in found]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = [fault for fault in pool.map(lambda case: check(*case), cases) if fault]
    for fault in faults:
        print(fault)
    print(f"{len(sources)} sources, compilers {', '.join(found)}: {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
