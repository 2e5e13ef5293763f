/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/anti-replay.h"

#include "tests/unit/esp-test-support.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

namespace ipseclab::esp
{

namespace
{

constexpr std::uint64_t kBlock = std::uint64_t{1} << 32;
constexpr std::uint64_t kMax64 = ~std::uint64_t{0};

AntiReplay
Make(std::uint32_t window,
     std::uint64_t top,
     bool esn,
     ReplayProfile profile = ReplayProfile::Rfc4303)
{
    return AntiReplay({window, esn, profile, top});
}

/// Offers a number whose packet is genuine: 32 bits of it are sent, all of it is in the ICV.
DropReason
Offer(AntiReplay& state, std::uint64_t number, bool badIcv = false)
{
    const AntiReplay::Guess guess = state.Check(static_cast<std::uint32_t>(number));
    if (guess.drop != DropReason::None)
    {
        return guess.drop;
    }
    const bool extended = state.Config().extendedSequenceNumbers;
    if (badIcv || (extended && guess.number != number))
    {
        return DropReason::Icv;
    }
    state.Accept(guess.number);
    return DropReason::None;
}

// --- Recorded verdicts of a Linux kernel -------------------------------------------------------

const char* const kRecordings[] = {
    "replay-legacy-0.json",
    "replay-legacy-4.json",
    "replay-legacy-32.json",
    "replay-bmp-64.json",
    "replay-bmp-1024.json",
    "replay-bmp-4096.json",
    "replay-esn-32.json",
    "replay-esn-64.json",
    "replay-esn-128.json",
    "replay-esn-4096.json",
};

/// What a Linux kernel counts where we give a reason.
std::string
LinuxCounters(DropReason reason)
{
    switch (reason)
    {
    case DropReason::None:
        return "";
    case DropReason::ReplayTooOld:
        return "XfrmInStateSeqError+sa:replay-window";
    case DropReason::ReplayDuplicate:
        return "XfrmInStateSeqError+sa:replay";
    case DropReason::ReplayInvalid:
        return "XfrmInStateSeqError";
    case DropReason::Icv:
        return "XfrmInStateProtoError+sa:failed";
    default:
        return std::string("unexpected ") + Name(reason);
    }
}

ReplayProfile
ProfileOf(const nlohmann::json& recording)
{
    return recording.at("mode") == "legacy" ? ReplayProfile::LinuxLegacy
                                            : ReplayProfile::LinuxBitmap;
}

struct Row
{
    std::uint64_t number;
    bool badIcv;
    bool delivered;
    std::string counters;
    std::uint64_t topAfter;
};

Row
ReadRow(const nlohmann::json& row)
{
    return {row.at(0).get<std::uint64_t>(),
            row.at(1).get<int>() != 0,
            row.at(2).get<int>() != 0,
            row.at(3).get<std::string>(),
            row.at(4).get<std::uint64_t>()};
}

/// Sends the rows of one recorded scenario as real ESP packets through a pair of SAs.
class Replayer
{
  public:
    Replayer(const nlohmann::json& recording, const nlohmann::json& scenario, ReplayProfile profile)
    {
        const Bytes key = test::FromHex(recording.at("key"));
        const bool extended = recording.at("esn");
        OutboundSaConfig out = test::OutboundConfig(recording.at("spi"));
        out.keyingMaterial = key;
        out.extendedSequenceNumbers = extended;
        InboundSaConfig in = test::InboundConfig(recording.at("spi"));
        in.keyingMaterial = key;
        in.extendedSequenceNumbers = extended;
        in.antiReplay.window = recording.at("window");
        in.antiReplay.profile = profile;
        in.antiReplay.top = scenario.at("start").get<std::uint64_t>();
        m_sender = OutboundSa::Create(out);
        m_receiver = InboundSa::Create(in);
    }

