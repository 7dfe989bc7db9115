#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Consumes the library in the ways that the README names.

    check.py WORK COMPILER ENGINE...

For the engines given: builds from the repository with the other engine switched off, and with both
off; installs and compiles with pkg-config; copies the two folders into one; is a subproject of
another project. WORK is a folder of its own, made anew.
"""
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
consumer = root / "tests" / "packaging" / "consumer"
engines = ("openssl", "mbedtls")


def run(*command, **extra):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **extra)
    if done.returncode:
        print(" ".join(map(str, command)))
        print(done.stdout)
        sys.exit(1)
    return done.stdout


def setup(*words):
    # what a test needs is there, or it fails: it does not download
    run("meson", "setup", "--wrap-mode=nodownload", *words)


def switched(engine):
    """Options for a build with this engine and no other."""
    return [f"-D{name}={'enabled' if name == engine else 'disabled'}" for name in engines]


def pkg_config(*words, env):
    return shlex.split(run("pkg-config", *words, env=env))


def build_with_one_engine(work, engine):
    build = work / f"only-{engine}"
    setup(build, root, *switched(engine), "-Dtests=disabled", "-Dexamples=auto",
          "-Doptimization=0", "-Ddebug=false")
    run("meson", "compile", "-C", build)


def install_and_compile(work, compiler, found):
    build, prefix = work / "installed-build", work / "prefix"
    options = [f"-D{name}={'enabled' if name in found else 'disabled'}" for name in engines]
    setup(build, root, *options, f"--prefix={prefix}", "-Dtests=disabled",
          "-Dexamples=disabled", "-Dpkgconfig.relocatable=true")
    run("meson", "install", "-C", build)
    # moved, as a package manager does
    moved = work / "moved"
    prefix.rename(moved)
    env = dict(os.environ)
    env["PKG_CONFIG_PATH"] = os.pathsep.join(
        [str(moved / "share" / "pkgconfig")] + env.get("PKG_CONFIG_PATH", "").split(os.pathsep))
    for engine in found:
        for folder, name in (("include", "context.hpp"), ("backends", f"{engine}.hpp")):
            installed = moved / "include" / "tlsxx" / name
            if installed.read_bytes() != (root / folder / "tlsxx" / name).read_bytes():
                sys.exit(f"{installed} is not what is in the repository")
        program = work / f"installed-{engine}"
        run(compiler, "-std=c++20", consumer / f"{engine}.cpp", "-o", program,
            *pkg_config("--cflags", "--libs", f"tlsxx-{engine}", env=env))
        print("installed:", run(program).strip())


def copy_and_compile(work, compiler, found):
    copied = work / "copied"
    for folder in ("include", "backends"):
        shutil.copytree(root / folder / "tlsxx", copied / "tlsxx", dirs_exist_ok=True)
    libraries = {"openssl": ["openssl"], "mbedtls": ["mbedtls", "mbedx509", "mbedcrypto"]}
    for engine in found:
        program = work / f"copied-{engine}"
        run(compiler, "-std=c++20", f"-I{copied}", consumer / f"{engine}.cpp", "-o", program,
            *pkg_config("--cflags", "--libs", *libraries[engine], env=os.environ))
        print("copied:", run(program).strip())


def subproject(work, engine):
    project = work / f"project-{engine}"
    shutil.copytree(consumer, project)
    (project / "subprojects" / "tlsxx").symlink_to(root)
    build = work / f"subproject-{engine}"
    others = [f"-Dtlsxx:{name}=disabled" for name in engines if name != engine]
    setup(build, project, f"-Dengine={engine}", *others)
    run("meson", "compile", "-C", build)
    print("subproject:", run(build / "consumer").strip())
    targets = run("ninja", "-C", build, "-t", "targets", "all")
    if "alone" in targets:
        sys.exit("the tests were built in a subproject")


def main():
    work, compiler, *found = sys.argv[1:]
    work = pathlib.Path(work)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for engine in found:
        build_with_one_engine(work, engine)
        subproject(work, engine)
    build_with_one_engine(work, "neither")
    install_and_compile(work, compiler, found)
    copy_and_compile(work, compiler, found)


if __name__ == "__main__":
    main()
