// Changes of the network on JavaScript's event loop.
#pragma once

#include <napi.h>

namespace weir {

// watchNetwork(take, networkNamespace = ''): reader. Calls take(changes) whenever something changed, with null where the
// kernel had to drop changes. Does not keep the process alive. closeReader ends it.
Napi::Value watch_network(const Napi::CallbackInfo& info);

}  // namespace weir
