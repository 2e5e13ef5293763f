/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/timing/engine-config.h"

namespace ipseclab::timing
{

namespace
{

std::unique_ptr<Engine>
Join(std::unique_ptr<Engine> first, std::unique_ptr<Engine> second, std::size_t numbering)
{
    std::vector<std::unique_ptr<Engine>> engines;
    engines.push_back(std::move(first));
    engines.push_back(std::move(second));
    return std::make_unique<Chain>(std::move(engines), numbering);
}

std::unique_ptr<Engine>
MakeBare(const EngineConfig& config, crypto::RandomSource& random)
{
    switch (config.architecture)
    {
    case Architecture::LookAside:
        return std::make_unique<LookAside>(config.lookAside, random);
    case Architecture::InlineCrypto:
        return Join(std::make_unique<Cores>(config.cores, random),
                    std::make_unique<InlineNic>(config.nic),
                    0);
    case Architecture::InlineFull:
        return std::make_unique<InlineNic>(config.nic);
    case Architecture::CloudTunnel:
        return std::make_unique<RateCap>(config.cap);
    case Architecture::Cores:
        break;
    }
    return std::make_unique<Cores>(config.cores, random);
}

} // namespace

std::unique_ptr<Engine>
MakeEngine(const EngineConfig& config, crypto::RandomSource& random)
{
    auto engine = MakeBare(config, random);
    if (config.ordered)
    {
        engine = std::make_unique<Ordered>(std::move(engine));
    }
    if (config.coalescer.wait > 0 && config.coalescer.frames > 1)
    {
        engine = Join(std::make_unique<Coalescer>(config.coalescer), std::move(engine), 1);
    }
    return engine;
}

} // namespace ipseclab::timing
