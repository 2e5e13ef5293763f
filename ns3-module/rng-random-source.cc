/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "rng-random-source.h"

#include <algorithm>
#include <limits>

namespace ns3
{

RngRandomSource::RngRandomSource()
    : m_uniform(CreateObject<UniformRandomVariable>())
{
}

void
RngRandomSource::Fill(ipseclab::MutableByteSpan out)
{
    if (m_replacement)
    {
        m_replacement->Fill(out);
        return;
    }
    std::uint8_t draw[4];
    for (std::size_t done = 0; done < out.size(); done += sizeof(draw))
    {
        ipseclab::StoreBe32(draw, m_uniform->GetInteger(0, std::numeric_limits<uint32_t>::max()));
        std::copy_n(draw, std::min(sizeof(draw), out.size() - done), out.data() + done);
    }
}

void
RngRandomSource::Replace(std::unique_ptr<ipseclab::crypto::RandomSource> source)
{
    m_replacement = std::move(source);
}

int64_t
RngRandomSource::AssignStreams(int64_t stream)
{
    m_uniform->SetStream(stream);
    return 1;
}

} // namespace ns3
