/*
 * SPDX-License-Identifier: BSD-3-Clause
 */

/**
 * \file
 * count-sas SAS PACKETS WINDOW: sends packets over SAs, each as often as the others, for a tool
 * that counts instructions or lines of memory (tests/python/test_memory_model.py).
 */

#include "tests/bench/sites.h"

#include <cstdlib>

int
main(int argc, char** argv)
{
    if (argc != 4)
    {
        return 2;
    }
    const auto number = [&](int index) { return std::strtoul(argv[index], nullptr, 10); };
    ipseclab::bench::Sites sites(static_cast<std::uint32_t>(number(1)),
                                 static_cast<std::uint32_t>(number(3)));
    for (auto packets = number(2); packets > 0; --packets)
    {
        if (!sites.Send())
        {
            return 1;
        }
    }
    return 0;
}
