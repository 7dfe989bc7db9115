// SPDX-License-Identifier: BSL-1.0
#pragma once

// The parts of the demo; each prints its checks.

#include <string>

#include "stage.hpp"

namespace demo {

// "OpenSSL 3.0.22 and on Mbed TLS 3.6.7": the libraries that this program runs with.
std::string engine_versions();

// Pages of nginx, fetched by our clients on each engine.
void fetch_from_nginx(const stage& where, const nginx& peer);
// Pages of https_server on each engine, fetched by curl.
void fetch_with_curl(const stage& where);
// Every engine with every engine.
void run_pairs(const stage& where);
// What goes wrong, and what each engine says of it.
void run_gallery(const stage& where, const nginx& peer);

} // namespace demo
