/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_IKE_SA_H
#define IPSECLAB_IKE_IKE_SA_H

#include "model/crypto/key-exchange.h"
#include "model/ike/child-spi-table.h"
#include "model/ike/extensions/extension.h"
#include "model/ike/ike-endpoint.h"
#include "model/ike/ike-sa-init.h"
#include "model/ike/ike-spi-table.h"
#include "model/ike/narrowing.h"
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
 * answered with (Answer...). They stand in ike-sa-auth.cc, ike-sa-child.cc, ike-sa-rekey.cc and
 * ike-sa-informational.cc, the additional key exchanges of a new IKE SA in
 * ike-sa-intermediate.cc, those of CREATE_CHILD_SA in ike-sa-followup.cc; what time brings about by
 * itself is in ike-sa-lifetime.cc.
 *
 * Rekeying makes another IkeSa, the successor, which inherits the Child SAs; both live side by side
 * until the old one is deleted. When both sides rekey at once, a side that has answered the peer's
 * request while its own is in flight has a successor that has not inherited yet; which one does is
 * settled by the nonces, or earlier by what the peer does (RFC 7296, sections 2.8.2 and 2.25.2).
 *
 * An initiator takes part in IKE_AUTH with every plausible IKE_SA_INIT response, up to a limit,
 * until one of them proves to be genuine (RFC 7296, section 2.4); so a forged or damaged response
 * that arrives first does not keep the SA from coming up.
 *
 * Extensions (extensions/extension.h) take part in every message; what they see of the SA is the
 * ExtensionHost that it is.
 */
class IkeSa : private ExtensionHost
{
  public:
    /// What the SAs of one endpoint share.
    struct Environment
    {
        crypto::RandomSource& random;
        IkeCounters& counters;
        ChildSpiTable& childSpis;
        IkeSpiTable& ikeSpis;
        std::deque<Datagram>& transmits;
        std::deque<IkeEvent>& events;
        std::vector<std::unique_ptr<IkeSa>>& successors; ///< made by rekeying, to be taken over
        std::vector<std::uint64_t>& touched;  ///< local SPIs of SAs that another SA has changed
        std::vector<std::uint64_t>& contacts; ///< of SAs whose peer says that it has no other
    };

    enum class Phase
    {
        InitSent,    ///< initiator: waits for IKE_SA_INIT
        AuthSent,    ///< initiator: waits for IKE_AUTH
        HalfOpen,    ///< responder: waits for IKE_AUTH
        Established, ///< AUTH was verified
        Rekeyed,     ///< has a successor and waits for the peer's Delete
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
    /// \param onlyOne there is no other IKE SA with the peer
    static std::unique_ptr<IkeSa> Initiate(Instant now,
                                           const Environment& environment,
                                           const PeerConfig& peer,
                                           std::uint64_t spiI,
                                           const ChildRequest& first,
                                           bool onlyOne);
    /// Sends the IKE_SA_INIT response and waits for IKE_AUTH.
    static std::unique_ptr<IkeSa> Respond(Instant now,
                                          const Environment& environment,
                                          const PeerConfig& peer,
                                          const Path& path,
                                          InitResult init);
    ~IkeSa() override;

    IkeSa(const IkeSa&) = delete;
    IkeSa& operator=(const IkeSa&) = delete;

    /// \name Commands; false when the SA is not established
    bool Close(Instant now);
    bool CloseChild(Instant now, std::uint32_t spiInbound);
    bool CheckLiveness(Instant now);
    bool Rekey(Instant now);
    bool CreateChild(Instant now, const ChildRequest& request);
    bool RekeyChild(Instant now, std::uint32_t spiInbound);
    bool ExpireChild(Instant now, std::uint32_t spiInbound);
    bool Command(Instant now, const std::any& command);

    /// \name Input
    void HandleDatagram(Instant now,
                        const Path& path,
                        const wire::IkeHeader& header,
                        ByteSpan octets);
    void HandleTimeout(Instant now);

