#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs the small examples against each other and checks what they say.

    examples.py FOLDER_OF_PROGRAMS PKI [first_mbedtls]
"""
import os
import pathlib
import subprocess
import sys

programs = pathlib.Path(sys.argv[1])
pki = pathlib.Path(sys.argv[2])
failures = 0


def run(*words, environment=None):
    done = subprocess.run(
        [str(programs / words[0]), *map(str, words[1:])],
        capture_output=True, text=True, timeout=30, env={**os.environ, **(environment or {})},
    )
    return done.returncode, done.stdout, done.stderr


def expect(what, answer, code, *texts):
    global failures
    status, out, err = answer
    wrong = [text for text in texts if text not in out + err]
    if status != code or wrong:
        failures += 1
        print(f"FAILED {what}: exit {status}, expected {code}; missing {wrong}\n{out}{err}")
    else:
        print(f"ok     {what}")


server = subprocess.Popen(
    [programs / "hello_server", "0", pki / "good-chain.pem", pki / "good.key", "20"],
    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
)
try:
    port = server.stdout.readline().split()[1]
    trusted = {"SSL_CERT_FILE": str(pki / "root.pem"), "SSL_CERT_DIR": ""}
    other = {"SSL_CERT_FILE": str(pki / "other-root.pem"), "SSL_CERT_DIR": ""}
    for first in ["first", *sys.argv[3:]]:
        expect(f"{first}, trusted", run(first, "localhost", port, environment=trusted), 0, "TLSv1.3", "hello, ")
    status, out, err = run("first", "localhost", port, environment=other)
    expect("first, untrusted, says why", (1 if status else 0, out, err), 1, "verification failed")
    expect("why, trusted", run("why", "localhost", port, pki / "root.pem"), 0, "TLSv1.3, CN=good")
    expect("why, untrusted", run("why", "localhost", port, pki / "other-root.pem"), 1, "(20; ", "intermediate")
    expect("why, another name", run("why", "127.0.0.1", port, pki / "root.pem"), 0, "CN=good")
    expect("event_loop", run("event_loop", "localhost", port, pki / "root.pem"), 0, "TLSv1.3 TLS_")
    expect("own_transport", run("own_transport", "localhost", port, pki / "root.pem"), 0, "hello, ", "bytes received")
    expect("any_engine, no such file", run("any_engine", "localhost", port, pki / "none.pem"), 1, "none.pem")
    expect("any_engine", run("any_engine", "localhost", port, pki / "root.pem"), 0, "bytes")
finally:
    server.kill()
    said = server.communicate()[1]
if "unknown_ca" not in said:
    failures += 1
    print(f"FAILED the server says who refused it: {said}")
sys.exit(1 if failures else 0)
