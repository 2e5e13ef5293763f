/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "tests/bench/counting-allocator.h"

#include <cstdlib>
#include <malloc.h>
#include <new>
#include <openssl/crypto.h>

namespace
{

// One simulation is one thread.
std::ptrdiff_t g_live = 0;

void*
Allocate(std::size_t size)
{
    void* const memory = std::malloc(size);
    g_live += static_cast<std::ptrdiff_t>(malloc_usable_size(memory));
    return memory;
}

void
Free(void* memory)
{
    g_live -= static_cast<std::ptrdiff_t>(malloc_usable_size(memory));
    std::free(memory);
}

void*
OpensslAllocate(std::size_t size, const char*, int)
{
    return size == 0 ? nullptr : Allocate(size);
}

void*
OpensslReallocate(void* old, std::size_t size, const char*, int)
{
    g_live -= static_cast<std::ptrdiff_t>(malloc_usable_size(old));
    void* const memory = std::realloc(old, size);
    g_live += static_cast<std::ptrdiff_t>(malloc_usable_size(memory));
    return memory;
}

void
OpensslFree(void* memory, const char*, int)
{
    Free(memory);
}

} // namespace

void*
operator new(std::size_t size)
{
    void* const memory = Allocate(size);
    if (!memory)
    {
        throw std::bad_alloc();
    }
    return memory;
}

void
operator delete(void* memory) noexcept
{
    Free(memory);
}

void
operator delete(void* memory, std::size_t) noexcept
{
    Free(memory);
}

namespace ipseclab::bench
{

bool
CountOpensslMemory()
{
    return CRYPTO_set_mem_functions(OpensslAllocate, OpensslReallocate, OpensslFree) == 1;
}

std::ptrdiff_t
LiveOctets()
{
    return g_live;
}

} // namespace ipseclab::bench
