// Ring buffers on JavaScript's event loop.
#pragma once

#include <napi.h>

namespace weir {

// readRing(map, limit, take, pauseMs = 0): reader. Calls take(bytes) with at most `limit` records, one after the other,
// whenever some wait, and leaves the ring alone for the pause. Does not keep the process alive. closeReader ends it.
Napi::Value read_ring(const Napi::CallbackInfo& info);

}  // namespace weir
