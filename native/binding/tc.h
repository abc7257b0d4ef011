// Programs on interfaces, for JavaScript. A hook is 'ingress' or 'egress'; `networkNamespace` is the path of the
// interface's namespace, left out the caller's.
#pragma once

#include <napi.h>

namespace weir {

// attachTcx(program, interface, hook, networkNamespace?): Promise<link>
Napi::Value attach_tcx_async(const Napi::CallbackInfo& info);

// updateLink(link, program): Promise<undefined>
Napi::Value update_link_async(const Napi::CallbackInfo& info);

// detachLink(link): Promise<undefined>
Napi::Value detach_link_async(const Napi::CallbackInfo& info);

// describeLink(link): Promise<{id, program, interface, hook}>
Napi::Value describe_link_async(const Napi::CallbackInfo& info);

// describeLinks(links): Promise<Uint32Array>, two numbers for each: its program's id, and its interface
Napi::Value describe_links_async(const Napi::CallbackInfo& info);

// programsOn(interface, hook, networkNamespace?): Promise<{program, link}[]>
Napi::Value programs_on_async(const Napi::CallbackInfo& info);

// attachFilter(program, interface, hook, priority, networkNamespace?): Promise<undefined>
Napi::Value attach_filter_async(const Napi::CallbackInfo& info);

// detachFilter(interface, hook, priority, networkNamespace?): Promise<undefined>
Napi::Value detach_filter_async(const Napi::CallbackInfo& info);

// filterPrograms(interfaces, priority, networkNamespace?): Promise<Uint32Array>, two ids for each: at ingress, at egress
Napi::Value filter_programs_async(const Napi::CallbackInfo& info);

// othersOn(interfaces, ownPrograms, networkNamespace?): Promise<Uint32Array>, a sum for each: 1 for a program, 2 for a filter, 4
// for a queue
Napi::Value others_on_async(const Napi::CallbackInfo& info);

}  // namespace weir
