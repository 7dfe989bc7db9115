#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Prints every header of the library, one a line, as a program would include it.

The headers that need an engine come as "openssl NAME" or "mbedtls NAME", the others as "core NAME".
"""
import pathlib

root = pathlib.Path(__file__).resolve().parents[2]

for base in ("include", "backends"):
    for path in sorted((root / base).rglob("*.hpp")):
        name = path.relative_to(root / base)
        if base == "include":
            kind = "core"
        else:
            # backends/tlsxx/openssl.hpp and everything in backends/tlsxx/openssl/
            kind = name.parts[1].removesuffix(".hpp")
        print(kind, name.as_posix())
