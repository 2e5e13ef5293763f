/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "ns3/class-selector-filter.h"
#include "ns3/drr-queue-disc.h"
#include "ns3/dual-pi2-queue-disc.h"
#include "ns3/fifo-queue-disc.h"
#include "ns3/ipsec-compat.h"
#include "ns3/ipv4-queue-disc-item.h"
#include "ns3/prio-queue-disc.h"
#include "ns3/simulator.h"
#include "ns3/test.h"
#include "ns3/uinteger.h"

#include <array>
#include <cmath>
#include <map>

using namespace ns3;

namespace
{

constexpr uint32_t kOctets = 1000; ///< of an IP packet, header included
constexpr uint8_t kEct1 = 1;

Ptr<Ipv4QueueDiscItem>
Item(uint8_t tos, uint32_t octets = kOctets)
{
    Ipv4Header header;
    header.SetTos(tos);
    return Create<Ipv4QueueDiscItem>(Create<Packet>(octets - header.GetSerializedSize()),
                                     Address(),
                                     0x0800,
                                     header);
}

uint8_t
TosOf(Ptr<const QueueDiscItem> item)
{
    return DynamicCast<const Ipv4QueueDiscItem>(item)->GetHeader().GetTos();
}

/// A filter, and a queue for each class.
template <typename Disc>
Ptr<Disc>
WithClasses(uint8_t classes)
{
    const auto disc = CreateObject<Disc>();
    const auto filter = CreateObject<ClassSelectorFilter>();
    filter->SetAttribute("Classes", UintegerValue(classes));
    disc->AddPacketFilter(filter);
    for (int i = 0; i < classes; ++i)
    {
        const auto child = CreateObject<QueueDiscClass>();
        child->SetQueueDisc(CreateObject<FifoQueueDisc>());
        disc->AddQueueDiscClass(child);
    }
    return disc;
}

/// All 256 values of the DS field, into 1 to 8 bands, by the rule written out.
class FilterCase : public TestCase
{
  public:
    FilterCase()
        : TestCase("bands by class selector")
    {
    }

  private:
    void DoRun() override
    {
        for (int classes = 1; classes <= 8; ++classes)
        {
            const auto filter = CreateObject<ClassSelectorFilter>();
            filter->SetAttribute("Classes", UintegerValue(classes));
            for (int tos = 0; tos < 256; ++tos)
            {
                const int selector = tos / 32;
                const int expected = selector >= classes ? 0 : classes - 1 - selector;
                NS_TEST_EXPECT_MSG_EQ(filter->Classify(Item(static_cast<uint8_t>(tos))),
                                      expected,
                                      "DS field " << tos << " of " << classes << " classes");
            }
        }
    }
};

/// Backlogged classes with packets of different sizes share the link as their quanta say, within
/// the bound of the paper: a quantum and a packet.
class DrrCase : public TestCase
{
  public:
    DrrCase()
        : TestCase("weights of deficit round robin")
    {
    }

  private:
    void DoRun() override
    {
        const auto disc = WithClasses<DrrQueueDisc>(3);
        disc->SetQuanta({4500, 3000, 1500}); // of the classes 2, 1, 0
        disc->Initialize();
        const std::array<uint32_t, 3> sizes{1500, 700, 300};
        for (int i = 0; i < 900; ++i)
        {
            for (uint8_t selector = 0; selector < 3; ++selector)
            {
                disc->Enqueue(Item(static_cast<uint8_t>(selector << 5), sizes[selector]));
            }
        }
        std::array<double, 3> sent{};
        for (double all = 0; all < 300000;)
        {
            const auto item = disc->Dequeue();
            sent[TosOf(item) >> 5] += item->GetSize();
            all += item->GetSize();
        }
        for (std::size_t selector = 0; selector < 3; ++selector)
        {
            const double share = 300000 * static_cast<double>(selector + 1) / 6;
            NS_TEST_EXPECT_MSG_EQ_TOL(sent[selector], share, 4500 + 1500, "class " << selector);
        }
        CheckIdleClass();
    }

