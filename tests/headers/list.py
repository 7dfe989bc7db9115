#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Lists every header of the library, a line "KIND NAME" for each.

    list.py           prints the list
    list.py FOLDER    also writes FOLDER/alone_KIND__NAME.cpp, which includes the header twice, and
                      prints its path as a third word

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


def write(folder, kind, name):
    path = folder / f"alone_{kind}__{name.replace('/', '__')}.cpp"
    text = (
        "// A header has to stand alone, and to survive being included twice.\n"
        f"#include <{name}>\n"
        f"#include <{name}>\n"
    )
    # untouched where nothing changed, so that nothing is compiled again
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path.as_posix()


def main():
    for kind, name in headers():
        if len(sys.argv) > 1:
            print(kind, name, write(pathlib.Path(sys.argv[1]), kind, name))
        else:
            print(kind, name)


if __name__ == "__main__":
    main()
