/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "delay-model.h"

#include "ns3/double.h"
#include "ns3/simulator.h"

namespace ipseclab
{

using ns3::CreateObject;
using ns3::DoubleValue;
using ns3::Ptr;

namespace
{

/// Asks a function; draws nothing.
class CustomDelay : public ns3::RandomVariableStream
{
  public:
    static ns3::TypeId GetTypeId()
    {
        static ns3::TypeId tid = ns3::TypeId("ipseclab::CustomDelay")
                                     .SetParent<ns3::RandomVariableStream>()
                                     .SetGroupName("Ipsec");
        return tid;
    }

    explicit CustomDelay(std::function<double(std::uint64_t, double)> function)
        : m_function(std::move(function))
    {
    }

    double GetValue() override
    {
        return m_function(m_index++, ns3::Simulator::Now().GetSeconds());
    }

    std::uint32_t GetInteger() override
    {
        return static_cast<std::uint32_t>(GetValue());
    }

  private:
    std::function<double(std::uint64_t, double)> m_function;
    std::uint64_t m_index{0};
};

Ptr<ns3::RandomVariableStream>
MakeConstant(double value)
{
    const auto constant = CreateObject<ns3::ConstantRandomVariable>();
    constant->SetAttribute("Constant", DoubleValue(value));
    return constant;
}

Ptr<ns3::RandomVariableStream>
MakeTwoPoint(double seconds, double fastShare)
{
    if (fastShare == 0 || fastShare == 1)
    {
        return MakeConstant(fastShare == 0 ? seconds : 0);
    }
    const auto paths = CreateObject<ns3::EmpiricalRandomVariable>();
    paths->CDF(0, fastShare);
    paths->CDF(seconds, 1);
    return paths;
}

} // namespace

Ptr<ns3::RandomVariableStream>
MakeExtraDelay(const DelayModel& model)
{
    if (model.kind == DelayModel::Kind::Custom)
    {
        return CreateObject<CustomDelay>(model.custom);
    }
    if (model.kind == DelayModel::Kind::None || model.seconds == 0)
    {
        return MakeConstant(0);
    }
    if (model.kind == DelayModel::Kind::TwoPoint)
    {
        return MakeTwoPoint(model.seconds, model.fastShare);
    }
    if (model.kind == DelayModel::Kind::Uniform)
    {
        const auto uniform = CreateObject<ns3::UniformRandomVariable>();
        uniform->SetAttribute("Max", DoubleValue(model.seconds));
        return uniform;
    }
    const auto exponential = CreateObject<ns3::ExponentialRandomVariable>();
    exponential->SetAttribute("Mean", DoubleValue(model.seconds));
    return exponential;
}

} // namespace ipseclab