    /// A class alone has the whole link, and has saved nothing when another one comes.
    void CheckIdleClass()
    {
        const auto disc = WithClasses<DrrQueueDisc>(2);
        disc->SetQuanta({1500, 1500});
        disc->Initialize();
        for (int i = 0; i < 100; ++i)
        {
            disc->Enqueue(Item(0));
            NS_TEST_EXPECT_MSG_EQ(disc->Dequeue()->GetSize(), kOctets, "alone");
        }
        NS_TEST_EXPECT_MSG_EQ(disc->Dequeue(), nullptr, "empty");
        for (int i = 0; i < 20; ++i)
        {
            disc->Enqueue(Item(0));
            disc->Enqueue(Item(1 << 5));
        }
        int lead = 0;
        for (int i = 0; i < 40; ++i)
        {
            lead += TosOf(disc->Dequeue()) == 0 ? 1 : -1;
            NS_TEST_EXPECT_MSG_LT_OR_EQ(std::abs(lead), 2, "packets ahead");
        }
    }
};

/// The filter's bands are those of ns-3's strict priorities.
class PriorityCase : public TestCase
{
  public:
    PriorityCase()
        : TestCase("strict priority by class selector")
    {
    }

  private:
    void DoRun() override
    {
        const auto disc = WithClasses<PrioQueueDisc>(4);
        disc->Initialize();
        for (uint8_t selector = 0; selector < 8; ++selector)
        {
            disc->Enqueue(Item(static_cast<uint8_t>(selector << 5)));
        }
        for (const int expected : {3, 4, 5, 6, 7, 2, 1, 0})
        {
            NS_TEST_EXPECT_MSG_EQ((TosOf(disc->Dequeue()) >> 5), expected, "next class selector");
        }
    }
};

/**
 * Packets that do not react to anything, more than the link takes. In the steady state the classic
 * queue has the target's delay, drops just the excess, hence p' is its square root, and the
 * low-latency queue is marked with k p' (RFC 9332, appendix A).
 */
class DualPi2Case : public TestCase
{
  public:
    DualPi2Case()
        : TestCase("coupled probabilities of DualPI2")
    {
    }

  private:
    static constexpr int kSlots = 400000; ///< of the link: a packet each
    static constexpr int kWarmUp = 200000;

    void DoRun() override
    {
        m_disc = CreateObject<DualPi2QueueDisc>();
        m_disc->AssignStreams(1);
        m_disc->Initialize();
        m_disc->TraceConnectWithoutContext("SojournTime",
                                           MakeCallback(&DualPi2Case::HandleSojourn, this));
        // In a slot of 1 ms / 10 the classic class offers 1.0 packets, the other one 0.1.
        for (int slot = 0; slot < kSlots; ++slot)
        {
            Simulator::Schedule(MicroSeconds(100) * slot, &DualPi2Case::Slot, this, slot);
        }
        Simulator::Stop(MicroSeconds(100) * kSlots);
        Simulator::Run();
        Simulator::Destroy();
        const double excess = 0.1; // of 1.0 + 0.1 packets 1 is sent; only classic ones are dropped
        const double sent = m_marked[0] + m_marked[1];
        NS_TEST_EXPECT_MSG_EQ_TOL(m_classicDelay / m_classicSent, 0.015, 0.002, "classic delay");
        NS_TEST_EXPECT_MSG_EQ_TOL(1 - m_classicSent / (kSlots - kWarmUp), excess, 0.003, "dropped");
        NS_TEST_EXPECT_MSG_EQ_TOL(m_marked[1] / sent, 2 * std::sqrt(excess), 0.03, "marked");
        NS_TEST_EXPECT_MSG_EQ(m_lowLatencyLate, 0, "low-latency packets that wait");
    }

