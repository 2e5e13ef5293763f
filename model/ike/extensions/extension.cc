/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/ike/extensions/extension.h"

#include <algorithm>

namespace ipseclab::ike
{

void
Extension::WriteInit(const PeerConfig&, bool, wire::PayloadList&) const
{
}

void
Extension::ReadInit(const PeerConfig&, bool, const wire::PayloadList&)
{
}

std::optional<ResumptionOffer>
Extension::OfferResumption(Instant, const PeerConfig&)
{
    return std::nullopt;
}

std::optional<ResumableSa>
Extension::AcceptResumption(Instant, const PeerConfig&, ByteSpan)
{
    return std::nullopt;
}

bool
Extension::FloatsPorts() const
{
    return false;
}

bool
Extension::LeavesOutFirstChild() const
{
    return false;
}

void
Extension::WriteAuth(ExtensionHost&, bool, wire::PayloadList&)
{
}

void
Extension::ReadAuth(ExtensionHost&, bool, const wire::PayloadList&)
{
}

bool
Extension::TakesProof(const PeerConfig&, const ProofKind&) const
{
    return true;
}

void
Extension::WriteChild(ExtensionHost&, ChildNegotiation&, wire::PayloadList&)
{
}

std::optional<Refusal>
Extension::ReadChild(ExtensionHost&, ChildNegotiation&, const wire::PayloadList&)
{
    return std::nullopt;
}

void
Extension::AnswerInformational(Instant,
                               ExtensionHost&,
                               const Path&,
                               const wire::PayloadList&,
                               wire::PayloadList&)
{
}

void
Extension::FinishInformational(Instant,
                               ExtensionHost&,
                               const wire::PayloadList&,
                               const wire::PayloadList&)
{
}

void
Extension::TakeOver(ExtensionHost&)
{
}

void
Extension::Encode(ExtensionHost&, const MessageKind&, wire::PayloadList&)
{
}

void
Extension::Decode(ExtensionHost&, const MessageKind&, wire::PayloadList&)
{
}

bool
Extension::Command(Instant, ExtensionHost&, const std::any&)
{
    return false;
}

ExtensionSet::ExtensionSet(const PeerConfig& peer)
{
    for (const auto& make : peer.extensions)
    {
        m_extensions.push_back(make());
    }
}

ExtensionSet
ExtensionSet::Clone() const
{
    ExtensionSet copy;
    for (const auto& extension : m_extensions)
    {
        copy.m_extensions.push_back(extension->Clone());
    }
    return copy;
}

void
ExtensionSet::WriteInit(const PeerConfig& peer, bool response, wire::PayloadList& out) const
{
    for (const auto& extension : m_extensions)
    {
        extension->WriteInit(peer, response, out);
    }
}

void
ExtensionSet::ReadInit(const PeerConfig& peer, bool response, const wire::PayloadList& in)
{
    for (const auto& extension : m_extensions)
    {
        extension->ReadInit(peer, response, in);
    }
}

std::optional<ResumptionOffer>
ExtensionSet::OfferResumption(Instant now, const PeerConfig& peer)
{
    for (const auto& extension : m_extensions)
    {
        if (auto offer = extension->OfferResumption(now, peer))
        {
            return offer;
        }
    }
    return std::nullopt;
}

std::optional<ResumableSa>
ExtensionSet::AcceptResumption(Instant now, const PeerConfig& peer, ByteSpan ticket)
{
    for (const auto& extension : m_extensions)
    {
        if (auto sa = extension->AcceptResumption(now, peer, ticket))
        {
            return sa;
        }
    }
    return std::nullopt;
}

bool
ExtensionSet::FloatsPorts() const
{
    return std::any_of(m_extensions.begin(),
                       m_extensions.end(),
                       [](const auto& extension) { return extension->FloatsPorts(); });
}

bool
ExtensionSet::LeavesOutFirstChild() const
{
    return std::any_of(m_extensions.begin(),
                       m_extensions.end(),
                       [](const auto& extension) { return extension->LeavesOutFirstChild(); });
}

void
ExtensionSet::WriteAuth(ExtensionHost& host, bool response, wire::PayloadList& out)
{
    for (const auto& extension : m_extensions)
    {
        extension->WriteAuth(host, response, out);
    }
}

void
ExtensionSet::ReadAuth(ExtensionHost& host, bool response, const wire::PayloadList& in)
{
    for (const auto& extension : m_extensions)
    {
        extension->ReadAuth(host, response, in);
    }
}

bool
ExtensionSet::TakesProof(const PeerConfig& peer, const ProofKind& proof) const
{
    return std::all_of(m_extensions.begin(),
                       m_extensions.end(),
                       [&](const auto& extension) { return extension->TakesProof(peer, proof); });
}

void
ExtensionSet::WriteChild(ExtensionHost& host, ChildNegotiation& child, wire::PayloadList& out)
{
    for (const auto& extension : m_extensions)
    {
        extension->WriteChild(host, child, out);
    }
}

std::optional<Refusal>
ExtensionSet::ReadChild(ExtensionHost& host, ChildNegotiation& child, const wire::PayloadList& in)
{
    std::optional<Refusal> first;
    for (const auto& extension : m_extensions)
    {
        auto refusal = extension->ReadChild(host, child, in);
        first = first ? std::move(first) : std::move(refusal);
    }
    return first;
}

void
ExtensionSet::AnswerInformational(Instant now,
                                  ExtensionHost& host,
                                  const Path& path,
                                  const wire::PayloadList& request,
                                  wire::PayloadList& response)
{
    for (const auto& extension : m_extensions)
    {
        extension->AnswerInformational(now, host, path, request, response);
    }
}

void
ExtensionSet::FinishInformational(Instant now,
                                  ExtensionHost& host,
                                  const wire::PayloadList& request,
                                  const wire::PayloadList& response)
{
    for (const auto& extension : m_extensions)
    {
        extension->FinishInformational(now, host, request, response);
    }
}

void
ExtensionSet::TakeOver(ExtensionHost& host)
{
    for (const auto& extension : m_extensions)
    {
        extension->TakeOver(host);
    }
}

void
ExtensionSet::Encode(ExtensionHost& host, const MessageKind& kind, wire::PayloadList& payloads)
{
    for (const auto& extension : m_extensions)
    {
        extension->Encode(host, kind, payloads);
    }
}

void
ExtensionSet::Decode(ExtensionHost& host, const MessageKind& kind, wire::PayloadList& payloads)
{
    std::for_each(m_extensions.rbegin(),
                  m_extensions.rend(),
                  [&](const auto& extension) { extension->Decode(host, kind, payloads); });
}

bool
ExtensionSet::Command(Instant now, ExtensionHost& host, const std::any& command)
{
    return std::any_of(m_extensions.begin(),
                       m_extensions.end(),
                       [&](const auto& extension)
                       { return extension->Command(now, host, command); });
}

} // namespace ipseclab::ike
