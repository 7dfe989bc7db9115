// SPDX-License-Identifier: BSL-1.0
// What ThreadSanitizer is not to look at: the engine's shared libraries are not built for it, and
// it can't see the atomics with which they order what they do.

extern "C" const char* __tsan_default_suppressions();

extern "C" const char* __tsan_default_suppressions() {
    return "called_from_lib:libcrypto.so\n"
           "called_from_lib:libssl.so\n";
}