    void Slot(int slot)
    {
        m_slot = slot;
        m_disc->Enqueue(Item(0));
        if (slot % 10 == 0)
        {
            m_disc->Enqueue(Item(kEct1));
        }
        const auto item = m_disc->Dequeue();
        if (item && slot >= kWarmUp)
        {
            const unsigned ecn = TosOf(item) & 3u;
            m_classicSent += ecn == 0 ? 1 : 0;
            m_marked[0] += ecn == kEct1 ? 1 : 0;
            m_marked[1] += ecn == 3 ? 1 : 0;
            m_classicDelay += ecn == 0 ? m_sojourn.GetSeconds() : 0;
            m_lowLatencyLate += ecn != 0 && m_sojourn > MicroSeconds(100) ? 1 : 0;
        }
    }

    void HandleSojourn(Time sojourn)
    {
        m_sojourn = sojourn; // the last one is that of the packet which is sent
    }

    Ptr<DualPi2QueueDisc> m_disc;
    int m_slot{0};
    Time m_sojourn;
    double m_classicSent{0};
    double m_classicDelay{0};
    std::array<double, 2> m_marked{};
    int m_lowLatencyLate{0};
};

/**
 * The controller against its formula with the gains of RFC 9332, appendix A.1: 0.16 Hz and 3.2 Hz
 * for updates each 16 ms and round trips of up to 100 ms. One packet that came 8 ms after the start
 * waits for good, so its delay at update n is 16 n - 8 ms.
 */
class DualPi2GainsCase : public TestCase
{
  public:
    DualPi2GainsCase()
        : TestCase("gains of the controller of DualPI2")
    {
    }

  private:
    void DoRun() override
    {
        const auto disc = CreateObject<DualPi2QueueDisc>();
        disc->Initialize();
        Simulator::Schedule(MilliSeconds(8), [disc] { disc->Enqueue(Item(0)); });
        // Sums of 0.16 (delay - 0.015) + 3.2 (delay - delay before), by hand.
        const std::array<double, 4> expected{0.02448, 0.07712, 0.13232, 0.19008};
        for (size_t i = 0; i < expected.size(); ++i)
        {
            const Time after = MilliSeconds(16 * (i + 1) + 1);
            Simulator::Schedule(after, &DualPi2GainsCase::Check, this, disc, expected.at(i));
        }
        Simulator::Stop(MilliSeconds(100));
        Simulator::Run();
        Simulator::Destroy();
    }

    void Check(Ptr<DualPi2QueueDisc> disc, double expected)
    {
        NS_TEST_EXPECT_MSG_EQ_TOL(disc->GetBaseProbability(), expected, 1e-9, "p'");
    }
};

/// The classic queue keeps its share when low-latency packets alone fill the link.
class DualPi2ShareCase : public TestCase
{
  public:
    DualPi2ShareCase()
        : TestCase("share of the classic queue in DualPI2")
    {
    }

  private:
    void DoRun() override
    {
        const auto disc = CreateObject<DualPi2QueueDisc>();
        disc->Initialize();
        for (int i = 0; i < 2000; ++i)
        {
            disc->Enqueue(Item(0));
            disc->Enqueue(Item(kEct1));
        }
        int classic = 0;
        for (int i = 0; i < 1000; ++i)
        {
            classic += (TosOf(disc->Dequeue()) & 3) == 0 ? 1 : 0;
        }
        NS_TEST_EXPECT_MSG_EQ_TOL(classic, 100, 1, "of 1000 packets");
        for (int i = 0; i < 8000; ++i)
        {
            disc->Enqueue(Item(0));
        }
        NS_TEST_EXPECT_MSG_EQ(disc->GetNPackets(), 10000, "the limit");
        Simulator::Destroy();
    }
};

class QueueDiscTestSuite : public TestSuite
{
  public:
    QueueDiscTestSuite()
        : TestSuite("ipsec-queue-disc", compat::SuiteNames<TestSuite>::kUnit)
    {
        for (TestCase* testCase : std::initializer_list<TestCase*>{new FilterCase,
                                                                   new DrrCase,
                                                                   new PriorityCase,
                                                                   new DualPi2Case,
                                                                   new DualPi2GainsCase,
                                                                   new DualPi2ShareCase})
        {
            AddTestCase(testCase, compat::TestNames<TestCase>::kQuick);
        }
    }
};

const QueueDiscTestSuite g_queueDiscTestSuite;

} // namespace
