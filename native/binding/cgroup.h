// Programs on cgroups, for JavaScript. A hook is 'connect4', 'connect6' and so on.
#pragma once

#include <napi.h>

namespace weir {

// attachToCgroup(program, cgroup, hook): Promise<link>
Napi::Value attach_to_cgroup_async(const Napi::CallbackInfo& info);

// describeCgroupLink(link): Promise<{program, cgroup}>; the cgroup's id as a number
Napi::Value describe_cgroup_link_async(const Napi::CallbackInfo& info);

}  // namespace weir
