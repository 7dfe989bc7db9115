#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Lists every header of the library, a line "KIND NAME" for each.

    list.py           prints the list
    list.py FOLDER    prints sources that it writes to FOLDER instead, a line "GROUP KIND PATH",
                      with tabs between:
                      "alone", one for each header, which includes it twice; "all", one for each
                      KIND, which includes all of its headers

KIND is core for what needs no engine, else the engine's name. NAME is what a program includes.
"""
import pathlib
import sys

root = pathlib.Path(__file__).resolve().parents[2]


def headers():
    for base in ("include", "backends"):
        for path in sorted((root / base).rglob("*.hpp")):
            name = path.relative_to(root / base)
            # backends/tlsxx/openssl.hpp and all in backends/tlsxx/openssl/ are OpenSSL's
            kind = "core" if base == "include" else name.parts[1].removesuffix(".hpp")
            yield kind, name.as_posix()


def write(folder, name, lines):
    path = folder / name
    text = "".join(f"{line}\n" for line in lines)
    # untouched where nothing changed, so that nothing is compiled again
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path.as_posix()


def main():
    if len(sys.argv) == 1:
        for kind, name in headers():
            print(kind, name)
        return
    folder = pathlib.Path(sys.argv[1])
    includes = {}
    for kind, name in headers():
        include = f"#include <{name}>"
        includes.setdefault(kind, []).append(include)
        path = write(folder, f"alone_{name.replace('/', '__')}.cpp", [include, include])
        print("alone", kind, path, sep="\t")
    for kind, lines in includes.items():
        print("all", kind, write(folder, f"all_{kind}.cpp", lines), sep="\t")


if __name__ == "__main__":
    main()
