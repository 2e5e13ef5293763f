/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "class-draw.h"

namespace ipseclab
{

ClassDraw::ClassDraw(std::uint64_t classes, double topShare, std::int64_t stream)
    : m_classes(classes),
      m_topShare(topShare),
      m_draw(ns3::CreateObject<ns3::UniformRandomVariable>())
{
    m_draw->SetStream(stream);
}

std::uint64_t
ClassDraw::Draw()
{
    const double u = m_draw->GetValue(0, 1);
    if (u < m_topShare || m_classes == 1)
    {
        return m_classes - 1;
    }
    const auto lower = static_cast<double>(m_classes - 1);
    return static_cast<std::uint64_t>((u - m_topShare) / (1 - m_topShare) * lower);
}

} // namespace ipseclab
