/*
 * SPDX-License-Identifier: GPL-2.0-only
 */

/**
 * \file
 * Runs the ns-3 test suites that are linked into this program. Inside an ns-3 tree ns-3's own
 * test-runner does it.
 */

#include "ns3/test.h"

int
main(int argc, char* argv[])
{
    return ns3::TestRunner::Run(argc, argv);
}
