/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#ifndef IPSECLAB_ESP_ESP_SA_H
#define IPSECLAB_ESP_ESP_SA_H

/// \file
/// Both halves of an SA.

#include "model/esp/inbound-sa.h"
#include "model/esp/outbound-sa.h"

#endif // IPSECLAB_ESP_ESP_SA_H
