#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Asks the compiler what each header brings in, and fails if it is more than it may.

    check.py engines BUILD   core headers reach no engine header, a backend none of the other engine
    check.py macros BUILD    no header of ours defines or undefines a macro
    check.py heavy BUILD     the core includes no heavy standard header itself

It runs the compile commands of the generated one-header sources again, with -M or with -E -dD, so
that the flags are the build's own.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
ours = (root / "include", root / "backends")

# a folder of these names above a header marks it as an engine's
engine_folders = {"openssl": {"openssl"}, "mbedtls": {"mbedtls", "psa"}}
heavy = ("iostream", "filesystem", "regex", "functional")


def is_ours(path):
    return any(base in path.parents for base in ours)


def engine_of(path):
    """The engine that a header which is not ours belongs to, or None."""
    if is_ours(path):
        return None
    for engine, folders in engine_folders.items():
        if path.parent.name in folders:
            return engine
    return None


def commands(build):
    """(kind, header, arguments) of every generated one-header source."""
    found = []
    for entry in json.loads((build / "compile_commands.json").read_text()):
        match = re.search(r"alone_(core|openssl|mbedtls)__(.*)\.cpp$", entry["file"])
        if not match or "libalone-" not in entry["output"]:
            continue
        words = shlex.split(entry["command"])
        arguments = []
        skip = False
        for word in words:
            if skip:
                skip = False
            elif word in ("-o", "-MF", "-MQ", "-MT"):
                skip = True
            elif word not in ("-c", "-MD"):
                arguments.append(word)
        found.append((match[1], match[2].replace("__", "/"), arguments))
    return found


def output(build, arguments):
    done = subprocess.run(arguments, cwd=build, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{shlex.join(arguments)}\n{done.stderr}")
    return done.stdout


def dependencies(build, arguments):
    text = output(build, arguments + ["-M"]).replace("\\\n", " ")
    return [
        pathlib.Path(os.path.normpath(build / word))
        for word in shlex.split(text.split(":", 1)[1])
    ]


def check_engines(build, kind, header, arguments):
    wrong = []
    for path in dependencies(build, arguments):
        engine = engine_of(path)
        if engine and engine != kind:
            wrong.append(f"{header} reaches {path}, of {engine}")
        if kind == "core" and root / "backends" in path.parents:
            wrong.append(f"{header} reaches {path.relative_to(root)}")
    return wrong


def check_macros(build, _, header, arguments):
    wrong = []
    current = None
    # -dD keeps directives in the output, between markers that say whose they are
    for line in output(build, arguments + ["-E", "-dD"]).splitlines():
        marker = re.match(r'#\s+(?:line\s+)?\d+\s+"([^"]*)"', line)
        if marker:
            current = pathlib.Path(os.path.normpath(build / marker[1]))
        elif line.startswith(("#define", "#undef")) and current and is_ours(current):
            wrong.append(f"{current.relative_to(root)}: {line}")
    return wrong


def check_heavy(build, kind, header, _):
    if kind != "core":
        return []
    text = (root / "include" / header).read_text()
    names = re.findall(r"^\s*#\s*include\s*<([^>]+)>", text, re.M)
    return [f"{header} includes <{name}>" for name in names if name in heavy]


def main():
    check = {"engines": check_engines, "macros": check_macros, "heavy": check_heavy}[sys.argv[1]]
    build = pathlib.Path(sys.argv[2]).resolve()
    sources = commands(build)
    if not sources:
        sys.exit("found no one-header source in the compile commands")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = [line for lines in pool.map(lambda s: check(build, *s), sources) for line in lines]
    for line in sorted(set(wrong)):
        print(line)
    print(f"{len(sources)} headers, {len(set(wrong))} faults")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
