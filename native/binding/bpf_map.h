// Maps for JavaScript. Keys and values are bytes, one entry after the other.
#pragma once

#include <napi.h>

namespace weir {

// describeMap(map): Promise<{id, type, keySize, valueSize, maxEntries, flags, name}>
Napi::Value describe_map_async(const Napi::CallbackInfo& info);

// mapTypes(map): Promise<{types, key, value}>
Napi::Value map_types_async(const Napi::CallbackInfo& info);

// updateMap(map, keys, values): Promise<undefined>
Napi::Value update_map_async(const Napi::CallbackInfo& info);

// readMap(map): Promise<{count, keys, values}>
Napi::Value read_map_async(const Napi::CallbackInfo& info);

// lookUpInMap(map, key): Promise<Uint8Array | null>
Napi::Value look_up_in_map_async(const Napi::CallbackInfo& info);

// deleteFromMap(map, keys): Promise<number>
Napi::Value delete_from_map_async(const Napi::CallbackInfo& info);

}  // namespace weir
