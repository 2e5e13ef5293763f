/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/esp-sa-parts.h"

namespace ipseclab::esp
{

SubSaCiphers
MakeSubSas(const EspSaConfig& config, crypto::Direction direction)
{
    return {config.suite,
            config.subSaKdf,
            config.keyingMaterial,
            direction,
            config.mode,
            config.keepSubSaKeys};
}

std::unique_ptr<crypto::PayloadCipher>
MakeCipher(const EspSaConfig& config, crypto::Direction direction)
{
    if (!config.Numbers().IsValid())
    {
        return nullptr;
    }
    if (!config.IsEesp())
    {
        return crypto::PayloadCipher::Create(config.suite,
                                             config.keyingMaterial,
                                             config.integrityKey,
                                             direction,
                                             config.mode);
    }
    const auto traits = crypto::FindTraits(config.suite);
    const auto rootLength = crypto::FindPrfLength(config.subSaKdf);
    const bool fits = traits && traits->combined && rootLength &&
                      config.keyingMaterial.size() == *rootLength && !config.udp;
    return fits ? MakeSubSas(config, direction).Derive(0) : nullptr;
}

} // namespace ipseclab::esp