    /// An authentic packet has come over this path: of IKE, or of ESP in UDP.
    void FollowPeer(const Path& path);

    /// The peer has sent an ESP packet with an SPI that is not there; it is told.
    bool ReportUnknownSpi(Instant now, std::uint32_t spi);
    /// Whether it was up before the other one was begun, between the same two identities.
    bool IsForgottenBy(const IkeSa& contact) const;
    /// The peer does not have it any more: its end, without a word to the peer.
    void Forget(Instant now);

    /// Goes on with what is queued, after another SA has changed this one.
    void Resume(Instant now);

    /// \name Output; the rest goes into the queues of the environment
    std::optional<Instant> PollTimeout() const;

    /// \name State
    Phase CurrentPhase() const;
    bool IsInitiator() const override;
    /// The responder SPI is zero until the peer has proved that it is the responder.
    const IkeSaId& Id() const override;
    std::uint64_t LocalSpi() const;
    const Path& CurrentPath() const override;
    const PeerConfig& Peer() const override;
    /// Of a closed SA, so that a peer that missed the last answer can still have it.
    CachedAnswer TakeLastAnswer();

  private:
    /// \name Requests of ours; RFC 7296, section 1.4
    /// @{
    /// How often and since when a request was refused for the time being.
    struct Refusals
    {
        unsigned count{0};
        Instant since{0};
    };

    struct LivenessTask
    {
        static wire::ExchangeType Exchange()
        {
            return wire::ExchangeType::Informational;
        }
    };

    struct CloseChildTask
    {
        static wire::ExchangeType Exchange()
        {
            return wire::ExchangeType::Informational;
        }

        std::uint32_t spiInbound;
        Refusals refusals{};
        bool unconfirmed{false}; ///< when the request was made; see ChildSa
    };

    struct CloseIkeTask
    {
        static wire::ExchangeType Exchange()
        {
            return wire::ExchangeType::Informational;
        }

        IkeFailure reason{IkeFailure::None};
        std::optional<wire::NotifyType> error; ///< sent in place of a Delete payload
    };

    /// What an extension has to say.
    struct InformTask
    {
        static wire::ExchangeType Exchange()
        {
            return wire::ExchangeType::Informational;
        }

        wire::PayloadList request;
    };

    /// All that a Child SA is made of; nonces and roles are those of the exchange that made it.
    struct NewChild
    {
        ChildSuite suite;
        std::uint32_t spiInbound{0};
        std::uint32_t spiOutbound{0};
        TrafficSelectorList local;
        TrafficSelectorList remote;
        bool initiator{false};
        Bytes shared{}; ///< empty without KE
        Bytes nonceI{};
        Bytes nonceR{};
        bool outboundReady{true};
        std::optional<std::uint32_t> replaces{};
        ChildProperties properties{};
        bool additionalTsPossible{false};
        Bytes additional{}; ///< secrets of IKE_FOLLOWUP_KE, one after the other
    };

    /// All that the successor of this IKE SA is made of, likewise.
    struct NewIkeSa
    {
        IkeSaId id;
        IkeSuite suite;
        bool initiator{false};
        Bytes shared{};
        Bytes nonceI{};
        Bytes nonceR{};
        Bytes additional{};
    };

    /// What CREATE_CHILD_SA has left for IKE_FOLLOWUP_KE to do (RFC 9370, section 2.2.4).
    struct FollowUp
    {
        std::vector<crypto::GroupId> due; ///< methods, the next one first
        Bytes link;                       ///< of the next request, by the side that answers
        Bytes secrets{};                  ///< agreed on so far, one after the other
    };

    /// What both kinds of CREATE_CHILD_SA requests have in common.
    struct KeyingTask
    {
        wire::ExchangeType Exchange() const
        {
            return followUp ? wire::ExchangeType::IkeFollowupKe : wire::ExchangeType::CreateChildSa;
        }

