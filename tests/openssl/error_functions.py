#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Names every function of OpenSSL's error queue that the backend calls or error_calls.cpp counts, one
in a line."""
import pathlib
import re

here = pathlib.Path(__file__).resolve().parent
backend = here.parents[1] / "backends/tlsxx"
found = set(re.findall(r"__real_(ERR_[a-z_]+)|COUNTED\([^,]*, (ERR_[a-z_]+)",
                       (here / "error_calls.cpp").read_text()))
found = {name for pair in found for name in pair if name}
for header in [backend / "openssl.hpp", *(backend / "openssl").rglob("*.hpp")]:
    found |= set(re.findall(r"::(ERR_[a-z0-9_]+)\b", header.read_text()))
print("\n".join(sorted(found)))
