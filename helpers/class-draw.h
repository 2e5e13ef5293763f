/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_CLASS_DRAW_H
#define IPSECLAB_CLASS_DRAW_H

#include "ns3/random-variable-stream.h"

#include <cstdint>

namespace ipseclab
{

/// Draws the class of each packet of a stream, independently: 0 is the lowest one.
class ClassDraw
{
  public:
    /**
     * \param classes 1 or more
     * \param topShare probability (0 to 1) of the highest class; the others share the rest equally
     * \param stream of the draws
     */
    ClassDraw(std::uint64_t classes, double topShare, std::int64_t stream);

    std::uint64_t Draw();

  private:
    std::uint64_t m_classes;
    double m_topShare;
    ns3::Ptr<ns3::UniformRandomVariable> m_draw;
};

} // namespace ipseclab

#endif // IPSECLAB_CLASS_DRAW_H
