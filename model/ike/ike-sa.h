/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_IKE_SA_H
#define IPSECLAB_IKE_IKE_SA_H

#include "model/ike/child-spi-table.h"
#include "model/ike/ike-endpoint.h"
#include "model/ike/ike-sa-init.h"
#include "model/ike/retransmitter.h"

namespace ipseclab::ike
{

/**
 * One IKE SA with its Child SAs, from IKE_SA_INIT to its end; a machine in the style of
 * IkeEndpoint, which owns it and finds it by its local SPI.
 *
 * ike-sa.cc holds what all exchanges share: message IDs, the window of one in each direction,
 * protection, retransmission and timers. Each exchange is a few functions on top: what a request of
 * ours holds (Request), what its response means (Finish), and what a request of the peer is
 * answered with (Answer...). They stand in ike-sa-auth.cc and ike-sa-informational.cc.
 *
 * An initiator takes part in IKE_AUTH with every plausible IKE_SA_INIT response, up to a limit,
 * until one of them proves to be genuine (RFC 7296, section 2.4); so a forged or damaged response
 * that arrives first does not keep the SA from coming up.
 */
class IkeSa
{
  public:
    /// What the SAs of one endpoint share.
    struct Environment
    {
        crypto::RandomSource& random;
        IkeCounters& counters;
        ChildSpiTable& childSpis;
    };

    enum class Phase
    {
        InitSent,    ///< initiator: waits for IKE_SA_INIT
        AuthSent,    ///< initiator: waits for IKE_AUTH
        HalfOpen,    ///< responder: waits for IKE_AUTH
        Established, ///< AUTH was verified
        Closing,     ///< our Delete is queued or in flight
        Closed       ///< nothing is left but the last answer
    };

    /// The last request of the peer and our response to it, for repetitions.
    struct CachedAnswer
    {
        Bytes request;                ///< fragment 1 where it came in fragments
        std::vector<Bytes> responses; ///< one, or all its fragments
    };

    /// Sends the first IKE_SA_INIT request. Draws nonce and private value.
    static std::unique_ptr<IkeSa> Initiate(Instant now,
                                           const Environment& environment,
                                           const PeerConfig& peer,
                                           std::uint64_t spiI);
    /// Sends the IKE_SA_INIT response and waits for IKE_AUTH.
    static std::unique_ptr<IkeSa> Respond(Instant now,
                                          const Environment& environment,
                                          const PeerConfig& peer,
                                          const Path& path,
                                          InitResult init);
    ~IkeSa();

    IkeSa(const IkeSa&) = delete;
    IkeSa& operator=(const IkeSa&) = delete;

    /// \name Commands; false when the SA is not established
    bool Close(Instant now);
    bool CloseChild(Instant now, std::uint32_t spiInbound);
    bool CheckLiveness(Instant now);

    /// \name Input
    void HandleDatagram(Instant now,
                        const Path& path,
                        const wire::IkeHeader& header,
                        ByteSpan octets);
    void HandleTimeout(Instant now);

    /// \name Output
    std::optional<Datagram> PollTransmit();
    std::optional<Instant> PollTimeout() const;
    std::optional<IkeEvent> PollEvent();

    /// \name State
    Phase CurrentPhase() const;
    bool IsInitiator() const;
    /// The responder SPI is zero until the peer has proved that it is the responder.
    const IkeSaId& Id() const;
    std::uint64_t LocalSpi() const;
    const PeerConfig& Peer() const;
    /// Of a closed SA, so that a peer that missed the last answer can still have it.
    CachedAnswer TakeLastAnswer();

  private:
    /// \name Requests of ours; RFC 7296, section 1.4
    /// @{
    struct LivenessTask
    {
        static constexpr auto kExchange = wire::ExchangeType::Informational;
    };

    struct CloseChildTask
    {
        static constexpr auto kExchange = wire::ExchangeType::Informational;
        std::uint32_t spiInbound;
    };

    struct CloseIkeTask
    {
        static constexpr auto kExchange = wire::ExchangeType::Informational;
        IkeFailure reason{IkeFailure::None};
        std::optional<wire::NotifyType> error; ///< sent in place of a Delete payload
    };

    using Task = std::variant<LivenessTask, CloseChildTask, CloseIkeTask>;
    /// @}

    struct InFlight
    {
        Task task;
        wire::ExchangeType exchange;
        std::uint32_t messageId;
    };

    /// An IKE_SA_INIT response that may be the genuine one, and the IKE_AUTH request for it.
    struct Candidate
    {
        InitResult init;
        std::vector<Bytes> authRequest; ///< one, or all its fragments
    };

