// Loading BPF objects, and what is done with programs, for JavaScript.
#pragma once

#include <napi.h>

namespace weir {

// loadBpfObject(path, {constants, maxEntries, pins, skipped?}): Promise<{maps, programs}>, each by name
Napi::Value load_bpf_object_async(const Napi::CallbackInfo& info);

// pinDescriptor(descriptor, path): Promise<undefined>
Napi::Value pin_descriptor_async(const Napi::CallbackInfo& info);

// openPinned(path): Promise<descriptor>
Napi::Value open_pinned_async(const Napi::CallbackInfo& info);

// runProgramOnPacket(program, data, interface, ingressInterface, repeat, networkNamespace?): Promise<{value, nanoseconds, frame}>
Napi::Value run_program_on_packet_async(const Napi::CallbackInfo& info);

// runProgramOnPackets(program, frames, ends, interface, ingressInterface, networkNamespace?): Promise<Uint32Array>
Napi::Value run_program_on_packets_async(const Napi::CallbackInfo& info);

// runProgramOnContext(program, context): Promise<{value, context}>
Napi::Value run_program_on_context_async(const Napi::CallbackInfo& info);

// runIterator(program, networkNamespace?): Promise<undefined>
Napi::Value run_iterator_async(const Napi::CallbackInfo& info);

// runIteratorOnMap(program, map): Promise<undefined>
Napi::Value run_iterator_on_map_async(const Napi::CallbackInfo& info);

// describeProgram(program): Promise<{id, name, runs, nanoseconds}>
Napi::Value describe_program_async(const Napi::CallbackInfo& info);

// countProgramRuns(): Promise<descriptor>
Napi::Value count_program_runs_async(const Napi::CallbackInfo& info);

}  // namespace weir
