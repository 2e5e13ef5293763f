/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSEC_PATH_SIZES_H
#define IPSEC_PATH_SIZES_H

#include "model/ike/extensions/path-sizes.h"

#include "ns3/nstime.h"
#include "ns3/object.h"
#include "ns3/packet.h"
#include "ns3/tag.h"

#include <cstdint>
#include <unordered_map>

namespace ns3
{

class IpsecGateway;

/// \ingroup ipsec
/// How a packet came that was put together from fragments.
class JoinedTag : public Tag
{
  public:
    static TypeId GetTypeId();
    explicit JoinedTag(uint32_t firstFragment = 0, uint32_t fragments = 0);

    /// Octets of IP that the first fragment had, header included.
    uint32_t GetFirstFragment() const;
    /// How many there were.
    uint32_t GetFragments() const;

    TypeId GetInstanceTypeId() const override;
    uint32_t GetSerializedSize() const override;
    void Serialize(TagBuffer out) const override;
    void Deserialize(TagBuffer in) override;
    void Print(std::ostream& out) const override;

  private:
    uint32_t m_firstFragment;
    uint32_t m_fragments;
};

/**
 * \ingroup ipsec
 * The part of a gateway in the LMAP and PTB notifications (draft-liu-ipsecme-ikev2-mtu-dect-09),
 * for peers whose PeerConfig has PathSizeNotifications.
 *
 * At the egress, LMAP for a packet in fragments that was put together and then was authentic; LMAP
 * and PTB for one that is longer than EmtuR when put together, PTB for one that came whole and is
 * longer than LinkMtu, neither of which is opened. At the ingress, what was told becomes the path
 * MTU of the SA, with the floor, the lifetime and the policy of IpsecPathMtu.
 *
 * Of fragments that never become whole nothing is told, for nothing about them is authentic, unless
 * TellUnfinished is set: then LMAP and PTB are sent when they are given up.
 */
class IpsecPathSizes : public Object
{
  public:
    static TypeId GetTypeId();

    struct Counters
    {
        uint64_t told{0};        ///< requests to the peer
        uint64_t limited{0};     ///< not sent: Threshold or Interval
        uint64_t held{0};        ///< not sent: the last was not answered, or the peer does not know
        uint64_t tooBig{0};      ///< packets that were dropped for their size
        uint64_t heard{0};       ///< requests of the peer
        uint64_t meaningless{0}; ///< of these: malformed, of no SA, or of another IP version
    };

    void SetGateway(IpsecGateway* gateway);

    /// A packet from outside that is for this node: whether it is too long to be opened. It is
    /// counted, and its SA's peer is told.
    /// \param firstFragment its length, octets; 0: the packet came whole
    bool Refuse(Ptr<const Packet> packet, uint32_t firstFragment);
    /// A packet was opened.
    void NoteOpened(Ptr<const Packet> packet, uint32_t spi);
    /// A packet will never be whole.
    /// \param first its first fragment, as a packet \param octets that this fragment had
    void NoteUnfinished(ipseclab::ByteSpan first, uint32_t octets);
    /// A Child SA is gone.
    void Forget(uint32_t spi);

    /// The peer has told.
    void Learn(const ipseclab::ike::PathSizesTold& told);

    const Counters& GetCounters() const;

  protected:
    void DoDispose() override;

  private:
    /// What the peer was told of an SA.
    struct Telling
    {
        uint32_t fragmented{0}; ///< packets
        bool told{false};
        Time last;
    };

    ipseclab::ike::EgressLimits Limits() const;
    void Tell(uint32_t spi, const ipseclab::ike::PathSizes& sizes);
    void SendTelling(uint32_t spi, const ipseclab::ike::PathSizes& sizes);
    /// Octets of a sealed packet that what was told allows; 0: it allows nothing to be said.
    size_t PathMtuOf(const ipseclab::ike::PathSizes& sizes) const;

    IpsecGateway* m_gateway{nullptr};
    Time m_interval;
    uint32_t m_threshold;
    bool m_tellIpv6;
    bool m_tellUnfinished;
    uint32_t m_linkMtu;
    uint32_t m_emtuR;
    bool m_draftOverhead;
    bool m_draftCondition;
    std::unordered_map<uint32_t, Telling> m_tellings; ///< by inbound SPI
    Counters m_counters;
};

} // namespace ns3

#endif // IPSEC_PATH_SIZES_H
