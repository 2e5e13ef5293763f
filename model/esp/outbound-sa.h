/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_OUTBOUND_SA_H
#define IPSECLAB_ESP_OUTBOUND_SA_H

#include "model/esp/drop-reason.h"
#include "model/esp/eesp-format.h"
#include "model/esp/esp-sa-config.h"
#include "model/esp/packet-buffer.h"
#include "model/esp/sequence-counters.h"
#include "model/wire/dscp-set.h"
#include "model/wire/ip-packet.h"
#include "model/wire/traffic-selector.h"

#include <memory>
#include <optional>

namespace ipseclab::esp
{

/// What a sender puts a packet into a subspace by.
enum class SubspaceRule : std::uint8_t
{
    First,       ///< all packets into subspace 0
    ClassNumber, ///< the class selector, the upper three bits of the inner DSCP, modulo subspaces
    Flow,        ///< a hash of addresses, protocol and ports, modulo subspaces
    RoundRobin,  ///< each packet into the next one
    Resource,    ///< the CPU or queue that works on the packet, modulo subspaces
};

/// What an outer IPv4 header's DF bit is (RFC 4301, section 8.1). For an inner IPv6 packet a copy
/// is a set bit.
enum class DfPolicy : std::uint8_t
{
    Copy,
    Set,
    Clear,
};

struct OutboundSaConfig : EspSaConfig
{
    /// False: the receiver does not check, so a 32-bit number may wrap (RFC 4303, section 3.3.3).
    bool antiReplay{true};
    std::uint64_t lastNumber{0};                          ///< the last number that counts as sent
    SubspaceRule subspaceRule{SubspaceRule::ClassNumber}; ///< without effect without subspaces
    /// Of several senders that share this SA, with its key, and number together; null: its own.
    std::shared_ptr<SequenceCounters> sharedCounters;
    std::uint32_t spiInbound{0};        ///< of the other half of the pair, by which a pair is named
    TrafficSelectorList localSelectors; ///< of the inner source; empty: any
    TrafficSelectorList remoteSelectors; ///< of the inner destination; empty: any
    /// Inner DSCPs that this SA is for (RFC 4301, section 4.4.2.1); empty: all.
    DscpSet dscps;
    /// Packets with another DSCP must not take it, where otherwise they only prefer other SAs.
    bool dscpsBind{false};
    /// Only packets that this CPU or queue works on take it (RFC 9611); nothing: all may.
    std::optional<std::uint32_t> resource;
    /// Both sides have agreed that later fragments go where their first went, although selectors
    /// name ports (RFC 4301, section 7.3).
    bool laterFragments{false};
    bool aggfragFragments{true}; ///< of AGGFRAG: the peer takes fragments of packets
    DfPolicy df{DfPolicy::Copy};
    std::uint8_t ttl{64}; ///< or hop limit, of the outer header
    /// Tunnel mode: shorter inner packets are followed by TFC padding up to this length, as far as
    /// the MTU allows (RFC 4303, section 2.7). Octets; 0: none.
    std::size_t tfcLength{0};
};

/// The sending half: numbers packets and seals them.
class OutboundSa
{
  public:
    /// Null when the suite is unsupported, a key has a wrong length, the outer addresses are not
    /// of one version, or the subspaces do not fit into the bits for them.
    static std::unique_ptr<OutboundSa> Create(const OutboundSaConfig& config);

    const OutboundSaConfig& Config() const
    {
        return m_config;
    }

    /// From now on packets go between these addresses; false, and nothing changes, when they are
    /// not of one family, or when the SA is of EESP, which is not modelled in UDP.
    bool SetOuter(const IpAddress& source,
                  const IpAddress& destination,
                  const std::optional<wire::UdpPorts>& udp);

    /// Whether this SA may carry the packet: transport mode takes whole packets between its own two
    /// addresses (Fragment, SelectorMismatch), tunnel mode anything.
    DropReason Check(const wire::IpView& packet) const;

    /// Octets of the sealed packet; of AGGFRAG, of one with nothing else in it.
    /// \param length of the packet, TFC padding included
    /// \param headerLength octets that stay before ESP: IpView::espOffset; without meaning in
    ///        tunnel mode
    std::size_t SealedLength(std::size_t length,
                             std::size_t headerLength = wire::kIpv4HeaderSize) const;
    /// The longest packet whose sealed form has at most `limit` octets; 0 when there is none. Of
    /// AGGFRAG, octets of data blocks.
    std::size_t LargestInner(std::size_t limit,
                             std::size_t headerLength = wire::kIpv4HeaderSize) const;
    /// Likewise the longest payload of a dummy packet.
    std::size_t LargestDummy(std::size_t limit) const;

