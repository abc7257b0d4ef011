// listConntrack and deleteConntrack for JavaScript.
#pragma once

#include <napi.h>

namespace weir {

// listConntrack(filter, networkNamespace = ''): Promise<Entry[]>
Napi::Value list_conntrack_async(const Napi::CallbackInfo& info);

// deleteConntrack(filters, networkNamespace = ''): Promise<number>
Napi::Value delete_conntrack_async(const Napi::CallbackInfo& info);

}  // namespace weir
