#pragma once

#include <napi.h>

namespace weir {

// watchPacketLog(group, snap, take, networkNamespace?): reader. Calls `take` with a list of packets, or with null when
// the kernel had to drop some.
Napi::Value watch_packet_log(const Napi::CallbackInfo& info);

}  // namespace weir