    DropReason Send(const Row& row)
    {
        test::InnerPacket inner;
        inner.content = m_content++;
        const Bytes packet = inner.Build();
        test::Fill(m_buffer, packet);
        m_sender->Seal(m_buffer, row.number);
        if (row.badIcv)
        {
            m_buffer.Data()[m_buffer.Size() - 1] ^= 0xff;
        }
        const OpenResult result = m_receiver->Open(m_buffer, wire::kIpv4HeaderSize);
        if (result.drop == DropReason::None)
        {
            EXPECT_EQ(test::ToBytes(m_buffer), packet);
        }
        return result.drop;
    }

    std::uint64_t Top() const
    {
        return m_receiver->Replay().Top();
    }

  private:
    std::unique_ptr<OutboundSa> m_sender;
    std::unique_ptr<InboundSa> m_receiver;
    PacketBuffer m_buffer;
    std::uint32_t m_content{0};
};

TEST(LinuxReplay, EveryRecordedVerdictIsGivenAgain)
{
    std::size_t rows = 0;
    for (const char* name : kRecordings)
    {
        const nlohmann::json recording = test::LoadRecording(name);
        for (const nlohmann::json& scenario : recording.at("vectors"))
        {
            Replayer replayer(recording, scenario, ProfileOf(recording));
            std::size_t index = 0;
            for (const nlohmann::json& json : scenario.at("packets"))
            {
                const Row row = ReadRow(json);
                SCOPED_TRACE(std::string(name) + " " + scenario.at("name").get<std::string>() +
                             " #" + std::to_string(index++) + " number " +
                             std::to_string(row.number));
                const DropReason drop = replayer.Send(row);
                EXPECT_EQ(drop == DropReason::None, row.delivered);
                EXPECT_EQ(LinuxCounters(drop), row.counters);
                EXPECT_EQ(replayer.Top(), row.topAfter);
                ++rows;
            }
        }
    }
    EXPECT_EQ(rows, 7081U);
}

/// Rows on which the RFC's rules and Linux disagree, by recording, scenario and kind.
std::map<std::string, std::size_t>
DocumentedDifferences()
{
    std::map<std::string, std::size_t> rows;
    for (const char* window : {"32", "64", "128", "4096"})
    {
        const std::string esn = std::string("esn ") + window + " ";
        // A high half of -1 cannot be; Linux takes 2^32 - 1 and pays for the decryption.
        rows[esn + "esn-low: 'XfrmInStateProtoError+sa:failed' -> 'XfrmInStateSeqError'"] = 2;
        // Nor can one of 2^32; Linux takes 0.
        rows[esn +
             "esn-wrap-ffffffff: 'XfrmInStateProtoError+sa:failed' -> 'XfrmInStateSeqError'"] = 1;
        // The space ends for the RFC; Linux goes on with 0, 1, 2, so its top moves as well.
        rows[esn + "esn-end: '' -> 'XfrmInStateSeqError'"] = 4;
        rows[esn + "esn-end: 'XfrmInStateSeqError+sa:replay' -> 'XfrmInStateSeqError'"] = 1;
        rows[esn + "esn-end: top"] = 6;
    }
    // Without a window every verdict is the same, but we still say which number was the highest.
    rows["legacy 0 bad-icv: top"] = 22;
    rows["legacy 0 duplicates: top"] = 99;
    rows["legacy 0 half-space: top"] = 9;
    rows["legacy 0 in-order: top"] = 40;
    rows["legacy 0 jumps: top"] = 63;
    rows["legacy 0 random: top"] = 141;
    rows["legacy 0 small-reorder: top"] = 80;
    rows["legacy 0 window-edges: top"] = 90;
    rows["legacy 0 wrap-32: top"] = 21;
    rows["legacy 0 zero: top"] = 9;
    return rows;
}

TEST(LinuxReplay, RfcProfileDiffersOnlyWhereDocumented)
{
    std::map<std::string, std::size_t> differences;
    for (const char* name : kRecordings)
    {
        const nlohmann::json recording = test::LoadRecording(name);
        for (const nlohmann::json& scenario : recording.at("vectors"))
        {
            Replayer replayer(recording, scenario, ReplayProfile::Rfc4303);
            std::string where = recording.at("mode").get<std::string>() + " ";
            where += std::to_string(recording.at("window").get<unsigned>()) + " ";
            where += scenario.at("name").get<std::string>() + ": ";
            for (const nlohmann::json& json : scenario.at("packets"))
            {
                const Row row = ReadRow(json);
                const std::string ours = LinuxCounters(replayer.Send(row));
                if (ours != row.counters)
                {
                    ++differences[where + "'" + row.counters + "' -> '" + ours + "'"];
                }
                if (replayer.Top() != row.topAfter)
                {
                    ++differences[where + "top"];
                }
            }
        }
    }
    EXPECT_EQ(differences, DocumentedDifferences());
}

// --- 32-bit numbers ----------------------------------------------------------------------------

TEST(AntiReplay, FirstNumberIsOneAndZeroIsNeverValid)
{
    AntiReplay state = Make(64, 0, false);
    EXPECT_EQ(Offer(state, 0), DropReason::ReplayInvalid);
    EXPECT_EQ(Offer(state, 1), DropReason::None);
    EXPECT_EQ(Offer(state, 1), DropReason::ReplayDuplicate);
    EXPECT_EQ(Offer(state, 0), DropReason::ReplayInvalid);
}

TEST(AntiReplay, LeftEdgeOfTheWindow)
{
    AntiReplay state = Make(64, 0, false);
    ASSERT_EQ(Offer(state, 1000), DropReason::None);
    EXPECT_EQ(Offer(state, 1000 - 63), DropReason::None);
    EXPECT_EQ(Offer(state, 1000 - 64), DropReason::ReplayTooOld);
}

TEST(AntiReplay, ThirtyTwoBitSpaceDoesNotWrap)
{
    AntiReplay state = Make(64, 0xfffffff0, false);
    EXPECT_EQ(Offer(state, 0xffffffff), DropReason::None);
    EXPECT_EQ(Offer(state, 1), DropReason::ReplayTooOld);
    EXPECT_EQ(state.Top(), 0xffffffffU);
}

TEST(AntiReplay, CheckChangesNothing)
{
    const AntiReplay state = Make(64, 5, false);
    for (int i = 0; i < 3; ++i)
    {
        EXPECT_EQ(state.Check(0xfffffff0).drop, DropReason::None);
        EXPECT_EQ(state.Check(6).drop, DropReason::None);
    }
    EXPECT_EQ(state.Top(), 5U);
}

TEST(AntiReplay, WithoutAWindowEverythingPasses)
{
    AntiReplay rfc = Make(0, 0, false);
    AntiReplay legacy = Make(0, 0, false, ReplayProfile::LinuxLegacy);
    for (const std::uint64_t number : {std::uint64_t{7}, std::uint64_t{7}, std::uint64_t{0}})
    {
        EXPECT_EQ(Offer(rfc, number), DropReason::None);
        EXPECT_EQ(Offer(legacy, number), DropReason::None);
    }
    EXPECT_EQ(rfc.Top(), 7U);
    EXPECT_EQ(legacy.Top(), 0U);
}

TEST(AntiReplay, LegacyBitmapIsAtMost32Wide)
{
    AntiReplay state = Make(64, 0, false, ReplayProfile::LinuxLegacy);
    EXPECT_EQ(state.Config().window, 32U);
    ASSERT_EQ(Offer(state, 100), DropReason::None);
    EXPECT_EQ(Offer(state, 100 - 31), DropReason::None);
    EXPECT_EQ(Offer(state, 100 - 32), DropReason::ReplayTooOld);
}

/**
 * The example of router manuals for a 64-packet window: packets 1 to 100 wait in a low-priority
 * queue while 101 and 102 go ahead.
 *
 *     arrival   101 102 | 1 2 ... 38      | 39 ... 100
 *                       | left of 102-63  | still inside
 */
TEST(AntiReplay, PriorityQueueingLosesPacketsNeverSeen)
{
    AntiReplay state = Make(64, 0, false);
    ASSERT_EQ(Offer(state, 101), DropReason::None);
    ASSERT_EQ(Offer(state, 102), DropReason::None);
    std::set<std::uint64_t> lost;
    for (std::uint64_t number = 1; number <= 100; ++number)
    {
        if (Offer(state, number) == DropReason::ReplayTooOld)
        {
            lost.insert(number);
        }
    }
    EXPECT_EQ(lost.size(), 38U);
    EXPECT_EQ(*lost.begin(), 1U);
    EXPECT_EQ(*lost.rbegin(), 38U);
}

// --- Extended sequence numbers -----------------------------------------------------------------

/// RFC 4303, appendix A, said differently: the one number with these low 32 bits in
/// [top - width + 1, top - width + 2^32], nothing when it is not in 1..2^64-1.
std::optional<std::uint64_t>
Reference(std::uint64_t top, std::uint32_t width, std::uint32_t low)
{
    __extension__ using Wide = __int128;
    const Wide first = Wide{top} - width + 1;
    const Wide block = kBlock;
    Wide residue = (Wide{low} - first) % block;
    residue += residue < 0 ? block : 0;
    const Wide number = first + residue;
    if (number < 1 || number > Wide{kMax64})
    {
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(number);
}

TEST(ExtendedNumbers, GuessIsTheOneNumberOfTheInterval)
{
    const std::uint32_t widths[] = {1, 2, 31, 32, 33, 64, 65, 1000, 4096, 65536, 0x80000000};
    std::set<std::uint64_t> tops;
    for (const std::uint64_t high : {0ULL, 1ULL, 2ULL, 0x7fffffffULL, 0xfffffffeULL, 0xffffffffULL})
    {
        for (const std::uint32_t edge : {0U, 31U, 32U, 63U, 64U, 4095U, 65535U, 0x7fffffffU})
        {
            for (std::uint32_t d = 0; d < 4; ++d)
            {
                tops.insert(high << 32 | (edge + d));
                tops.insert(high << 32 | (0xffffffffU - edge - d));
            }
        }
    }
    std::size_t cases = 0;
    std::size_t impossible = 0;
    for (const std::uint64_t top : tops)
    {
        for (const std::uint32_t width : widths)
        {
            // A window of 2^31 takes 512 MiB; the guess of a state without a window is the same.
            const AntiReplay state = Make(width > 65536 ? 0 : width, top, true);
            const std::uint32_t used = width > 65536 ? 0x80000000 : width;
            const auto topLow = static_cast<std::uint32_t>(top);
            for (const std::uint32_t edge : {0U, topLow, topLow - used, topLow + 0x80000000U})
            {
                for (std::uint32_t low = edge - 4; low != edge + 5; ++low)
                {
                    const auto expected = Reference(top, used, low);
                    const AntiReplay::Guess guess = state.Check(low);
                    ASSERT_EQ(guess.drop, expected ? DropReason::None : DropReason::ReplayInvalid)
                        << "top " << top << " width " << used << " low " << low;
                    if (expected)
                    {
                        ASSERT_EQ(guess.number, *expected)
                            << "top " << top << " width " << used << " low " << low;
                    }
                    ++cases;
                    impossible += expected ? 0 : 1;
                }
            }
        }
    }
    EXPECT_GT(cases, 100000U);
    EXPECT_GT(impossible, 1000U);
}

TEST(ExtendedNumbers, NumbersAcrossABlockEdgeAreKeptApart)
{
    AntiReplay state = Make(64, kBlock - 10, true);
    EXPECT_EQ(Offer(state, kBlock + 5), DropReason::None);
    EXPECT_EQ(Offer(state, kBlock - 1), DropReason::None);
    EXPECT_EQ(Offer(state, kBlock), DropReason::None) << "low half 0 is an ordinary number here";
    EXPECT_EQ(Offer(state, kBlock - 1), DropReason::ReplayDuplicate);
    EXPECT_EQ(Offer(state, kBlock), DropReason::ReplayDuplicate);
    EXPECT_EQ(Offer(state, kBlock + 5), DropReason::ReplayDuplicate);
    EXPECT_EQ(state.Top(), kBlock + 5);
}

TEST(ExtendedNumbers, LatePacketFailsTheIcvAndIsNotTooOld)
{
    AntiReplay state = Make(64, 10000, true);
    EXPECT_EQ(Offer(state, 10000 - 64), DropReason::Icv);
    EXPECT_EQ(Offer(state, 10000 - 63), DropReason::None);
}

TEST(ExtendedNumbers, LargestJumpThatIsStillDecoded)
{
    const std::uint64_t top = 5 * kBlock + 1000;
    AntiReplay nearest = Make(64, top, true);
    EXPECT_EQ(Offer(nearest, top + kBlock - 64), DropReason::None);
    AntiReplay beyond = Make(64, top, true);
    EXPECT_EQ(Offer(beyond, top + kBlock - 63), DropReason::Icv);
}

TEST(ExtendedNumbers, NoHighHalfBelowZeroAndNoneAboveTheLast)
{
    AntiReplay fresh = Make(64, 0, true);
    EXPECT_EQ(Offer(fresh, 0), DropReason::ReplayInvalid);
    EXPECT_EQ(fresh.Check(0xffffffff).drop, DropReason::ReplayInvalid);
    AntiReplay old = Make(64, kMax64 - 2, true);
    EXPECT_EQ(Offer(old, kMax64), DropReason::None);
    EXPECT_EQ(old.Check(0).drop, DropReason::ReplayInvalid);
    EXPECT_EQ(old.Check(5).drop, DropReason::ReplayInvalid);
    EXPECT_EQ(old.Top(), kMax64);
}

TEST(ExtendedNumbers, LinuxWrapsAtTheEndAndRemembersWhatItSaw)
{
    AntiReplay state = Make(64, kMax64 - 10, true, ReplayProfile::LinuxBitmap);
    EXPECT_EQ(Offer(state, kMax64 - 3), DropReason::None);
    EXPECT_EQ(Offer(state, 2), DropReason::None);
    EXPECT_EQ(state.Top(), 2U);
    EXPECT_EQ(Offer(state, kMax64 - 3), DropReason::ReplayDuplicate);
    EXPECT_EQ(Offer(state, kMax64), DropReason::None);
    EXPECT_EQ(state.Top(), 2U);
}

// --- Forgery -----------------------------------------------------------------------------------

/// RFC 4303, section 3.4.3: the window moves only after the ICV, so forged high numbers cost the
/// attacker's packets and nothing else.
TEST(AntiReplay, ForgedHighNumbersNeverMoveTheWindow)
{
    for (const bool extended : {false, true})
    {
        OutboundSaConfig out = test::OutboundConfig();
        out.extendedSequenceNumbers = extended;
        InboundSaConfig in = test::InboundConfig();
        in.extendedSequenceNumbers = extended;
        const auto sender = OutboundSa::Create(out);
        const auto receiver = InboundSa::Create(in);
        PacketBuffer buffer;
        std::uint32_t forged = 0;
        for (std::uint64_t number = 1; number <= 500; ++number)
        {
            for (const std::uint64_t ahead : {1ULL, 64ULL, 100000ULL, 0x7fffffffULL})
            {
                test::Fill(buffer, test::InnerPacket{}.Build());
                sender->Seal(buffer, number + ahead);
                buffer.Data()[buffer.Size() - 1] ^= 1;
                ASSERT_EQ(receiver->Open(buffer, 20).drop, DropReason::Icv);
                ASSERT_EQ(receiver->Replay().Top(), number - 1);
                ++forged;
            }
            test::Fill(buffer, test::InnerPacket{}.Build());
            sender->Seal(buffer, number);
            ASSERT_EQ(receiver->Open(buffer, 20).drop, DropReason::None);
        }
        EXPECT_EQ(forged, 2000U);
        EXPECT_EQ(receiver->Replay().Top(), 500U);
    }
}

} // namespace

} // namespace ipseclab::esp
