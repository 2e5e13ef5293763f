/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_DSCP_NOTIFICATION_H
#define IPSECLAB_IKE_EXTENSIONS_DSCP_NOTIFICATION_H

#include "model/ike/extensions/dscp-classes.h"

/**
 * \file
 * The notification that tells the DSCPs that a Child SA is for (draft-mglt-ipsecme-dscp-np-03).
 * Each side goes by a list of its own; nothing is checked on receipt.
 *
 *     IKE_AUTH           DSCP (no data)         ------>    the default SA
 *                                               <------    DSCP (no data)
 *     CREATE_CHILD_SA    DSCP (10, 12)          ------>    a Child SA with the same selectors
 *                                               <------    DSCP (10, 12), another list, or none
 *
 * A peer that does not answer in kind leaves the Child SA as it is: only one side classifies.
 */

namespace ipseclab::ike
{

struct DscpNotificationConfig
{
    DscpClassesConfig own; ///< what this side asks for
    /// Whether a Child SA that the peer has asked for gets the peer's DSCPs here, too; false: the
    /// answer is an empty list, and this side does not filter.
    bool follow{true};
    /// Also towards peers that do not send the Vendor ID which says what the number means.
    bool toAnyone{false};
    /// Notify message type; none is assigned.
    std::uint16_t type{50021};
};

ExtensionFactory DscpNotification(const DscpNotificationConfig& config);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_DSCP_NOTIFICATION_H
