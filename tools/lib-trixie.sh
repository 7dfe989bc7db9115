# shellcheck shell=sh
# SPDX-License-Identifier: BSL-1.0
# Debian trixie in a folder of its own, build/trixie/root: another OpenSSL, Mbed TLS, GCC and Catch2
# than most systems have. Needs lib.sh and lib-apt.sh.
#
# Whatever is done in there is done in mount and PID namespaces that end with the process that made
# them. So nothing stays mounted or running however a run ends, and build/ may be removed at any time.

trixie=$build/trixie
trixie_root=$trixie/root
# It is made again when this changes. The last line is what the tests run against.
trixie_packages='g++ meson ninja-build pkgconf python3
    libssl-dev libmbedtls-dev catch2 ca-certificates
    openssl curl gnutls-bin nginx stunnel4 haproxy exim4-daemon-light postgresql'

trixie_possible() { # may be, that is: the rest is tried
    [ "$(uname -sm)" = 'Linux x86_64' ] && [ "$(id -u)" = 0 ] && [ "$os_id" = debian ]
}

# private COMMAND...: in namespaces of its own, and ended with this program, by whatever signal
private() {
    setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --propagation private "$@" &
    wait $!
}

# in_trixie COMMAND...: there, with the repository at /src, which can't be written to but for
# /src/build. The first process stays a shell: it buries orphans.
in_trixie() {
    private sh -c '
        repository=$1 there=$2
        shift 2
        mount -t proc proc "$there/proc" 2>/dev/null || mount --rbind /proc "$there/proc"
        mount --rbind /dev "$there/dev"
        mkdir -p "$there/src" "$there/lane" || exit
        if mount -o bind,ro "$repository" "$there/src" 2>/dev/null; then
            mount --bind "$there/lane" "$there/src/build" || exit
        else
            find "$there/src" -mindepth 1 -delete
            (cd "$repository" && tar -cf - --exclude=./build --exclude=./.git .) |
                tar -xf - -C "$there/src" && ln -s /lane "$there/src/build" || exit
        fi
        chroot "$there" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
            LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
        exit
    ' sh "$root" "$trixie_root" "$@"
}

# in_trixie_lib COMMAND...: the same, where the command may be a function of lib.sh
in_trixie_lib() {
    # shellcheck disable=SC2016
    in_trixie sh -c '. /src/tools/lib.sh && "$@"; exit' /src/tools/test "$@"
}

# trixie_ready: makes it unless it is there. If it can't be, $trixie_lacks says why.
trixie_ready() {
    trixie_lacks=
    if [ "$(uname -sm)" != 'Linux x86_64' ]; then
        trixie_lacks='a chroot of Debian trixie is made on Linux on amd64 only'
    elif [ "$(id -u)" != 0 ]; then
        trixie_lacks='a chroot is made by root only'
    elif ! has unshare || ! has setpriv; then
        trixie_lacks='unshare or setpriv is not installed'
    elif ! private chroot / true 2>/dev/null; then
        trixie_lacks='namespaces or chroot are not permitted here'
    elif [ "$(cat "$trixie/made" 2>/dev/null)" != "$trixie_packages" ] ||
        ! in_trixie g++ --version >/dev/null 2>&1; then
        trixie_make
    fi
    [ -z "$trixie_lacks" ]
}

trixie_make() {
    main=$(apt_mirror main) security=$(apt_mirror security)
    mirror=${main%|*} key=${main##*|}
    [ -r "$key" ] || key=/usr/share/keyrings/debian-archive-keyring.gpg
    if ! has debootstrap; then
        trixie_lacks='debootstrap is not installed'
    elif [ "$os_id" != debian ] || [ -z "$mirror" ]; then
        trixie_lacks="this machine's package sources name no mirror of Debian"
    fi
    [ -z "$trixie_lacks" ] || return
    # what is left of a run that did not end
    rm -rf --one-file-system "$trixie"
    mkdir -p "$trixie_root/etc/dpkg/dpkg.cfg.d" "$trixie_root/etc/postgresql-common" || exit 1
    log=$trixie/log
    if ! /usr/lib/apt/apt-helper -o APT::Sandbox::User=root -o Acquire::http::Timeout=30 \
        download-file "$mirror/dists/trixie/InRelease" "$trixie/InRelease" >"$log" 2>&1; then
        trixie_lacks="no mirror with Debian trixie could be reached"
        return
    fi
    say "$program: making a chroot of Debian trixie in build/trixie: about 300 MB, a minute or two"

    # it is thrown away if the machine dies, and nobody reads in it
    cat >"$trixie_root/etc/dpkg/dpkg.cfg.d/tlsxx" <<EOF
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
path-exclude=/usr/lib/*/libLLVM*
EOF
    say 'create_main_cluster = false' >"$trixie_root/etc/postgresql-common/createcluster.conf"
    set -- --variant=minbase "--keyring=$key"
    case $mirror in https:*) set -- "$@" --include=ca-certificates ;; esac
    if ! private debootstrap "$@" trixie "$trixie_root" "$mirror" >>"$log" 2>&1; then
        trixie_lacks="debootstrap failed: $(trixie_last_error)"
        return
    fi
    {
        say "deb $mirror trixie main"
        say "deb $mirror trixie-updates main"
        [ -z "$security" ] || say "deb ${security%|*} trixie-security main"
    } >"$trixie_root/etc/apt/sources.list"
    {
        apt-config dump | grep -i '^Acquire::[a-z]*::Proxy'
        # a mirror that is behind is no reason to test nothing
        say 'Acquire::Check-Valid-Until "false";'
    } >"$trixie_root/etc/apt/apt.conf.d/tlsxx"
    for file in "$key" "${security##*|}"; do
        [ ! -f "$file" ] || cp "$file" "$trixie_root/etc/apt/trusted.gpg.d/" || exit 1
    done
    # no service starts there
    printf '#!/bin/sh\nexit 101\n' >"$trixie_root/usr/sbin/policy-rc.d"
    chmod 755 "$trixie_root/usr/sbin/policy-rc.d"
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$trixie_root/etc/hosts"
    # shellcheck disable=SC2086
    if ! { in_trixie apt-get -q update &&
        in_trixie apt-get -qy --no-install-recommends dist-upgrade &&
        in_trixie apt-get -qy --no-install-recommends -o Dpkg::Options::=--force-confold \
            install $trixie_packages &&
        in_trixie apt-get clean; } >>"$log" 2>&1; then
        trixie_lacks="its packages could not be installed: $(trixie_last_error)"
        return
    fi
    printf '%s\n' "$trixie_packages" >"$trixie/made"
}

trixie_last_error() { # of what was made in vain
    grep '^E: ' "$log" | tail -n 1 | grep . || tail -n 1 "$log"
}
