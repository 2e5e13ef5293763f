/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/tfc-padding.h"
#include "model/ike/extensions/transport-mode.h"
#include "tests/unit/ike-pair.h"

/*
 * USE_TRANSPORT_MODE and ESP_TFC_PADDING_NOT_SUPPORTED in IKE_AUTH, CREATE_CHILD_SA and rekeying;
 * IKE over IPv6 with IPv6 selectors; implicit IVs as a choice between suites.
 */

namespace ipseclab
{

namespace
{

using test::MakePeer;
using test::Pair;
using test::Selectors;

/// The two hosts themselves, over IPv4 or IPv6.
ike::PeerConfig
HostPeer(bool atA, bool v6 = false)
{
    ike::PeerConfig peer = MakePeer(atA);
    const std::string a = v6 ? "2001:db8::1" : "192.0.2.1";
    const std::string b = v6 ? "2001:db8::2" : "192.0.2.2";
    peer.local.address = *IpAddress::FromString(atA ? a : b);
    peer.remote.address = *IpAddress::FromString(atA ? b : a);
    peer.localSelectors = Selectors({atA ? a : b});
    peer.remoteSelectors = Selectors({atA ? b : a});
    return peer;
}

template <typename Property>
std::vector<bool>
Has(const Pair::Node& node)
{
    std::vector<bool> has;
    for (const auto& sa : node.All<ike::ChildSaInstalled>())
    {
        has.push_back(sa.properties.Find<Property>() != nullptr);
    }
    return has;
}

/// Makes a second Child SA and rekeys both, one from each side.
void
CreateAndRekey(Pair& pair)
{
    const ike::IkeSaId id = pair.a.Last<ike::IkeSaEstablished>().id;
    const std::uint32_t first = pair.a.Last<ike::ChildSaInstalled>().spiInbound;
    ASSERT_TRUE(pair.b.endpoint.CreateChildSa(pair.now, id));
    pair.Collect();
    pair.RunUntilQuiet();
    const std::uint32_t second = pair.b.Last<ike::ChildSaInstalled>().spiInbound;
    ASSERT_TRUE(pair.a.endpoint.RekeyChildSa(pair.now, first));
    pair.Collect();
    pair.RunUntilQuiet();
    ASSERT_TRUE(pair.b.endpoint.RekeyChildSa(pair.now, second));
    pair.Collect();
    pair.RunUntilQuiet();
}

using Four = std::vector<bool>;
const Four kAll(4, true);
const Four kNone(4, false);

TEST(TransportMode, IsAgreedOnAndKept)
{
    for (const bool v6 : {false, true})
    {
        ike::PeerConfig atA = HostPeer(true, v6);
        ike::PeerConfig atB = HostPeer(false, v6);
        atA.extensions = atB.extensions = {ike::UseTransportMode()};
        Pair pair(atA, atB);
        pair.Connect();
        test::ExpectMirrored(pair);
        CreateAndRekey(pair);
        EXPECT_EQ(Has<ike::TransportMode>(pair.a), kAll);
        EXPECT_EQ(Has<ike::TransportMode>(pair.b), kAll);
        EXPECT_EQ(pair.a.Last<ike::ChildSaInstalled>().localOuter, atA.local.address);
    }
}

/// RFC 7296, section 1.3.1: a responder that does not take part leaves the notify out.
TEST(TransportMode, FallsBackToTunnelMode)
{
    ike::PeerConfig atA = HostPeer(true);
    const ike::PeerConfig atB = HostPeer(false);
    atA.extensions = {ike::UseTransportMode()};
    Pair pair(atA, atB);
    pair.Connect();
    test::ExpectMirrored(pair);
    CreateAndRekey(pair);
    EXPECT_EQ(Has<ike::TransportMode>(pair.a), kNone);
    EXPECT_EQ(Has<ike::TransportMode>(pair.b), kNone);
}

/// The same, and the asking side will have nothing else: it deletes the Child SA, and IKE stays.
TEST(TransportMode, WhereItIsRequiredTunnelModeIsDeleted)
{
    ike::PeerConfig atA = HostPeer(true);
    atA.extensions = {ike::UseTransportMode(true)};
    Pair pair(atA, HostPeer(false));
    pair.Connect();
    EXPECT_EQ(pair.a.endpoint.EstablishedCount(), 1U);
    EXPECT_TRUE(pair.a.All<ike::ChildSaInstalled>().empty());
    EXPECT_EQ(pair.b.All<ike::ChildSaInstalled>().size(), 1U);
    EXPECT_EQ(pair.b.All<ike::ChildSaRemoved>().size(), 1U);
    // Where it is granted, nothing is deleted.
    ike::PeerConfig atB = HostPeer(false);
    atB.extensions = {ike::UseTransportMode()};
    Pair granted(atA, atB);
    granted.Connect();
    EXPECT_EQ(Has<ike::TransportMode>(granted.a), Four{true});
    EXPECT_TRUE(granted.b.All<ike::ChildSaRemoved>().empty());
}

/// Gateways before networks have no transport mode, whichever side would like it.
TEST(TransportMode, IsForTheTwoHostsOnly)
{
    for (const bool networkAtA : {false, true})
    {
        ike::PeerConfig atA = networkAtA ? MakePeer(true) : HostPeer(true);
        ike::PeerConfig atB = networkAtA ? HostPeer(false) : MakePeer(false);
        if (networkAtA)
        {
            atA.localSelectors = Selectors({"192.0.2.0/24"});
            atA.remoteSelectors = Selectors({"192.0.2.0/24"});
        }
        else
        {
            atB.localSelectors = Selectors({"192.0.2.0/24"});
            atB.remoteSelectors = Selectors({"192.0.2.0/24"});
        }
        atA.extensions = atB.extensions = {ike::UseTransportMode()};
        Pair pair(atA, atB);
        pair.Connect();
        test::ExpectMirrored(pair);
        EXPECT_EQ(Has<ike::TransportMode>(pair.a), Four{false});
        EXPECT_EQ(Has<ike::TransportMode>(pair.b), Four{false});
    }
}

TEST(TfcPadding, EachSideHearsWhatTheOtherDoesNotTake)
{
    ike::PeerConfig atA = MakePeer(true);
    ike::PeerConfig atB = MakePeer(false);
    atA.extensions = {ike::TfcPadding()};
    atB.extensions = {ike::TfcPadding(false)};
    Pair pair(atA, atB);
    pair.Connect();
    CreateAndRekey(pair);
    EXPECT_EQ(Has<ike::NoTfcPadding>(pair.a), kAll);
    EXPECT_EQ(Has<ike::NoTfcPadding>(pair.b), kNone);
}

/// IPv6 outside, and any mixture of selectors inside.
TEST(Ike, RunsOverIpv6WithSelectorsOfBothVersions)
{
    ike::PeerConfig atA = HostPeer(true, true);
    ike::PeerConfig atB = HostPeer(false, true);
    atA.localSelectors = Selectors({"2001:db8:1::/48", "10.1.0.0/16"});
    atA.remoteSelectors = Selectors({"2001:db8:2::/47", "10.2.0.0/16"});
    atB.localSelectors = Selectors({"2001:db8:2::/48", "10.0.0.0/8"});
    atB.remoteSelectors = Selectors({"2001:db8:1::/48", "10.1.2.0/24"});
    Pair pair(atA, atB);
    pair.Connect();
    test::ExpectMirrored(pair);
    const auto sa = pair.a.Last<ike::ChildSaInstalled>();
    EXPECT_EQ(sa.localSelectors, Selectors({"2001:db8:1::/48", "10.1.2.0/24"}));
    EXPECT_EQ(sa.remoteSelectors, Selectors({"2001:db8:2::/48", "10.2.0.0/16"}));
    EXPECT_EQ(sa.localOuter, atA.local.address);
}

/// RFC 8750, section 5: offered beside the explicit form; a responder without it takes that.
TEST(ImplicitIv, IsOneSuiteAmongOthers)
{
    using crypto::EncryptionId;
    ike::ChildSuite implicit;
    implicit.cipher = {EncryptionId::AesGcm16ImplicitIv, 256, crypto::IntegrityId::None};
    ike::ChildSuite explicitIv;
    explicitIv.cipher = {EncryptionId::AesGcm16, 256, crypto::IntegrityId::None};
    ike::ChildSuite chacha;
    chacha.cipher = {EncryptionId::ChaCha20Poly1305ImplicitIv, 256, crypto::IntegrityId::None};
    for (const bool known : {false, true})
    {
        ike::PeerConfig atA = MakePeer(true);
        ike::PeerConfig atB = MakePeer(false);
        atA.childSuites = {chacha, implicit, explicitIv};
        atB.childSuites = known ? std::vector{implicit, explicitIv} : std::vector{explicitIv};
        Pair pair(atA, atB);
        pair.Connect();
        test::ExpectMirrored(pair);
        EXPECT_TRUE(pair.a.Last<ike::ChildSaInstalled>().suite == (known ? implicit : explicitIv));
    }
    // Not for IKE itself, which has no sequence numbers.
    ike::PeerConfig bad = MakePeer(true);
    bad.ikeSuites.front().cipher = implicit.cipher;
    test::SeededRandom random(1);
    ike::IkeEndpoint endpoint(random);
    EXPECT_FALSE(endpoint.AddPeer(bad));
}

} // namespace

} // namespace ipseclab
