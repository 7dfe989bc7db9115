#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Asks the compiler what the headers bring in, and fails if it is more than they may.

    check.py engines BUILD   core headers reach no engine header, a backend none of the other engine
    check.py macros BUILD    no header of ours defines or undefines a macro
    check.py heavy BUILD     the core includes no heavy standard header itself

It runs the compile commands of the generated sources that include all headers again, with -M or
with -E -dD, so that the flags are the build's own.
"""
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
    """(kind, arguments) of the source that includes all headers of a kind."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        match = re.search(r"/all_(core|openssl|mbedtls)\.cpp$", entry["file"])
        if not match:
            continue
        arguments = []
        skip = False
        for word in shlex.split(entry["command"]):
            if skip:
                skip = False
            elif word in ("-o", "-MF", "-MQ", "-MT"):
                skip = True
            elif word not in ("-c", "-MD"):
                arguments.append(word)
        found[match[1]] = arguments
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


def check_engines(build, kind, arguments):
    wrong = []
    for path in dependencies(build, arguments):
        engine = engine_of(path)
        if engine and engine != kind:
            wrong.append(f"{kind} reaches {path}, of {engine}")
        if kind == "core" and root / "backends" in path.parents:
            wrong.append(f"{kind} reaches {path.relative_to(root)}")
    return wrong


def check_macros(build, _, arguments):
    wrong = []
    current = None
    # -dD keeps directives in the output, between markers that say whose they are
    for line in output(build, arguments + ["-E", "-dD"]).splitlines():
        if line.startswith("# "):
            marker = re.match(r'# \d+ "([^"]*)"', line)
            path = pathlib.Path(os.path.normpath(build / marker[1])) if marker else None
            current = path if path and is_ours(path) else None
        elif current and line.startswith(("#define", "#undef")):
            wrong.append(f"{current.relative_to(root)}: {line}")
    return wrong


def check_heavy(*_):
    wrong = []
    for path in (root / "include").rglob("*.hpp"):
        names = re.findall(r"^\s*#\s*include\s*<([^>]+)>", path.read_text(), re.M)
        wrong += [f"{path.relative_to(root)} includes <{name}>" for name in names if name in heavy]
    return wrong


def main():
    check = {"engines": check_engines, "macros": check_macros, "heavy": check_heavy}[sys.argv[1]]
    build = pathlib.Path(sys.argv[2]).resolve()
    sources = commands(build)
    if "core" not in sources:
        sys.exit("the compile commands do not have the source that includes all headers")
    wrong = sorted({line for kind, arguments in sources.items()
                    for line in check(build, kind, arguments)})
    for line in wrong:
        print(line)
    print(f"{', '.join(sources)}: {len(wrong)} faults")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
