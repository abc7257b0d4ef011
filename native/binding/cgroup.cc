#include "binding/cgroup.h"

#include "binding/descriptor.h"
#include "binding/promise_worker.h"
#include "bpf/cgroup.h"

namespace weir {

Napi::Value attach_to_cgroup_async(const Napi::CallbackInfo& info) {
  const SharedFd program = descriptor_argument(info, 0);
  const std::string cgroup = text_argument(info, 1, "cgroup");
  const std::string name = text_argument(info, 2, "hook");
  const std::optional<uint32_t> hook = cgroup_hook(name);
  if (!hook) throw Napi::TypeError::New(info.Env(), "hook must be one of cgroups, not '" + name + "'");
  return PromiseWorker<SharedFd>::start(
      info.Env(),
      [program, cgroup, hook = *hook] {
        return std::make_shared<const UniqueFd>(attach_to_cgroup(*program, cgroup, hook));
      },
      [](Napi::Env env, const SharedFd& link) { return descriptor_value(env, link); });
}

Napi::Value describe_cgroup_link_async(const Napi::CallbackInfo& info) {
  const SharedFd link = descriptor_argument(info, 0);
  return PromiseWorker<CgroupLinkDescription>::start(
      info.Env(), [link] { return describe_cgroup_link(*link); },
      [](Napi::Env env, const CgroupLinkDescription& description) {
        Napi::Object value = Napi::Object::New(env);
        value.Set("program", description.program);
        value.Set("cgroup", static_cast<double>(description.cgroup));
        return Napi::Value(value);
      });
}

}  // namespace weir