        std::vector<crypto::GroupId> demanded{}; ///< groups the peer asked for; the last counts
        Refusals refusals{};
        Bytes nonce{};                                   ///< drawn when the request is made
        std::unique_ptr<crypto::KeyExchange> exchange{}; ///< of the last request; null without KE
        std::optional<FollowUp> followUp{};              ///< once CREATE_CHILD_SA was answered
    };

    /// The peer's rekeying of the same SA, which we have answered.
    struct Rival
    {
        std::uint32_t spiInbound; ///< of the Child SA that it made
        Bytes lowestNonce;
    };

    struct CreateChildTask : KeyingTask
    {
        std::optional<std::uint32_t> rekeyOf; ///< inbound SPI; otherwise a Child SA of its own
        ChildRequest wanted;                  ///< of a Child SA of its own
        bool onlyPacket{false};               ///< the peer has said SINGLE_PAIR_REQUIRED
        SelectorChoice offer;                 ///< when the request is made
        std::uint32_t spi{0};                 ///< drawn when the request is made
        bool unconfirmed{false};              ///< the old one, when the request was made
        std::optional<Rival> rival;
        std::optional<NewChild> made; ///< while IKE_FOLLOWUP_KE goes on
    };

    struct RekeyIkeTask : KeyingTask
    {
        std::uint64_t spi{0};         ///< drawn when the request is made
        std::optional<NewIkeSa> made; ///< while IKE_FOLLOWUP_KE goes on
    };

    using Task = std::variant<LivenessTask,
                              CloseChildTask,
                              CloseIkeTask,
                              InformTask,
                              CreateChildTask,
                              RekeyIkeTask>;
    /// @}

    struct InFlight
    {
        Task task;
        wire::ExchangeType exchange;
        std::uint32_t messageId;
    };

    /// An IKE_SA_INIT response that may be the genuine one, and our latest request that goes on
    /// from it.
    struct Candidate
    {
        InitResult init;
        Path path; ///< for all that follows
        wire::ExchangeType exchange;
        std::uint32_t messageId;
        std::vector<Bytes> request; ///< one, or all its fragments
    };

    struct DelayedTask
    {
        Instant due;
        Task task;
    };

    struct ChildSa : ChildDescription
    {
        /// The peer knows it: it made it, or sent another request after our answer that made it.
        bool confirmed{true};
        bool closing{false};  ///< our Delete is queued or in flight
        bool unwanted{false}; ///< closed by a command, so what replaces it has to go, too
        bool expired{false};  ///< removed from the data plane already
        bool rekeying{false}; ///< our request to rekey it is queued, in flight or delayed
        bool replaced{false}; ///< by another Child SA, ours or the peer's
        bool outboundReady{true};
        std::optional<Rival> rival{}; ///< made by the peer to replace it
        std::optional<Instant> rekeyDue{};
        std::optional<Instant> expiryDue{};
    };

    /// A deleted Child SA whose inbound half is still there.
    struct RetiredChild
    {
        std::uint32_t spiInbound;
        std::uint32_t spiOutbound;
        Instant until;
    };

    /// What the peer has begun and is to go on with; the SA that it makes does not exist yet.
    struct PeersFollowUp : FollowUp
    {
        std::variant<NewChild, NewIkeSa> made;
        Instant until; ///< forgotten if the peer has not gone on
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

    /// \name What extensions see of the SA
    /// @{
    const IkeSuite& Suite() const override;
    const IkeKeys& Keys() const override;
    Instant Now() const override;
    std::vector<const ChildDescription*> Children() const override;
    crypto::RandomSource& Random() override;
    void Move(const Path& path) override;
    const NatSituation& Nat() const override;
    void SetNat(const NatSituation& nat) override;
    void MoveChildren() override;
    void Inform(wire::PayloadList request) override;
    void AskForChild(ChildRequest request) override;
    void Report(std::any detail) override;
    /// @}

