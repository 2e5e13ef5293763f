/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_IKE_EXTENSIONS_TFC_PADDING_H
#define IPSECLAB_IKE_EXTENSIONS_TFC_PADDING_H

#include "model/ike/ike-config.h"

namespace ipseclab::ike
{

/// A property of Child SAs whose other end does not take TFC padding.
struct NoTfcPadding
{
};

/**
 * ESP_TFC_PADDING_NOT_SUPPORTED (RFC 7296, section 1.3.1). Without this extension the peer may send
 * TFC padding, and what it says of itself is not heard.
 *
 * \param accepted false: tell the peer that this side takes none
 */
ExtensionFactory TfcPadding(bool accepted = true);

} // namespace ipseclab::ike

#endif // IPSECLAB_IKE_EXTENSIONS_TFC_PADDING_H
