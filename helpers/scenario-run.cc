/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#include "scenario-run.h"

#include "ns3/boolean.h"
#include "ns3/global-value.h"
#include "ns3/point-to-point-helper.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"

#include <filesystem>
#include <stdexcept>

namespace ipseclab
{

SimulatorScope::SimulatorScope(const RunContext& context)
{
    const bool captures = !context.outputFolder.empty();
    if (captures)
    {
        std::filesystem::create_directories(context.outputFolder);
    }
    ns3::RngSeedManager::SetSeed(context.seed);
    ns3::RngSeedManager::SetRun(context.run);
    // Checksums cost time, and only a reader of captures looks at them.
    ns3::GlobalValue::Bind("ChecksumEnabled", ns3::BooleanValue(captures));
}

SimulatorScope::~SimulatorScope()
{
    ns3::Simulator::Destroy();
}

RunCaptures::RunCaptures(const RunContext& context)
    : m_folder(context.outputFolder)
{
}

void
RunCaptures::Capture(ns3::Ptr<ns3::NetDevice> device, const char* name)
{
    if (!m_folder.empty())
    {
        const auto path = std::filesystem::absolute(m_folder).lexically_normal() / name;
        m_files.push_back(path.string());
        ns3::PointToPointHelper().EnablePcap(path.string(), device, true, true);
    }
}

void
RunCaptures::ListenTo(ns3::Ptr<ns3::IpsecGateway> gateway)
{
    if (!m_folder.empty())
    {
        m_keys.Listen(gateway);
    }
}

std::vector<std::string>
RunCaptures::Finish() const
{
    std::vector<std::string> files = m_files;
    if (!m_folder.empty())
    {
        const auto keys = m_keys.Write(m_folder);
        files.insert(files.end(), keys.begin(), keys.end());
    }
    return files;
}

void
FailConservation(NamedCounts counts)
{
    std::string text = "packets are not conserved:";
    const char* separator = " ";
    for (const auto& [name, count] : counts)
    {
        text += separator + std::to_string(count) + " " + name;
        separator = ", ";
    }
    throw std::logic_error(text);
}

} // namespace ipseclab
