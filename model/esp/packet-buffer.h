/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_PACKET_BUFFER_H
#define IPSECLAB_ESP_PACKET_BUFFER_H

#include "model/wire/bytes.h"

namespace ipseclab::esp
{

/**
 * Room for one IP packet and for what tunnel mode puts around it, reused from packet to packet: the
 * packet is copied in once, transformed in place, and copied out once.
 */
class PacketBuffer
{
  public:
    /// Outer IPv6 header, UDP, SPI, sequence number, 16 octets of IV, and to spare.
    static constexpr std::size_t kHeadroom = 128;
    /// 255 octets of padding, trailer, 32 octets of ICV, and to spare.
    static constexpr std::size_t kTailroom = 320;
    static constexpr std::size_t kMaximumPacket = 65535;

    PacketBuffer()
        : m_storage(kHeadroom + kMaximumPacket + kTailroom)
    {
    }

    /// Makes room for a packet of `length` octets (at most kMaximumPacket) and says where it goes.
    std::uint8_t* Reset(std::size_t length)
    {
        m_begin = kHeadroom;
        m_end = kHeadroom + length;
        return Data();
    }

    std::uint8_t* Data()
    {
        return m_storage.data() + m_begin;
    }

    const std::uint8_t* Data() const
    {
        return m_storage.data() + m_begin;
    }

    std::size_t Size() const
    {
        return m_end - m_begin;
    }

    ByteSpan Span() const
    {
        return {Data(), Size()};
    }

    /// Grows (or, negative, shrinks) the packet at its front or back; the caller keeps to the room.
    void MoveFront(std::ptrdiff_t octets)
    {
        m_begin -= static_cast<std::size_t>(octets);
    }

    void MoveBack(std::ptrdiff_t octets)
    {
        m_end += static_cast<std::size_t>(octets);
    }

  private:
    Bytes m_storage;
    std::size_t m_begin{kHeadroom};
    std::size_t m_end{kHeadroom};
};

} // namespace ipseclab::esp

#endif // IPSECLAB_ESP_PACKET_BUFFER_H