    /// \name Shared by all exchanges (ike-sa.cc)
    /// @{
    void HandleRequest(Instant now,
                       const Path& path,
                       const wire::IkeHeader& header,
                       ByteSpan octets);
    void HandleResponse(Instant now,
                        const Path& path,
                        const wire::IkeHeader& header,
                        ByteSpan octets);
    bool IsInPlace(wire::ExchangeType exchange) const;
    Answer AnswerRequest(Instant now,
                         const Path& path,
                         wire::ExchangeType exchange,
                         const wire::PayloadList& request);
    void Reply(const Path& path, wire::ExchangeType exchange, ByteSpan request, Answer answer);
    static Answer Fatal(wire::NotifyType error, Bytes data = {});
    void Enqueue(Instant now, Task task);
    void SendNextRequest(Instant now);
    bool IsStillWanted(const Task& task) const;
    void Abandon(const Task& task);
    void Resend();
    void GiveUp(Instant now);
    void Transmit(const Path& path, Bytes octets);
    void TransmitAll(const Path& path, const std::vector<Bytes>& messages);
    bool RepeatsLastRequest(const wire::IkeHeader& header, ByteSpan octets);
    void Finished(IkeFailure reason);
    void CountOpenError(OpenError error);
    /// @}

    /// \name IKE_SA_INIT and IKE_AUTH (ike-sa-auth.cc)
    /// @{
    void HandleInitResponse(Instant now, ByteSpan octets);
    void AddCandidate(Instant now, InitResult init);
    bool IsKnownCandidate(ByteSpan octets) const;
    std::optional<wire::PayloadList> MakeAuthRequest(InitResult& init);
    void AddFirstChild(ExtensionSet& extensions, wire::PayloadList& request);
    void SendAll(Instant now, const Candidate& latest);
    void HandleAuthResponse(Instant now, const wire::IkeHeader& header, ByteSpan octets);
    std::optional<IkeFailure> CheckAuthResponse(Instant now,
                                                const Candidate& candidate,
                                                const wire::PayloadList& response) const;
    void AwaitOtherAnswer(Instant now);
    void FailHandshake(Instant now, IkeFailure reason, bool peerIsUp);
    void Adopt(std::size_t candidate);
    void Establish(Instant now);
    Answer AnswerAuth(Instant now, const wire::PayloadList& request);
    std::optional<wire::UdpPorts> EspPorts() const;
    void AnswerFirstChild(const wire::PayloadList& request, wire::PayloadList& answer);
    void FinishFirstChild(Instant now, const wire::PayloadList& response);
    std::optional<Choice<ChildSuite>> CheckChildAnswer(const wire::SaPayload& answer) const;
    void RefuseChild(wire::NotifyType reason);
    void ForgetFirstChild();
    bool AskForPacketOnly(wire::NotifyType refusal, const ChildRequest& wanted);
    void InstallFirstChild(NewChild made);
    /// @}

    /// \name IKE_INTERMEDIATE (ike-sa-intermediate.cc)
    /// @{
    bool ContinueCandidate(InitResult init, std::uint32_t messageId);
    static wire::PayloadList MakeIntermediateRequest(InitResult& init,
                                                     crypto::RandomSource& random);
    static std::optional<IkeFailure> FinishIntermediate(Candidate& candidate,
                                                        ByteSpan octets,
                                                        const OpenedPayload& opened);
    void AskNext(Instant now, InitResult init, std::uint32_t messageId);
    void NoteIntermediateRequest(ByteSpan request, const OpenedPayload& opened);
    Answer AnswerIntermediate(const wire::PayloadList& request);
    void FinishIntermediateAnswer(const wire::PayloadList& answer);
    bool AwaitsIntermediate() const;
    /// @}

