/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_INBOUND_SA_H
#define IPSECLAB_ESP_INBOUND_SA_H

#include "model/esp/anti-replay.h"
#include "model/esp/drop-reason.h"
#include "model/esp/eesp-format.h"
#include "model/esp/esp-sa-config.h"
#include "model/esp/fragment-tracker.h"
#include "model/esp/packet-buffer.h"
#include "model/esp/sequence-receiver.h"
#include "model/wire/dscp-set.h"
#include "model/wire/ip-packet.h"
#include "model/wire/traffic-selector.h"

#include <memory>
#include <optional>

namespace ipseclab::esp
{

struct InboundSaConfig : EspSaConfig
{
    AntiReplayConfig antiReplay; ///< its extendedSequenceNumbers follows the SA's
    SubspaceIndex subspaceIndex{SubspaceIndex::Array};
    bool checkPadding{true};             ///< RFC 4303, section 2.4: the pattern 1, 2, 3, ...
    TrafficSelectorList remoteSelectors; ///< of the inner source; empty: any
    TrafficSelectorList localSelectors;  ///< of the inner destination; empty: any
    /// Inner DSCPs that may come; empty: all, as RFC 4301, section 4.1 has it.
    DscpSet dscps;
    /// Where selectors name ports: of first fragments, for their later ones (RFC 4301,
    /// section 7.3). Several SAs may share it. Null: not agreed, and later fragments are dropped.
    std::shared_ptr<FragmentTracker> laterFragments;
    /// Of an IPv4 fragment on an SA for OPAQUE ports, octets behind the IP header of the whole; so
    /// that ports and flags cannot be overlapped (RFC 4301, section 7.2).
    std::size_t leastFragmentOffset{40};
};

/// What Open says of one packet.
struct OpenResult
{
    DropReason drop{DropReason::None};
    /// As guessed by the receiver, also when the packet is dropped; SequenceScheme::Split takes it
    /// apart.
    std::uint64_t number{0};
};

/// The receiving half: replay check, ICV, window, padding, selectors, ECN.
class InboundSa
{
  public:
    /// Null when the suite is unsupported, a key has a wrong length, or the subspaces do not fit
    /// into the bits for them.
    static std::unique_ptr<InboundSa> Create(const InboundSaConfig& config);

    const InboundSaConfig& Config() const
    {
        return m_config;
    }

    /// From where and to where packets come from now on; they are accepted from anywhere.
    void SetOuter(const IpAddress& source,
                  const IpAddress& destination,
                  const std::optional<wire::UdpPorts>& udp);

    /**
     * The ESP packet in `buffer` becomes the clear one. On a drop the buffer is worthless.
     * The order: lengths, replay check, ICV, window, padding, next header, inner header, selectors,
     * ECN (RFC 4303, section 3.4; RFC 4301, section 5.2; RFC 6040, section 4.2). In tunnel mode,
     * what follows the inner packet before the padding is TFC padding and goes. Of an SA for
     * AGGFRAG, its payload is what is left, and Admit is asked of the packets in it.
     *
     * \param outerHeaderLength octets before the ESP header: 20 and more; 28 with UDP
     */
    OpenResult Open(PacketBuffer& buffer, std::size_t outerHeaderLength);

    /// What is on the wire of the number of a packet, which may be forged; zeros when it is cut
    /// off, and as long as nothing authentic has come in its subspace: whoever keeps something for
    /// each subspace keeps no more than there are windows. \param packet from the SPI on
    SequenceNumber PeekNumber(ByteSpan packet) const;

    /// Whether an inner packet is what the SA is for (RFC 4301, section 5.2).
    /// Of an SA with laterFragments, a first fragment is remembered when it is.
    DropReason Admit(const wire::IpView& inner) const;

    /// The window, or that of subspace 0.
    const AntiReplay& Replay() const
    {
        return m_replay.First();
    }

    /// All windows.
    const SequenceReceiver& Sequence() const
    {
        return m_replay;
    }

    /// Of the key for packets with such a number.
    VolumeMeter& MeterOf(std::uint64_t number)
    {
        return m_meters.Of(m_config.IsEesp() ? m_replay.Scheme().Split(number).subspace : 0);
    }

    KeyCounts Keys() const
    {
        return CountKeys(m_subSas);
    }

  private:
    DropReason AdmitLaterFragment(const wire::IpView& inner, PacketSelectors& packet) const;
    OpenResult OpenEesp(PacketBuffer& buffer, std::size_t outerHeaderLength);
    DropReason UnwrapEesp(PacketBuffer& buffer, std::size_t front, std::size_t length) const;
    DropReason Unwrap(PacketBuffer& buffer, std::size_t front, std::size_t length) const;
    DropReason UnwrapTunnel(PacketBuffer& buffer,
                            std::size_t front,
                            std::size_t length,
                            std::uint8_t nextHeader) const;
    DropReason UnwrapTransport(PacketBuffer& buffer,
                               std::size_t front,
                               std::size_t length,
                               std::uint8_t nextHeader) const;

    InboundSa(const InboundSaConfig& config, std::unique_ptr<crypto::PayloadCipher> cipher);

    InboundSaConfig m_config;
    std::unique_ptr<crypto::PayloadCipher> m_cipher;
    std::optional<SubSaCiphers> m_subSas; ///< of EESP; then m_cipher is that of Sub SA 0
    SequenceReceiver m_replay;
    KeyMeters m_meters;
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_INBOUND_SA_H
