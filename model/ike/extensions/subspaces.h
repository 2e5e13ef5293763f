/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_SUBSPACES_H
#define IPSECLAB_IKE_EXTENSIONS_SUBSPACES_H

#include "model/esp/sequence-scheme.h"
#include "model/ike/ike-config.h"

/**
 * \file
 * Sequence number subspaces of a Child SA (draft-ponchon-ipsecme-anti-replay-subspaces). The draft
 * says that IKE negotiates them and the model does so as RFC 9827 suggests, by values of Transform
 * Type 5 beside the assigned ones; how the draft's last version does it could not be read.
 *
 *     IKE_SA_INIT   Vendor ID                        <------>    Vendor ID
 *     Child SA      SA: type 5 = 1024 (N), 1 or 0    ------->
 *                                                    <-------    SA: type 5 = 1024 (N), if N suits
 *                                                                it, otherwise 1 or 0
 *
 * A peer that does not send the Vendor ID is not asked. Rekeying negotiates anew.
 */

namespace ipseclab::ike
{

/// None of these numbers is assigned, and Transform Type 5 has no range for private use.
struct SubspacesNumbers
{
    std::uint16_t sub64{1024};            ///< Transform ID of SequenceKind::Sub64
    std::uint16_t sub32{1027};            ///< Transform ID of SequenceKind::Sub32
    std::uint16_t countAttribute{16385};  ///< the number of subspaces; 0 stands for 65536
    std::uint16_t idBitsAttribute{16386}; ///< of Sub32: SequenceScheme::idBits
};

struct SubspacesConfig
{
    /// What is asked for, and taken when asked, exactly so; the best first. Those that are not
    /// IsValid are left out.
    std::vector<esp::SequenceScheme> schemes;
    /// No Child SA without one of them.
    bool required{false};
    SubspacesNumbers numbers;
};

/// What was agreed on is an esp::SequenceScheme in ChildSaInstalled::properties.
ExtensionFactory Subspaces(const SubspacesConfig& config);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_SUBSPACES_H
