#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
# The certificates of the tests. Needs a shell and the openssl command (3.0 or newer), no network.
#
#   pki.sh DIRECTORY [STAMP]
#
# Makes DIRECTORY, once: a second run finds it complete and does nothing, two at a time wait for each
# other, and a changed script makes it anew. STAMP is a file to touch when it is there.
#
# Every NAME.pem has its NAME.key beside it (PKCS#8, PEM, not encrypted) and is signed with SHA-256.
# The passwords of encrypted keys are "password". All pass OpenSSL's strict checks (AKI, SKI,
# critical basicConstraints and keyUsage) but for the fault that they are named for. Valid from 2024
# to 2049 where nothing else is said. Keys are P-256, but for those named rsa.
#
#   Authorities
#     root                    "tlsxx test root"
#     intermediate            issued by root, path length 0: the issuer of all leafs not said otherwise
#     other-root              unrelated to root
#     nc-intermediate         issued by root, critical name constraints: permitted DNS allowed.test
#     client-only             issued by root, extendedKeyUsage clientAuth
#     client-only-root        by itself, extendedKeyUsage clientAuth
#     expired-intermediate    issued by root, 2015 to 2021
#   Servers; each has NAME-chain.pem, which is the leaf and the intermediate
#     good                    DNS localhost, DNS *.wild.test, IP 127.0.0.1, IP ::1
#     rsa                     the same with an RSA key of 2048 bits
#     other-host              DNS other.test
#     dns-ip                  DNS 127.0.0.1, and no IP address
#     cn-only                 no subjectAltName, CN=localhost
#     expired                 as good, 2020 to 2021
#     not-yet-valid           as good, 2048 to 2049
#     wrong-purpose           as good, but for clientAuth only
#     any-purpose             as good, but for anyExtendedKeyUsage only
#     no-purpose              as good, without extendedKeyUsage
#     weak-rsa                as good, RSA with 1024 bits
#     sha1                    as good, signed with SHA-1
#     nc-inside               DNS www.allowed.test, issued by nc-intermediate
#     nc-outside              DNS localhost, issued by nc-intermediate
#     root-issued             as good, issued by root itself; its chain file is the leaf alone
#     by-client-only, by-client-only-root, by-expired-intermediate
#                             as good, issued by what they are named for
#   Servers without an issuer here
#     self-signed             as good, signed by itself
#     untrusted               as good, issued by other-root; untrusted-chain.pem has other-root too
#   Clients, for clientAuth; each has NAME-chain.pem as above
#     client                  good
#     client-expired          2020 to 2021
#     client-wrong-purpose    for serverAuth only
#     client-untrusted        issued by other-root
#   Other forms of the same
#     good.der root.der       certificates in DER
#     good.combined.pem       key, leaf and intermediate in one file
#     good.pkcs8.der          good's key: PKCS#8 DER,
#     good.sec1.pem .der          SEC1,
#     good.pkcs8.enc.pem .der     PKCS#8 encrypted with PBES2, AES-256-CBC,
#     good.sec1.enc.pem           SEC1 with traditional PEM encryption, AES-256-CBC
#     rsa.pkcs8.der           rsa's key: PKCS#8 DER,
#     rsa.pkcs1.pem .der          PKCS#1,
#     rsa.pkcs8.enc.pem           PKCS#8 encrypted with PBES2, AES-256-CBC,
#     rsa.pkcs1.enc.pem           PKCS#1 with traditional PEM encryption, AES-256-CBC
#   Trust
#     two-roots.pem           root and other-root, with text between them
#     hashed/                 both as `openssl rehash` lays them out
#     hashed-other/           other-root alone
#     bundle-bad-block.pem    root, then a block that is Base64 but no certificate, then other-root
#     bundle-bad-base64.pem   root, then a block that is not Base64
#     bundle-cut.pem          root, then a block without its end
#     empty.pem               an empty file
#     text.pem                text without a PEM block
#     garbage.der             bytes that are not DER
set -eu