    /// \name IKE_FOLLOWUP_KE (ike-sa-followup.cc)
    /// @{
    wire::PayloadList RequestFollowUp(KeyingTask& task);
    static bool BeginFollowUp(KeyingTask& task,
                              const std::vector<crypto::GroupId>& methods,
                              const wire::PayloadList& response);
    static bool AdvanceFollowUp(KeyingTask& task, const wire::PayloadList& response);
    wire::Payload AwaitFollowUp(Instant now, std::variant<NewChild, NewIkeSa> made);
    Answer AnswerFollowUp(Instant now, const wire::PayloadList& request);
    bool IsFollowUpInFlight() const;
    bool IsPeerFollowingUpIke() const;
    bool MustWait(const Task& task) const;
    bool TakesFollowUp() const;
    void FinishAnswered(Instant now, NewChild made);
    void FinishAnswered(Instant now, NewIkeSa made);
    bool IsPeerFollowingUp(const CreateChildTask& rival) const;
    void ForgetFollowUp();
    /// @}

    /// \name INFORMATIONAL (ike-sa-informational.cc)
    /// @{
    wire::PayloadList Request(const LivenessTask& task) const;
    wire::PayloadList Request(CloseChildTask& task) const;
    wire::PayloadList Request(const CloseIkeTask& task) const;
    wire::PayloadList Request(const InformTask& task) const;
    void Finish(Instant now, const LivenessTask& task, const wire::PayloadList& response);
    void Finish(Instant now, const CloseChildTask& task, const wire::PayloadList& response);
    void Finish(Instant now, const CloseIkeTask& task, const wire::PayloadList& response);
    void Finish(Instant now, const InformTask& task, const wire::PayloadList& response);
    Answer AnswerInformational(Instant now, const Path& path, const wire::PayloadList& request);
    wire::PayloadList AnswerDelete(Instant now, const wire::DeletePayload& request);
    /// @}

    /// \name CREATE_CHILD_SA for Child SAs (ike-sa-child.cc)
    /// @{
    wire::PayloadList Request(CreateChildTask& task);
    void Finish(Instant now, CreateChildTask& task, const wire::PayloadList& response);
    ChildNegotiation Negotiation(const CreateChildTask& task) const;
    std::optional<NewChild> ReadNewChild(const CreateChildTask& task,
                                         const wire::PayloadList& response) const;
    static bool HasLost(const CreateChildTask& task, const NewChild& made);
    void AbandonChild(Instant now, const CreateChildTask& task, wire::NotifyType reason);
    void FinishChild(Instant now, const CreateChildTask& task, NewChild made);
    void SettleRekey(Instant now, const CreateChildTask& task, bool lost);
    void HandleRefusal(Instant now, CreateChildTask& task, const wire::PayloadList& response);
    Answer AnswerCreateChild(Instant now, const wire::PayloadList& request);
    Answer AnswerNewChild(Instant now, const wire::PayloadList& request);
    std::optional<wire::Payload> RefuseNewChild(const wire::NotifyPayload* rekey);
    static Answer Refusal(wire::NotifyType error, Bytes data = {});
    bool IsChildExchangeInFlight() const;
    bool IsIkeRekeyInFlight() const;
    ChildSa* FindChild(std::uint32_t spiInbound);
    const ChildSa* FindChild(std::uint32_t spiInbound) const;
    ChildSa* FindChildByOutbound(ByteSpan spiOutbound);
    void InstallChild(Instant now, NewChild made);
    void NoteRival(ChildSa& old, Rival rival);
    void MakeOutboundReady(std::uint32_t spiInbound);
    void ConfirmChildren();
    void DeleteChild(Instant now, std::uint32_t spiInbound);
    void RetireChild(Instant now, std::uint32_t spiInbound);
    void RemoveChild(std::uint32_t spiInbound);
    void ForgetRival(std::uint32_t spiInbound);
    /// @}

