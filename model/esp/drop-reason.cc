/*
 * SPDX-License-Identifier: BSD-3-Clause
 */
#include "model/esp/drop-reason.h"

namespace ipseclab::esp
{

const char*
Name(DropReason reason)
{
    switch (reason)
    {
    case DropReason::None:
        return "none";
    case DropReason::Malformed:
        return "malformed";
    case DropReason::NoPolicy:
        return "no-policy";
    case DropReason::PolicyDiscard:
        return "policy-discard";
    case DropReason::AcquirePending:
        return "acquire-pending";
    case DropReason::SequenceOverflow:
        return "sequence-overflow";
    case DropReason::TooBig:
        return "too-big";
    case DropReason::Fragment:
        return "fragment";
    case DropReason::UnknownSpi:
        return "unknown-spi";
    case DropReason::ReplayTooOld:
        return "replay-too-old";
    case DropReason::ReplayDuplicate:
        return "replay-duplicate";
    case DropReason::ReplayInvalid:
        return "replay-invalid";
    case DropReason::ReplayFarAhead:
        return "replay-far-ahead";
    case DropReason::SubspaceRange:
        return "subspace-range";
    case DropReason::Icv:
        return "icv";
    case DropReason::Padding:
        return "padding";
    case DropReason::NextHeader:
        return "next-header";
    case DropReason::SelectorMismatch:
        return "selector-mismatch";
    case DropReason::FragmentUnknown:
        return "fragment-unknown";
    case DropReason::FragmentOverlap:
        return "fragment-overlap";
    case DropReason::UnprotectedInbound:
        return "unprotected-inbound";
    case DropReason::EcnInvalid:
        return "ecn-invalid";
    case DropReason::Dummy:
        return "dummy";
    case DropReason::EngineFull:
        return "engine-full";
    case DropReason::AggfragQueue:
        return "aggfrag-queue";
    case DropReason::AggfragLate:
        return "aggfrag-late";
    case DropReason::AggfragBlock:
        return "aggfrag-block";
    case DropReason::Queue:
        return "queue";
    }
    return "?";
}

} // namespace ipseclab::esp