target=${1:?usage: pki.sh DIRECTORY [STAMP]}
stamp=${2:-}
case $target in /*) ;; *) target=$(pwd)/$target ;; esac
case $stamp in '' | /*) ;; *) stamp=$(pwd)/$stamp ;; esac
script=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
version=$(openssl dgst -sha256 <"$script")

finish() {
    [ -z "$stamp" ] || : >"$stamp"
    exit 0
}
is_complete() { [ "$(cat "$target/complete" 2>/dev/null)" = "$version" ]; }

is_complete && finish
mkdir -p "$(dirname "$target")"
tries=0
until mkdir "$target.lock" 2>/dev/null; do
    tries=$((tries + 1))
    if [ $tries -gt 60 ]; then
        echo "pki.sh: $target.lock is there for a minute; remove it if nothing else runs" >&2
        exit 1
    fi
    sleep 1
done
trap 'rmdir "$target.lock"' EXIT
trap 'exit 1' HUP INT TERM
is_complete && finish

rm -rf "$target"
mkdir "$target"
cd "$target"
mkdir ca
: >ca/index.txt
echo 'unique_subject = no' >ca/index.txt.attr

# The machine's own openssl.cnf has no say.
OPENSSL_CONF=$target/ca/openssl.cnf
export OPENSSL_CONF
unset SSL_CERT_FILE SSL_CERT_DIR RANDFILE 2>/dev/null || :
cat >ca/openssl.cnf <<'END'
[req]
distinguished_name = name
prompt = no
[name]
O = tlsxx tests
[ca]
default_ca = issuer
[issuer]
database = ca/index.txt
new_certs_dir = ca
rand_serial = yes
policy = any
default_md = sha256
email_in_dn = no
copy_extensions = none
[any]
organizationName = optional
commonName = optional

[identity]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[intermediate]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[client-only]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[constrained]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
nameConstraints = critical, permitted;DNS:allowed.test
END

# Files hold only what programs read: openssl's own talk is shown only if it fails.
quietly() {
    "$@" 2>ca/log || {
        cat ca/log >&2
        echo "pki.sh: failed: $*" >&2
        exit 1
    }
}

ec_key() { quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }
rsa_key() { quietly openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:$2" -out "$1.key"; }

# issue NAME ISSUER EXTENSION_FILE SECTION COMMON_NAME START END [OPTION...]; ISSUER "self" signs
# with the key itself. Years are given for START and END.
issue() {
    name=$1 issuer=$2 file=$3 section=$4 common_name=$5 start=$6 end=$7
    shift 7
    quietly openssl req -new -key "$name.key" -subj "/O=tlsxx tests/CN=$common_name" -out ca/request
    if [ "$issuer" = self ]; then
        set -- -selfsign -keyfile "$name.key" "$@"
    else
        set -- -cert "$issuer.pem" -keyfile "$issuer.key" "$@"
    fi
    quietly openssl ca -batch -notext -config ca/openssl.cnf -in ca/request -out "$name.pem" \
        -extfile "$file" -extensions "$section" \
        -startdate "${start}0101000000Z" -enddate "${end}0101000000Z" "$@"
}

authority() { # NAME ISSUER SECTION [END]
    ec_key "$1"
    issue "$1" "$2" ca/openssl.cnf "$3" "tlsxx test $1" 2015 "${4-2049}"
}

here='DNS:localhost, DNS:*.wild.test, IP:127.0.0.1, IP:::1'

# leaf NAME ISSUER KEY_USAGE EXTENDED_KEY_USAGE SUBJECT_ALT_NAME COMMON_NAME START END [OPTION...]:
# the key is made before. "-" leaves the extension out.
leaf() {
    leaf_name=$1 leaf_issuer=$2
    {
        echo '[leaf]'
        echo 'basicConstraints = critical, CA:false'
        echo "keyUsage = critical, $3"
        [ "$4" = - ] || echo "extendedKeyUsage = $4"
        [ "$5" = - ] || echo "subjectAltName = $5"
        echo 'subjectKeyIdentifier = hash'
        echo 'authorityKeyIdentifier = keyid:always'
    } >ca/leaf.cnf
    leaf_common_name=$6 leaf_start=$7 leaf_end=$8
    shift 8
    issue "$leaf_name" "$leaf_issuer" ca/leaf.cnf leaf "$leaf_common_name" \
        "$leaf_start" "$leaf_end" "$@"
    case $leaf_issuer in
    root | self) cp "$leaf_name.pem" "$leaf_name-chain.pem" ;;
    *) cat "$leaf_name.pem" "$leaf_issuer.pem" >"$leaf_name-chain.pem" ;;
    esac
}

authority root self root
authority other-root self root
authority intermediate root intermediate
authority nc-intermediate root constrained
authority client-only root client-only
authority client-only-root self client-only
authority expired-intermediate root intermediate 2021

sign=digitalSignature
sign_and_encipher=digitalSignature,keyEncipherment

for name in good other-host dns-ip cn-only expired not-yet-valid wrong-purpose any-purpose \
    no-purpose nc-inside nc-outside root-issued self-signed untrusted \
    by-client-only by-client-only-root by-expired-intermediate \
    client client-expired client-wrong-purpose client-untrusted; do
    ec_key "$name"
done
rsa_key rsa 2048
rsa_key weak-rsa 1024
ec_key sha1

leaf good intermediate $sign serverAuth "$here" good 2024 2049
leaf rsa intermediate $sign_and_encipher serverAuth "$here" rsa 2024 2049
leaf other-host intermediate $sign serverAuth DNS:other.test other-host 2024 2049
leaf dns-ip intermediate $sign serverAuth DNS:127.0.0.1 dns-ip 2024 2049
leaf cn-only intermediate $sign serverAuth - localhost 2024 2049
leaf expired intermediate $sign serverAuth "$here" expired 2020 2021
leaf not-yet-valid intermediate $sign serverAuth "$here" not-yet-valid 2048 2049
leaf wrong-purpose intermediate $sign clientAuth "$here" wrong-purpose 2024 2049
leaf any-purpose intermediate $sign anyExtendedKeyUsage "$here" any-purpose 2024 2049
leaf no-purpose intermediate $sign - "$here" no-purpose 2024 2049
leaf weak-rsa intermediate $sign_and_encipher serverAuth "$here" weak-rsa 2024 2049
leaf sha1 intermediate $sign serverAuth "$here" sha1 2024 2049 -md sha1
leaf nc-inside nc-intermediate $sign serverAuth DNS:www.allowed.test nc-inside 2024 2049
leaf nc-outside nc-intermediate $sign serverAuth DNS:localhost nc-outside 2024 2049
leaf root-issued root $sign serverAuth "$here" root-issued 2024 2049
for name in client-only client-only-root expired-intermediate; do
    leaf by-$name $name $sign serverAuth "$here" by-$name 2024 2049
done
leaf self-signed self $sign serverAuth "$here" self-signed 2024 2049
leaf untrusted other-root $sign serverAuth "$here" untrusted 2024 2049

leaf client intermediate $sign clientAuth - client 2024 2049
leaf client-expired intermediate $sign clientAuth - client-expired 2020 2021
leaf client-wrong-purpose intermediate $sign serverAuth - client-wrong-purpose 2024 2049
leaf client-untrusted other-root $sign clientAuth - client-untrusted 2024 2049

# Other forms. Traditional encryption exists for PKCS#1 and SEC1 in PEM only.
password=pass:password
for name in good root; do
    quietly openssl x509 -in $name.pem -outform DER -out $name.der
done
cat good.key good-chain.pem >good.combined.pem
for name in good rsa; do
    case $name in
    good) tool=ec traditional=sec1 option= ;;
    rsa) tool=rsa traditional=pkcs1 option=-traditional ;;
    esac
    quietly openssl pkcs8 -topk8 -nocrypt -in $name.key -outform DER -out $name.pkcs8.der
    quietly openssl pkcs8 -topk8 -v2 aes-256-cbc -passout $password -in $name.key \
        -out $name.pkcs8.enc.pem
    # shellcheck disable=SC2086 # the option may be none
    quietly openssl $tool $option -in $name.key -out $name.$traditional.pem
    # shellcheck disable=SC2086
    quietly openssl $tool $option -in $name.key -outform DER -out $name.$traditional.der
    # shellcheck disable=SC2086
    quietly openssl $tool $option -in $name.key -aes256 -passout $password \
        -out $name.$traditional.enc.pem
done
quietly openssl pkcs8 -topk8 -v2 aes-256-cbc -passout $password -in good.key -outform DER \
    -out good.pkcs8.enc.der

# Trust.
{
    echo 'The first of two authorities'
    cat root.pem
    echo
    echo '# and the second'
    cat other-root.pem
} >two-roots.pem
mkdir hashed hashed-other
cp root.pem other-root.pem hashed/
cp other-root.pem hashed-other/
quietly openssl rehash hashed
quietly openssl rehash hashed-other
{
    cat root.pem
    echo '-----BEGIN CERTIFICATE-----'
    echo 'VGhpcyBpcyBub3QgYSBjZXJ0aWZpY2F0ZSwgb25seSBhIHNlbnRlbmNlLg=='
    echo '-----END CERTIFICATE-----'
    cat other-root.pem
} >bundle-bad-block.pem
{
    cat root.pem
    echo '-----BEGIN CERTIFICATE-----'
    echo 'This is *not* Base64!'
    echo '-----END CERTIFICATE-----'
} >bundle-bad-base64.pem
{
    cat root.pem
    sed '$d' other-root.pem
} >bundle-cut.pem
: >empty.pem
echo 'A text about certificates, and none in it.' >text.pem
printf 'neither DER nor PEM\000\377' >garbage.der

rm -rf ca
echo "$version" >complete
finish
