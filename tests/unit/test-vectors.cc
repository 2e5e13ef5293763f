/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "tests/unit/test-vectors.h"

namespace ipseclab::test
{

std::filesystem::path
VectorPath(const std::string& relative)
{
    return std::filesystem::path(IPSECLAB_TEST_VECTORS) / relative;
}

} // namespace ipseclab::test
