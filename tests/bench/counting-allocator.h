/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_TESTS_BENCH_COUNTING_ALLOCATOR_H
#define IPSECLAB_TESTS_BENCH_COUNTING_ALLOCATOR_H

#include <cstddef>

/**
 * \file
 * Counts what a program has on the heap: linking the source replaces operator new and delete.
 */

namespace ipseclab::bench
{

/// Has OpenSSL's allocations counted, too. Before anything else of OpenSSL; false when too late.
bool CountOpensslMemory();

/// Octets on the heap now, as malloc has rounded them; its own bookkeeping is not in it.
std::ptrdiff_t LiveOctets();

} // namespace ipseclab::bench

#endif // IPSECLAB_TESTS_BENCH_COUNTING_ALLOCATOR_H
