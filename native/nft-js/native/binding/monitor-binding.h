// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

namespace nftjs {

/// `openMonitor(netns | undefined, listener)` → function that stops it. The listener gets a Buffer of raw
/// messages, or undefined when notifications were lost. Throws on failure to open.
Napi::Value open_monitor(const Napi::CallbackInfo& info);

}  // namespace nftjs
