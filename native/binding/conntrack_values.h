// Connection-tracking filters and entries between JavaScript and C++.
#pragma once

#include <napi.h>

#include "link/conntrack_filter.h"

namespace weir {

// Copies a filter in. Throws Napi::TypeError or Napi::RangeError that names the field.
ConntrackFilter filter_from(const Napi::Value& value);

// `{family, protocol, original, reply, status, id, timeoutSeconds, mark, tcpState}`; addresses as Uint8Array.
Napi::Object value_of(Napi::Env env, const ConntrackEntry& entry);

}  // namespace weir
