/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_PRIVATE_USE_H
#define IPSECLAB_IKE_EXTENSIONS_PRIVATE_USE_H

#include "model/wire/ike-message.h"

namespace ipseclab::ike
{

/// A Vendor ID that says what numbers without an assignment mean to this implementation (RFC 7296,
/// section 3.12). Numbers in proposals are sent only to who has said it, too.
wire::Payload MakePrivateUseVendorId();

/// Whether the Vendor ID is there.
bool HasPrivateUseVendorId(const wire::PayloadList& payloads);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_PRIVATE_USE_H
