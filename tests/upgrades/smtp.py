#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The STARTTLS example beside Exim, and beside servers with somebody in between.

    smtp.py FOLDER_OF_PROGRAMS PKI
"""
import tools
from tools import ENGINES, FakeServer, Folder, check, pki, run

INJECTED = b"250-injected\r\n250 OK\r\n"


def fake(greeting=b"220 fake\r\n", offers=b"250-fake\r\n250 STARTTLS\r\n", answer=b"220 go\r\n"):
    def talk(connection):
        lines = connection.makefile("rb")
        connection.sendall(greeting)
        if not greeting.endswith(b"\n"):
            return
        lines.readline()
        connection.sendall(offers)
        if lines.readline() == b"STARTTLS\r\n":
            connection.sendall(answer)
            connection.recv(4096)  # a ClientHello, if the client goes on
    return FakeServer(talk)


def refused(what, server, text):
    with server:
        for engine in ENGINES:
            status, out = run("smtp_starttls" + engine, "localhost", server.port, pki / "root.pem")
            check(f"smtp_starttls{engine}: {what}",
                  status == 1 and text in out and "injected" not in out, status, out)


refused("plain text behind the answer to STARTTLS is refused", fake(answer=b"220 go\r\n" + INJECTED),
        "plain text behind")
refused("half a line of it too", fake(answer=b"220 go\r\n2"), "plain text behind")
refused("no STARTTLS, no conversation", fake(offers=b"250-fake\r\n250 SIZE\r\n"), "no STARTTLS")
refused("a refusal of STARTTLS is one", fake(answer=b"454 not now\r\n"), "454 not now")
refused("a server that has gone", fake(greeting=b"220 half a li"), "breaks off")
refused("no TLS behind STARTTLS", fake(), "without a close_notify")

exim = tools.find("exim4") or tools.find("exim")
if not exim:
    tools.finish("Exim is not installed: the example was not tried with a real mail server")

# Debian's is built with GnuTLS, whose words for versions these are
priorities = {"TLSv1.2": "NORMAL:-VERS-TLS1.3", "TLSv1.3": "NORMAL"}
with Folder() as folder:
    here = folder.path
    for version, priority in priorities.items():
        port = tools.free_port()
        config = folder.write("exim.conf", f"""
primary_hostname = localhost
exim_user = {folder.account.pw_name}
exim_group = {folder.account.pw_gid}
spool_directory = {here}/spool
log_file_path = {here}/%slog
pid_file_path = {here}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts = *
tls_certificate = {here}/good-chain.pem
tls_privatekey = {here}/good.key
tls_require_ciphers = {priority}
host_lookup =
keep_environment =
acl_smtp_rcpt = deny
""")
        # in the foreground, without a queue
        with tools.running(folder.start(exim, "-C", config, "-bdf")) as server:
            started = tools.listens(port, server)
            check(f"Exim starts, {version}", started, folder.log())
            for engine in ENGINES if started else ():
                name = "smtp_starttls" + engine
                status, out = run(name, "localhost", port, pki / "root.pem")
                check(f"{name}: Exim, {version}",
                      status == 0 and version in out and "250-SIZE" in out
                      and "STARTTLS" not in out, status, out, folder.log())
                status, out = run(name, "localhost", port, pki / "other-root.pem")
                check(f"{name}: Exim, not trusted, {version}", status == 1 and "250" not in out,
                      status, out)

tools.finish()
