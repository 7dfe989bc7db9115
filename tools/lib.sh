# shellcheck shell=sh
# SPDX-License-Identifier: BSL-1.0
# What setup, test and demo share: where things lie, and how a build folder is configured.
# Sourced, with $0 still the program in tools/.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
build=$root/build
deps=$build/deps
program=tools/$(basename -- "$0")

# nginx and stunnel live in sbin, which an ordinary user's PATH leaves out
PATH=$PATH:/usr/sbin:/sbin
# what tools/setup put into the build folder is found before the system's
PKG_CONFIG_PATH=$deps/mbedtls/lib/pkgconfig:$deps/catch2/usr/share/pkgconfig:$deps/catch2/usr/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PATH PKG_CONFIG_PATH

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "$program" "$*" >&2; }
die() { warn "$@"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

jobs() { nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2; }

# What every build of ours has, beside what a lane adds. Warnings are errors here and nowhere else.
warnings='-Wconversion -Wsign-conversion -Wshadow -Wold-style-cast'
lane_options() {
    set -- "$1" -Dwarning_level=3 -Dwerror=true -Dopenssl=enabled -Dmbedtls=enabled \
        -Dtests=enabled -Dexamples=enabled
    lane_name=$1
    shift
    case $lane_name in
    gcc | clang | trixie) set -- "$@" -Doptimization=1 -Ddebug=false "-Dcpp_args=$warnings" ;;
    gcc-sanitize | clang-sanitize)
        # b_lundef: Clang links the sanitizers' run time into programs only. Not optimised, which
        # halves the time to compile, hides nothing from the sanitizers, and is fast enough.
        sanitize='-g1 -fno-omit-frame-pointer -fno-sanitize-recover=all'
        # GCC 12 takes objects of Catch2's own expressions for other types; Clang checks vptr too
        [ "$lane_name" = clang-sanitize ] || sanitize="$sanitize -fno-sanitize=vptr"
        set -- "$@" -Doptimization=0 -Ddebug=false -Db_sanitize=address,undefined -Db_lundef=false \
            "-Dcpp_args=$warnings $sanitize" -Dcpp_link_args=-fno-sanitize-recover=all
        ;;
    gcc-release)
        # GCC 12 warns of std::string's own operator+ when it optimises (its bug 105651)
        set -- "$@" -Doptimization=3 -Ddebug=false -Db_ndebug=true \
            "-Dcpp_args=$warnings -Wno-restrict"
        ;;
    bench)
        set -- "$@" -Doptimization=3 -Ddebug=false -Db_ndebug=true -Dwerror=false \
            -Dtests=disabled -Dexamples=disabled
        ;;
    demo) set -- "$@" -Doptimization=2 -Ddebug=false -Dwerror=false -Dtests=disabled ;;
    *) die "no lane is called $lane_name" ;;
    esac
    printf '%s\n' "$@"
}

lane_compiler() {
    case $1 in
    clang*) echo clang++ ;;
    *) echo g++ ;;
    esac
}

# configure_lane NAME: makes build/NAME, or brings it up to date with the options above and with the
# headers that there are
configure_lane() {
    wanted=$(lane_compiler "$1" && lane_options "$1") || return 1
    # Meson remembers where it found a dependency
    wanted="$wanted
$(cat "$deps/mbedtls/lib/pkgconfig/mbedtls.pc" 2>/dev/null)"
    headers=$(python3 "$root/tests/headers/list.py") || return 1
    folder=$build/$1
    mode=
    if [ -f "$folder/build.ninja" ]; then
        mode=--wipe
        if [ "$(cat "$folder/lane-options" 2>/dev/null)" = "$wanted" ]; then
            [ "$(cat "$folder/lane-headers" 2>/dev/null)" = "$headers" ] && return 0
            mode=--reconfigure
        fi
    fi
    lane_cxx=$(lane_compiler "$1")
    case $lane_cxx in
    clang++) lane_cc=clang ;;
    *) lane_cc=gcc ;;
    esac
    # one option a line: none holds a line break
    old_ifs=$IFS
    IFS='
'
    # shellcheck disable=SC2046
    set -- $(lane_options "$1")
    IFS=$old_ifs
    CC=$lane_cc CXX=$lane_cxx meson setup ${mode:+"$mode"} "$folder" "$root" "$@" || return 1
    printf '%s\n' "$wanted" >"$folder/lane-options"
    printf '%s\n' "$headers" >"$folder/lane-headers"
}
