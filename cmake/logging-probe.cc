/*
 * SPDX-License-Identifier: GPL-2.0-only
 */

/**
 * \file
 * Ends with 0 when the installed ns-3 was built with logging. The list of log components exists in
 * every build; only what a component prints tells.
 */

#include "ns3/log.h"
#include "ns3/node.h"

#include <iostream>
#include <sstream>

int
main()
{
    std::ostringstream captured;
    auto* const original = std::clog.rdbuf(captured.rdbuf());
    ns3::LogComponentEnable("Node", ns3::LOG_LEVEL_ALL);
    ns3::CreateObject<ns3::Node>();
    std::clog.rdbuf(original);
    return captured.str().empty() ? 1 : 0;
}
