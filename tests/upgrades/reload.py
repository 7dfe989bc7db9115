#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The example that reads its files anew, under load.

    reload.py FOLDER_OF_PROGRAMS PKI
"""
import os
import signal
import socket
import ssl
import threading

import tools
from tools import ENGINES, Folder, Served, check, pki

THREADS = 4
CONNECTIONS = 600
# both good for localhost
IDENTITIES = {"good": pki / "good-chain.pem", "root-issued": pki / "root-issued-chain.pem"}


def meet(port, context):
    """The name of the server's certificate; it says hello, and both sides close."""
    with socket.create_connection(("localhost", port), tools.PATIENCE) as connection:
        with context.wrap_socket(connection, server_hostname="localhost") as stream:
            text = b""
            while part := stream.recv(100):
                text += part
            if text != b"hello\n":
                raise ValueError(f"it says {text!r}")
            subject = dict(pair[0] for pair in stream.getpeercert()["subject"])
            stream.unwrap()
            return subject["commonName"]


def replace(folder, name, content):
    """As it should be done: a file is there as a whole, or not yet."""
    os.replace(folder.write(name + ".new", content), folder.path / name)


def install(folder, identity):
    replace(folder, "server.pem", IDENTITIES[identity].read_bytes()
            + (pki / f"{identity}.key").read_bytes())


def reload_under_load(name):
    with Folder() as folder:
        install(folder, "good")
        file = folder.path / "server.pem"
        with Served(name, 0, file, file) as server:
            seen, errors = [], []

            def load():
                context = tools.trusting()
                while len(seen) + len(errors) < CONNECTIONS:
                    try:
                        seen.append(meet(server.port, context))
                    except (OSError, ValueError) as error:
                        errors.append(repr(error))

            threads = [threading.Thread(target=load) for _ in range(THREADS)]
            for thread in threads:
                thread.start()
            own = tools.trusting()
            wrong, reloads = [], 0
            while any(thread.is_alive() for thread in threads) or reloads < 4:
                identity = list(IDENTITIES)[(reloads + 1) % 2]
                install(folder, identity)
                server.process.send_signal(signal.SIGHUP)
                if server.said() != "reloaded":
                    wrong.append("not reloaded")
                    break
                if (got := meet(server.port, own)) != identity:
                    wrong.append(f"{got} instead of {identity}")
                reloads += 1
            for thread in threads:
                thread.join()
            check(f"{name}: {len(seen)} connections during {reloads} reloads, none failed",
                  not errors and len(seen) >= CONNECTIONS and set(seen) <= set(IDENTITIES),
                  errors, set(seen))
            check(f"{name}: behind a reload there is the new certificate", not wrong, wrong)
            check(f"{name}: its side saw no failure", server.complained() == "",
                  server.complained())

            # What can't be read changes nothing, and is named.
            before = meet(server.port, own)
            for count, (text, reason) in enumerate((
                    ("no certificate\n", "server.pem"),
                    (IDENTITIES["good"].read_text() + (pki / "root-issued.key").read_text(), "key"),
            ), 1):
                replace(folder, "server.pem", text)
                server.process.send_signal(signal.SIGHUP)
                told = server.complains("not reloaded: ", count)
                said = server.complained().splitlines()[-1] if told else "nothing"
                check(f"{name}: a broken file is not taken, and named: {said}", reason in said)
                check(f"{name}: the old certificate stays", meet(server.port, own) == before)
            install(folder, "root-issued" if before == "good" else "good")
            server.process.send_signal(signal.SIGHUP)
            check(f"{name}: and is replaced when the file is good again",
                  server.said() == "reloaded" and meet(server.port, own) != before)


def reload_authorities(name):
    def enters(identity):
        try:
            return meet(server.port, tools.trusting(identity=identity)) == "good"
        except (OSError, ValueError):
            return False

    with Folder() as folder:
        install(folder, "good")
        replace(folder, "clients.pem", (pki / "root.pem").read_bytes())
        file = folder.path / "server.pem"
        with Served(name, 0, file, file, folder.path / "clients.pem") as server:
            check(f"{name}: clients of the first authority enter",
                  enters("client") and not enters("client-untrusted") and not enters(None))
            replace(folder, "clients.pem", (pki / "other-root.pem").read_bytes())
            server.process.send_signal(signal.SIGHUP)
            check(f"{name}: after the reload those of the second",
                  server.said() == "reloaded" and enters("client-untrusted")
                  and not enters("client"), server.complained())


for engine in ENGINES:
    reload_under_load("reload" + engine)
    reload_authorities("reload" + engine)
tools.finish()
