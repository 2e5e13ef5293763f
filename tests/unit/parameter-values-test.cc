/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "helpers/scenario.h"

#include <gtest/gtest.h>

namespace
{

using ipseclab::ParameterError;
using ipseclab::ParameterSpec;
using ipseclab::ParameterValues;
using ipseclab::Quantity;

const std::vector<ParameterSpec>&
Specs()
{
    static const std::vector<ParameterSpec> specs{
        {"window", Quantity::Count, "64", 32, 65536, "no replay check", {}, ""},
        {"share", Quantity::Number, "0.3", 0, 1, "", {}, ""},
        {"spread", Quantity::Time, "1ms", 0, 10, "", {}, ""},
        {"rate", Quantity::PacketRate, "100kpps", 1, 1e7, "", {}, ""},
        {"link", Quantity::BitRate, "100Gbps", 1e3, 1e13, "", {}, ""},
        {"payload", Quantity::Octets, "1000B", 12, 1372, "", {}, ""},
        {"esn", Quantity::Choice, "off", 0, 0, "", {"off", "on"}, ""},
    };
    return specs;
}

struct Accepted
{
    const char* name;
    const char* typed;
    const char* canonical;
    double number;
};

class Accepts : public testing::TestWithParam<Accepted>
{
};

TEST_P(Accepts, OneSpellingAndTheNearestDouble)
{
    const auto& [name, typed, canonical, number] = GetParam();
    const ParameterValues values(Specs(), {{name, typed}});
    EXPECT_EQ(values.Canonical().at(name), canonical);
    EXPECT_EQ(values.Number(name), number);
    const ParameterValues again(Specs(), {{name, canonical}});
    EXPECT_EQ(again.Canonical(), values.Canonical());
    EXPECT_EQ(again.Number(name), number);
}

INSTANTIATE_TEST_SUITE_P(ParameterValues,
                         Accepts,
                         testing::Values(Accepted{"window", "64", "64", 64},
                                         Accepted{"window", "1e4", "10000", 10000},
                                         Accepted{"window", "1.5e3", "1500", 1500},
                                         Accepted{"window", "0", "0", 0},
                                         Accepted{"window", "0064", "64", 64},
                                         Accepted{"share", "0.30", "0.3", 0.3},
                                         Accepted{"share", "3e-1", "0.3", 0.3},
                                         Accepted{"share", "1.0", "1", 1},
                                         Accepted{"spread", "1ms", "1ms", 1e-3},
                                         Accepted{"spread", "1000us", "1ms", 1e-3},
                                         Accepted{"spread", "0.001s", "1ms", 1e-3},
                                         Accepted{"spread", "1.005ms", "1005us", 1.005e-3},
                                         Accepted{"spread", "0.1ms", "100us", 1e-4},
                                         Accepted{"spread", "0.1min", "6s", 6},
                                         Accepted{"spread", "0ns", "0s", 0},
                                         Accepted{"spread", "1e-30s", "1e-30s", 1e-30},
                                         Accepted{"rate", "0.1Mpps", "100kpps", 1e5},
                                         Accepted{"rate", "333.25kpps", "333250pps", 333250},
                                         Accepted{"rate", "0.01Gpps", "10Mpps", 1e7},
                                         Accepted{"link", "1500Mbps", "1.5Gbps", 1.5e9},
                                         Accepted{"payload", "1000B", "1kB", 1000},
                                         Accepted{"payload", "1KiB", "1024B", 1024},
                                         Accepted{"payload", "0.5KiB", "512B", 512}));

struct Refused
{
    const char* name;
    const char* typed;
    const char* message;
};

class Refuses : public testing::TestWithParam<Refused>
{
};

TEST_P(Refuses, InOneLine)
{
    const auto& [name, typed, message] = GetParam();
    try
    {
        const ParameterValues values(Specs(), {{name, typed}});
        FAIL() << "took it as " << values.Canonical().at(name);
    }
    catch (const ParameterError& error)
    {
        EXPECT_STREQ(error.what(), message);
    }
}

#define RATE      "; a packet rate such as \"100kpps\", 1pps to 10Mpps"
#define WINDOW    "; a whole number, 32 to 65536, or 0 (no replay check)"
#define SPREAD    "; a time such as \"1ms\", 0s to 10s"
#define SHARE     "; a number, 0 to 1"
#define EXTRA     " has something after the number, which has no unit"
#define RATE_UNIT " has a unit other than pps, kpps, Mpps, Gpps"

INSTANTIATE_TEST_SUITE_P(
    ParameterValues,
    Refuses,
    testing::Values(
        Refused{"rate", "100", "rate: \"100\" has no unit" RATE},
        Refused{"rate", "100kbps", "rate: \"100kbps\"" RATE_UNIT RATE},
        Refused{"rate", "1e5 pps", "rate: \"1e5 pps\"" RATE_UNIT RATE},
        Refused{"rate", "1,5kpps", "rate: \"1,5kpps\"" RATE_UNIT RATE},
        Refused{"rate", "20Mpps", "rate: \"20Mpps\" is out of range" RATE},
        Refused{"rate", "0pps", "rate: \"0pps\" is out of range" RATE},
        Refused{"rate", "nan", "rate: \"nan\" is no number" RATE},
        Refused{"rate", "infpps", "rate: \"infpps\" is no number" RATE},
        Refused{"rate", "1e999pps", "rate: \"1e999pps\" is no number" RATE},
        Refused{"rate", "", "rate: \"\" is no number" RATE},
        Refused{"window", "7", "window: \"7\" is out of range" WINDOW},
        Refused{"window", "64.5", "window: \"64.5\" is no whole number" WINDOW},
        Refused{"window", "-64", "window: \"-64\" is negative" WINDOW},
        Refused{"window", "0x40", "window: \"0x40\"" EXTRA WINDOW},
        Refused{"window", "10_000", "window: \"10_000\"" EXTRA WINDOW},
        Refused{"window",
                "99999999999999999999999",
                "window: \"99999999999999999999999\" is no number" WINDOW},
        Refused{"spread", "0", "spread: \"0\" has no unit" SPREAD},
        Refused{"spread", "1min", "spread: \"1min\" is out of range" SPREAD},
        Refused{"share", "1.1", "share: \"1.1\" is out of range" SHARE},
        Refused{"share", ".5", "share: \".5\" is no number" SHARE},
        Refused{"share", "1\n2", "share: \"1?2\"" EXTRA SHARE},
        Refused{"payload",
                "12.5B",
                "payload: \"12.5B\" is no whole number; a number of octets such as \"1000B\", 12B "
                "to 1372B"},
        Refused{"esn", "maybe", "esn: \"maybe\" is unknown; one of off, on"},
        Refused{"bogus",
                "1",
                "no parameter is named \"bogus\"; there are window, share, spread, rate, link, "
                "payload, esn"}));

#undef RATE
#undef WINDOW
#undef SPREAD
#undef SHARE
#undef EXTRA
#undef RATE_UNIT

TEST(ParameterValues, FillsInDefaults)
{
    const ParameterValues values(Specs(), {{"esn", "on"}});
    EXPECT_EQ(values.Canonical().size(), Specs().size());
    EXPECT_EQ(values.Count("window"), 64U);
    EXPECT_EQ(values.Number("rate"), 1e5);
    EXPECT_EQ(values.Word("esn"), "on");
}

} // namespace
