/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_CHILDLESS_H
#define IPSECLAB_IKE_EXTENSIONS_CHILDLESS_H

#include "model/ike/ike-config.h"

namespace ipseclab::ike
{

/**
 * RFC 6023: an IKE SA that comes up without a Child SA. As responder this side announces that it
 * takes part. Child SAs are made by CREATE_CHILD_SA, each with a key exchange of its own where the
 * suite has one.
 *
 * \param leaveOut as initiator leave the first Child SA out when the responder announces it; to a
 * responder that does not, IKE_AUTH is as ever
 */
ExtensionFactory Childless(bool leaveOut);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_CHILDLESS_H
