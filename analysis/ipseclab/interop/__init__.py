# SPDX-License-Identifier: BSD-3-Clause
"""The simulated gateway against real IKE daemons on a live network: ``ipseclab interop``."""
