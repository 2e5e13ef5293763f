/*
 * SPDX-License-Identifier: GPL-2.0-only
 */
#ifndef IPSECLAB_CAPTURE_KEYS_H
#define IPSECLAB_CAPTURE_KEYS_H

#include "helpers/ipsec-helper.h"

#include "ns3/ipsec-gateway.h"

#include <set>
#include <string>
#include <vector>

namespace ns3
{

/**
 * \ingroup ipsec
 * Writes the keys of every SA that a gateway sets up as a Wireshark profile, so that
 *
 *     WIRESHARK_CONFIG_DIR=FOLDER/wireshark tshark -C ipseclab -r FOLDER/x.pcap
 *
 * shows the decrypted IKE payloads and the inner packets, and as a JSON file with which `ipseclab
 * verify` opens the capture. One gateway of a pair is enough, for both directions are written. In
 * crypto mode Sized there is nothing that Wireshark could decrypt in ESP, and the profile has no
 * keys of ESP.
 */
class CaptureKeys
{
  public:
    /// \param preSharedKey of all tunnels
    explicit CaptureKeys(std::string preSharedKey = IpsecTunnel{}.preSharedKey);

    /// Begins to listen; this object must outlive the simulation.
    void Listen(Ptr<IpsecGateway> gateway);
    /// Writes FOLDER/wireshark/profiles/ipseclab/{preferences,ikev2_decryption_table,esp_sa} and
    /// FOLDER/secrets.json.
    /// \return the paths of what was written; throws std::runtime_error when it cannot write
    std::vector<std::string> Write(const std::string& folder) const;

  private:
    void HandleEvent(const ipseclab::ike::IkeEvent& event);

    std::string m_preSharedKey;
    bool m_sized{false};              ///< CryptoMode of the gateways
    std::set<std::string> m_ikeLines; ///< both ends of an SA tell the same
    std::set<std::string> m_espLines;
    std::set<std::string> m_ikeSecrets;
    std::set<std::string> m_espSecrets;
};

} // namespace ns3

#endif // IPSECLAB_CAPTURE_KEYS_H