    struct ChildSa
    {
        std::uint32_t spiInbound;
        std::uint32_t spiOutbound;
        bool closing{false};
    };

    /// A response to a request of the peer; `close`: the SA ends with it.
    struct Answer
    {
        wire::PayloadList payloads;
        std::optional<IkeFailure> close;
    };

    IkeSa(const Environment& environment,
          const PeerConfig& peer,
          const Path& path,
          bool initiator,
          const IkeSaId& id);

    /// \name Shared by all exchanges (ike-sa.cc)
    /// @{
    void HandleRequest(Instant now,
                       const Path& path,
                       const wire::IkeHeader& header,
                       ByteSpan octets);
    void HandleResponse(Instant now, const wire::IkeHeader& header, ByteSpan octets);
    bool IsInPlace(wire::ExchangeType exchange) const;
    Answer AnswerRequest(Instant now,
                         wire::ExchangeType exchange,
                         const wire::PayloadList& request);
    void Reply(const Path& path, wire::ExchangeType exchange, ByteSpan request, Answer answer);
    static Answer Fatal(wire::NotifyType error, Bytes data = {});
    void Enqueue(Instant now, Task task);
    void SendNextRequest(Instant now);
    void Resend();
    void GiveUp();
    void Transmit(const Path& path, Bytes octets);
    void TransmitAll(const Path& path, const std::vector<Bytes>& messages);
    bool RepeatsLastRequest(const wire::IkeHeader& header, ByteSpan octets);
    void Finished(IkeFailure reason);
    std::optional<Instant> LivenessDue() const;
    void CountOpenError(OpenError error);
    /// @}

    /// \name IKE_SA_INIT and IKE_AUTH (ike-sa-auth.cc)
    /// @{
    void HandleInitResponse(Instant now, ByteSpan octets);
    void AddCandidate(Instant now, InitResult init);
    bool IsKnownCandidate(ByteSpan octets) const;
    void HandleAuthResponse(Instant now, const wire::IkeHeader& header, ByteSpan octets);
    std::optional<IkeFailure> CheckAuthResponse(Instant now,
                                                const Candidate& candidate,
                                                const wire::PayloadList& response) const;
    void FailHandshake(Instant now, IkeFailure reason, bool peerIsUp);
    void Adopt(std::size_t candidate);
    void Establish(Instant now);
    Answer AnswerAuth(Instant now, const wire::PayloadList& request);
    void AnswerFirstChild(const wire::SaPayload& sa,
                          const wire::TsPayload& tsI,
                          const wire::TsPayload& tsR,
                          wire::PayloadList& answer);
    void FinishFirstChild(Instant now, const wire::PayloadList& response);
    std::optional<Choice<ChildSuite>> CheckChildAnswer(const wire::SaPayload& answer) const;
    void RefuseChild(wire::NotifyType reason);
    void InstallChild(const ChildSuite& suite,
                      std::uint32_t spiInbound,
                      std::uint32_t spiOutbound,
                      TrafficSelectorList local,
                      TrafficSelectorList remote);
    /// @}

    /// \name INFORMATIONAL (ike-sa-informational.cc)
    /// @{
    wire::PayloadList Request(const LivenessTask& task) const;
    wire::PayloadList Request(const CloseChildTask& task) const;
    wire::PayloadList Request(const CloseIkeTask& task) const;
    void Finish(const LivenessTask& task);
    void Finish(const CloseChildTask& task);
    void Finish(const CloseIkeTask& task);
    Answer AnswerInformational(const wire::PayloadList& request);
    wire::PayloadList AnswerDelete(const wire::DeletePayload& request);
    void RemoveChild(std::uint32_t spiInbound);
    /// @}

    Environment m_environment;
    const PeerConfig& m_peer;
    Path m_path;
    bool m_initiator;
    IkeSaId m_id;
    Phase m_phase;

    std::unique_ptr<InitInitiator> m_init;
    std::vector<Candidate> m_candidates;
    std::optional<std::uint32_t> m_firstChildSpi; ///< offered in IKE_AUTH, not yet installed

    std::optional<SecureChannel> m_channel;
    PeerAbilities m_abilities;
    InitTranscript m_transcript; ///< until IKE_AUTH is over
    std::vector<ChildSa> m_children;

    std::uint32_t m_nextRequestId{0};
    std::uint32_t m_expectedRequestId{0};
    std::deque<Task> m_tasks;
    std::optional<InFlight> m_inFlight;
    Retransmitter m_retransmitter;
    CachedAnswer m_lastAnswer;

    std::optional<Instant> m_halfOpenDeadline;
    Instant m_lastHeard{0};

    std::deque<Datagram> m_transmits;
    std::deque<IkeEvent> m_events;
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_IKE_SA_H
