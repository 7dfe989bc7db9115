#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The upgrade example beside a PostgreSQL server, and beside servers with somebody in between.

    postgresql.py FOLDER_OF_PROGRAMS PKI
"""
import glob
import os

import tools
from tools import ENGINES, FakeServer, Folder, check, pki, run

READY = b"R\0\0\0\x08\0\0\0\0S\0\0\0\x1bserver_version\0injected\0Z\0\0\0\x05I"


def refused(what, answer, text):
    def talk(connection):
        if connection.recv(8) == b"\0\0\0\x08\x04\xd2\x16\x2f":  # SSLRequest
            connection.sendall(answer)
            if answer:
                connection.recv(4096)
    with FakeServer(talk) as server:
        for engine in ENGINES:
            status, out = run("postgresql_upgrade" + engine, "localhost", server.port, "tlsxx",
                              pki / "root.pem")
            check(f"postgresql_upgrade{engine}: {what}",
                  status == 1 and text in out and "injected" not in out, status, out)


refused("no TLS, no conversation", b"N", "offers no TLS")
refused("an error instead of an answer", b"E\0\0\0\x0bold\0", "offers no TLS")
refused("a server that has gone", b"", "offers no TLS")
refused("plain text behind the answer is no TLS", b"S" + READY, "TLS protocol")
refused("the server goes behind its answer", b"S", "without a close_notify")

folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda f: int(f.split("/")[-2]))
initdb = tools.find("initdb", *reversed(folders))
postgres = initdb and os.path.join(os.path.dirname(initdb), "postgres")
if not postgres or not os.access(postgres, os.X_OK):
    tools.finish("PostgreSQL is not installed: the example was not tried with a real server")

with Folder() as folder:
    port = tools.free_port()
    data = folder.path / "data"
    made = folder.start(initdb, "-D", data, "-U", "tlsxx", "-A", "trust", "--no-sync",
                        "--no-instructions", "--locale=C").wait(tools.PATIENCE)
    check("a database is made", made == 0, folder.log())
    folder.write("hba.conf", "hostssl all all 127.0.0.1/32 trust\nhostssl all all ::1/128 trust\n")
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder.path,
        "hba_file": folder.path / "hba.conf",
        "ssl": "on",
        "ssl_cert_file": folder.path / "good-chain.pem",
        "ssl_key_file": folder.path / "good.key",
        "fsync": "off",
    }
    for count, version in enumerate(("TLSv1.2", "TLSv1.3"), 1):
        settings["ssl_max_protocol_version"] = version
        words = [word for item in settings.items() for word in ("-c", "%s=%s" % item)]
        with tools.running(folder.start(postgres, "-D", data, *words)) as server:
            # it listens before it is
            started = folder.logs("ready to accept connections", server, count)
            check(f"PostgreSQL starts, {version}", started, folder.log())
            for engine in ENGINES if started else ():
                name = "postgresql_upgrade" + engine
                status, out = run(name, "localhost", port, "tlsxx", pki / "root.pem")
                check(f"{name}: PostgreSQL, {version}",
                      status == 0 and version in out and "\nPostgreSQL " in out, status, out)
                status, out = run(name, "localhost", port, "nobody-here", pki / "root.pem")
                check(f"{name}: PostgreSQL's own error is shown, {version}",
                      status == 1 and 'role "nobody-here" does not exist' in out, status, out)
                status, out = run(name, "localhost", port, "tlsxx", pki / "other-root.pem")
                check(f"{name}: PostgreSQL, not trusted, {version}",
                      status == 1 and "PostgreSQL " not in out, status, out)

tools.finish()