    /// \name CREATE_CHILD_SA for the IKE SA itself (ike-sa-rekey.cc)
    /// @{
    wire::PayloadList Request(RekeyIkeTask& task);
    void Finish(Instant now, RekeyIkeTask& task, const wire::PayloadList& response);
    std::optional<NewIkeSa> ReadSuccessor(const RekeyIkeTask& task,
                                          const wire::PayloadList& response) const;
    void FinishRekey(Instant now, const NewIkeSa& made, bool lost);
    void HandleRefusal(Instant now, RekeyIkeTask& task, const wire::PayloadList& response);
    void CloseFor(Instant now, IkeFailure reason);
    Answer AnswerRekeyIke(Instant now, const wire::PayloadList& request);
    std::unique_ptr<IkeSa> MakeSuccessor(Instant now, const NewIkeSa& made) const;
    void Supersede(Instant now, IkeSa& survivor);
    Duration Patience() const;
    void AwaitDelete(Instant now);
    void Unlink();
    /// @}

    /// \name Lifetimes, liveness and delayed requests (ike-sa-lifetime.cc)
    /// @{
    Duration DrawBelow(Duration limit);
    std::optional<Instant> SoftEnd(Instant now, const Lifetime& lifetime);
    void StartLifetime(Instant now);
    void StartKeepalives(Instant now);
    void StartLifetime(Instant now, ChildSa& child);
    esp::VolumeLimits DrawVolumeLimits();
    bool Retry(Instant now, Task task, Refusals refusals);
    void HandleLifetimes(Instant now);
    void HandleChildLifetimes(Instant now);
    void HandleDelayedTasks(Instant now);
    std::optional<Instant> LivenessDue() const;
    std::optional<Instant> NextLifetimeEvent() const;
    /// @}

    Environment m_environment;
    const PeerConfig& m_peer;
    Path m_path;
    bool m_initiator;
    IkeSaId m_id;
    Phase m_phase;

    std::unique_ptr<InitInitiator> m_init;
    std::vector<Candidate> m_candidates;
    ChildRequest m_firstChild;                    ///< of an initiator: for that of IKE_AUTH
    std::optional<std::uint32_t> m_firstChildSpi; ///< offered in IKE_AUTH, not yet installed

    std::optional<SecureChannel> m_channel;
    PeerAbilities m_abilities;
    ExtensionSet m_extensions;   ///< of an initiator: once a candidate was adopted
    InitTranscript m_transcript; ///< until IKE_AUTH is over
    AdditionalRounds m_rounds;   ///< of a responder, until IKE_AUTH
    std::vector<ChildSa> m_children;
    std::vector<RetiredChild> m_retired;

    bool m_rekeying{false};           ///< our request to rekey is queued, in flight or delayed
    IkeSa* m_peersSuccessor{nullptr}; ///< made by the peer, while our rekeying is in flight
    Bytes m_peersLowestNonce;         ///< of the exchange that made it, or is to
    IkeSa* m_predecessor{nullptr};    ///< whose Child SAs this SA may inherit
    std::unique_ptr<PeersFollowUp> m_peersFollowUp;
    std::optional<Instant> m_rekeyDue;
    std::optional<Instant> m_expiryDue;
    std::optional<Instant> m_deleteDue; ///< in Phase::Rekeyed: the peer's Delete does not come
    std::optional<Instant> m_proofDue;  ///< the peer has not been heard on a successor

    std::uint32_t m_nextRequestId{0};
    std::uint32_t m_expectedRequestId{0};
    std::deque<Task> m_tasks;
    std::vector<DelayedTask> m_delayed;
    std::optional<InFlight> m_inFlight;
    Retransmitter m_retransmitter;
    CachedAnswer m_lastAnswer;

    std::optional<Instant> m_halfOpenDeadline;
    Instant m_lastHeard{0};
    std::optional<Instant> m_keepaliveDue; ///< behind a NAT
    bool m_onlyOne{false};                 ///< INITIAL_CONTACT is to be sent, or has come
    Instant m_begun{0};                    ///< when the first message came or went
    std::optional<Instant> m_established;

    std::deque<IkeEvent>& m_events; ///< of the environment
};

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_IKE_SA_H