    /**
     * The number of the next packet, or nothing when the space is used up. Numbering is a step of
     * its own so that a pipeline may put queues or engines between it and Seal.
     *
     * Where a 32-bit number may wrap, the count goes on in 64 bits: the wire has the low half,
     * which wraps to 0, and the IV is made from the whole, so that it never repeats for a key. With
     * an implicit IV, which the receiver makes from what is on the wire, no number ever wraps (RFC
     * 8750, section 7).
     */
    std::optional<std::uint64_t> NextNumber(std::uint16_t subspace = 0);

    /// The subspace that a packet belongs into by SubspaceRule.
    /// \param resource CPU or queue that works on it
    std::uint16_t ChooseSubspace(const wire::IpView& packet, std::uint32_t resource = 0);
    /// What ChooseSubspace will say, if no other packet comes before.
    std::uint16_t PeekSubspace(const wire::IpView& packet, std::uint32_t resource) const;

    /**
     * The IP packet in `buffer` becomes an ESP packet. The caller has parsed it and made sure of
     * Check, and that SealedLength is at most PacketBuffer::kMaximumPacket; its TTL is not touched.
     *
     * Outer header (RFC 4301, section 5.1.2): TOS by TosPolicy; IPv4 identification is 0 with DF,
     * where nobody needs it (RFC 6864, section 4.1), else a counter of the SA; the IPv6 flow label
     * is 0. Padding is the least possible.
     * \param tfcLength tunnel mode: TFC padding, of zeros, makes the packet this long
     */
    void Seal(PacketBuffer& buffer, std::uint64_t number, std::size_t tfcLength = 0);

    /**
     * `buffer` becomes a dummy packet, which the receiver discards (RFC 4303, section 2.6), with an
     * outer header also in transport mode.
     * \param length of the payload, which is zeros; Seal's limit holds
     */
    void SealDummy(PacketBuffer& buffer, std::uint64_t number, std::size_t length);

    /// `buffer`, an AGGFRAG payload, becomes an ESP packet; Seal's limit holds. A DfPolicy that
    /// copies sets DF, for this packet's size was chosen to fit. ECN is not mapped.
    /// \param dscp of the outer header where that is copied
    void SealAggfrag(PacketBuffer& buffer, std::uint64_t number, std::uint8_t dscp);

    /// The number with which it is time for another SA, long before the last one: 2^28 numbers, if
    /// there are so many. Nothing where numbers do not run out.
    std::optional<std::uint64_t> RekeyNumber() const
    {
        return m_rekeyNumber;
    }

    /// The highest counter given, in any subspace.
    std::uint64_t LastNumber() const
    {
        return m_counters->Highest();
    }

    /// Of the key for packets with such a number.
    VolumeMeter& MeterOf(std::uint64_t number)
    {
        return m_meters.Of(m_config.IsEesp() ? m_scheme.Split(number).subspace : 0);
    }

    /// Keys that are kept, and how often one was derived for a Sub SA other than 0.
    KeyCounts Keys() const
    {
        return CountKeys(m_subSas);
    }

  private:
    OutboundSa(const OutboundSaConfig& config, std::unique_ptr<crypto::PayloadCipher> cipher);

    /// Octets before the text: header and IV.
    std::size_t FrontLength() const;
    /// Octets of the text around a payload: padding and trailer, or what EESP has before it.
    std::size_t AroundPayload(std::size_t payload) const;
    void SealEesp(PacketBuffer& buffer, std::uint64_t number, std::uint8_t nextHeader);
    std::size_t OuterHeaderLength() const;
    std::size_t UdpLength() const;
    std::uint8_t OuterProtocol() const;
    /// The longest payload of ESP behind a header, so that all has at most `limit` octets.
    std::size_t LargestText(std::size_t limit, std::size_t headerLength) const;
    void SealTransport(PacketBuffer& buffer, std::uint64_t number);
    void SealText(PacketBuffer& buffer, std::uint64_t number, std::uint8_t nextHeader);
    void AddUdpHeader(PacketBuffer& buffer) const;
    void WriteOuterHeader(PacketBuffer& buffer, std::uint8_t tos, bool innerDf);

    OutboundSaConfig m_config;
    std::unique_ptr<crypto::PayloadCipher> m_cipher;
    std::optional<SubSaCiphers> m_subSas; ///< of EESP; then m_cipher is that of Sub SA 0
    SequenceScheme m_scheme;
    std::shared_ptr<SequenceCounters> m_counters;
    std::optional<std::uint64_t> m_rekeyNumber;
    KeyMeters m_meters;
    std::uint16_t m_identification{0};
    std::uint16_t m_nextSubspace{0};
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_OUTBOUND_SA_H
