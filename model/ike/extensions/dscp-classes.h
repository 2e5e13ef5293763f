/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_DSCP_CLASSES_H
#define IPSECLAB_IKE_EXTENSIONS_DSCP_CLASSES_H

#include "model/ike/extensions/extension.h"
#include "model/wire/dscp-set.h"

#include <vector>

/**
 * \file
 * Several Child SAs with the same traffic selectors, each for some DSCPs (RFC 4301, section 4.1).
 * The peer is told nothing: which packets it puts on which of them is its own affair. What the
 * drafts add is in dscp-notification.h and ts-dscp.h.
 */

namespace ipseclab::ike
{

struct DscpClassesConfig
{
    /// The DSCPs of each class that this side asks for a Child SA for. A set without a value is no
    /// class.
    std::vector<DscpSet> classes;
    /// Whether the first Child SA of an IKE SA is for all DSCPs; false: for the first class.
    bool defaultFirst{true};
};

/// Which DSCPs a Child SA is for; a value of ChildSaInstalled::properties and, as a wish, of
/// ChildRequest::properties.
struct SaDscps
{
    DscpSet mine{};                 ///< that this side puts on it; empty: no list
    std::optional<DscpSet> peers{}; ///< as the peer told; nothing: it did not
    bool agreed{false};             ///< `mine` is what was negotiated: others must not be on it
    DscpSet asked{};                ///< the class that this side asked for; `mine` may be less
};

/// A command: ask for a Child SA for each class that has none.
struct AskForClassSas
{
};

/// The part that does not depend on what is said to the peer.
class DscpClassesExtension : public Extension
{
  public:
    explicit DscpClassesExtension(const DscpClassesConfig& config);
    std::unique_ptr<Extension> Clone() const override;
    void WriteChild(ExtensionHost& host, ChildNegotiation& child, wire::PayloadList& out) override;
    std::optional<Refusal> ReadChild(ExtensionHost& host,
                                     ChildNegotiation& child,
                                     const wire::PayloadList& in) override;
    bool Command(Instant now, ExtensionHost& host, const std::any& command) override;

  private:
    void ClassifyFirst(const ExtensionHost& host, ChildNegotiation& child) const;

    DscpClassesConfig m_config;
};

ExtensionFactory DscpClasses(const DscpClassesConfig& config);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_DSCP_CLASSES_H
