# shellcheck shell=sh
# SPDX-License-Identifier: BSL-1.0
# What this system is, and packages from other suites of the distribution, without touching the
# machine's own apt state. Needs lib.sh.

os_id=unknown os_like='' os_name='an unknown system' codename=''
if [ -r /etc/os-release ]; then
    os_id=$(. /etc/os-release && echo "${ID-unknown}")
    os_like=$(. /etc/os-release && echo "${ID_LIKE-}")
    os_name=$(. /etc/os-release && echo "${PRETTY_NAME-$os_id}")
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
fi
debian_like=no
case " $os_id $os_like " in
*' debian '* | *' ubuntu '*) has apt-get && has dpkg && debian_like=yes ;;
esac

apt_state=$deps/apt

# apt_sources: the machine's own package sources, a line "suite|address|key file" each, read from
# one-line lists (*.list) and from deb822 files (*.sources).
apt_sources() {
    list=/etc/apt/sources.list parts=/etc/apt/sources.list.d
    eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
    for file in "$list" "${parts%/}"/*.list; do
        [ -f "$file" ] || continue
        # deb [signed-by=/a/key arch=amd64] address suite component ...
        awk '{ sub(/#.*/, "") }
            $1 == "deb" || $1 == "deb-src" {
                key = ""
                if (match($0, /\[[^]]*\]/)) {
                    options = substr($0, RSTART + 1, RLENGTH - 2)
                    $0 = substr($0, 1, RSTART - 1) " " substr($0, RSTART + RLENGTH)
                    count = split(options, option, " ")
                    for (i = 1; i <= count; i++)
                        if (option[i] ~ /^signed-by=\//) key = substr(option[i], 11)
                    sub(/,.*/, "", key)
                }
                if ($2 !~ /^cdrom:/) print $3 "|" $2 "|" key
            }' "$file"
    done
    for file in "${parts%/}"/*.sources; do
        [ -f "$file" ] || continue
        awk 'function flush(    u, s, n, i) {
                n = split(value["suites"], s, " ")
                split(value["uris"], u, " ")
                split(value["signed-by"], k, " ")
                if (value["enabled"] !~ /^ *(no|false|0)/ && u[1] != "")
                    for (i = 1; i <= n; i++)
                        print s[i] "|" u[1] "|" (k[1] ~ /^\// ? k[1] : "")
                split("", value); split("", u); split("", k)
            }
            { sub(/\r$/, "") }
            /^#/ { next }
            /^[ \t]*$/ { flush(); next }
            /^[ \t]/ { value[name] = value[name] " " $0; next }
            {
                name = tolower($0); sub(/[ \t]*:.*/, "", name)
                text = $0; sub(/^[^:]*:[ \t]*/, "", text)
                value[name] = text
            }
            END { flush() }' "$file"
    done
}

# apt_mirror main|security: "address|key file" of the machine's own source for it
apt_mirror() {
    apt_sources | awk -F'|' -v kind="$1" -v code="$codename" '
        kind == "security" ? $1 ~ /-security$/ || $1 ~ /\/updates\/?$/ \
                           : $1 == code || $1 ~ /^(oldstable|stable|testing|unstable|sid)$/ {
            print $2 "|" $3; exit
        }'
}

# apt_private_begin deb|deb-src SUITE...: an apt of our own, in build/deps/apt, that knows those
# suites of this machine's own mirror and nothing else
apt_private_begin() {
    type=$1
    shift
    rm -rf "$apt_state"
    mkdir -p "$apt_state/lists/partial" "$apt_state/cache/archives/partial" "$apt_state/parts" ||
        return 1
    main=$(apt_mirror main) security=$(apt_mirror security)
    : >"$apt_state/sources.list"
    for suite in "$@"; do
        case $suite in
        *-security) mirror=$security ;;
        *) mirror=$main ;;
        esac
        key=${mirror##*|}
        [ -n "$key" ] || key=/usr/share/keyrings/debian-archive-keyring.gpg
        [ -n "$mirror" ] || continue
        option=
        [ -r "$key" ] && option="[signed-by=$key] "
        printf '%s %s%s %s main\n' "$type" "$option" "${mirror%|*}" "$suite" \
            >>"$apt_state/sources.list"
    done
    [ -s "$apt_state/sources.list" ] || return 1
    # -c comes after the machine's own settings (a proxy, say), and so can clear its hooks
    cat >"$apt_state/apt.conf" <<EOF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Etc::sourcelist "$apt_state/sources.list";
Dir::Etc::sourceparts "$apt_state/parts";
Dir::State::lists "$apt_state/lists";
Dir::Cache "$apt_state/cache";
Acquire::Languages "none";
APT::Sandbox::User "$(id -un 2>/dev/null || echo root)";
EOF
    # a suite that the mirror lacks fails the update, the others are there all the same
    LC_ALL=C apt_private apt-get -qq update >"$apt_state/log" 2>&1 && return
    if grep -q 'is expired' "$apt_state/log"; then
        # signed all the same: at worst it offers an older version than it should
        warn "this mirror has not been brought up to date for a while; taking what it has"
        apt_private apt-get -o Acquire::Check-Valid-Until=false -qq update >"$apt_state/log" 2>&1
    fi
    return 0
}

apt_private() {
    tool=$1
    shift
    "$tool" -c "$apt_state/apt.conf" "$@"
}

apt_private_end() { rm -rf "$apt_state"; }

# newest PREDICATE..: reads versions, prints the newest for which the predicate (a shell function,
# given the upstream version) holds
newest() {
    best=
    while read -r version; do
        upstream=${version#*:}
        "$1" "${upstream%-*}" || continue
        if [ -z "$best" ] || dpkg --compare-versions "$version" gt "$best"; then best=$version; fi
    done
    [ -n "$best" ] && printf '%s\n' "$best"
}
