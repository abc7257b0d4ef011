#include "binding/tc.h"

#include "binding/descriptor.h"
#include "binding/promise_worker.h"
#include "bpf/tc.h"
#include "link/network_namespace.h"
#include "link/traffic_control.h"

namespace weir {
namespace {

TcHook hook_argument(const Napi::CallbackInfo& info, size_t index) {
  const std::string name = text_argument(info, index, "hook");
  if (name == "ingress") return TcHook::kIngress;
  if (name == "egress") return TcHook::kEgress;
  throw Napi::TypeError::New(info.Env(), "hook must be 'ingress' or 'egress'");
}

Napi::Value in_namespace(Napi::Env env, const std::string& network_namespace, std::function<void()> work) {
  return PromiseWorker<bool>::start(
      env,
      [network_namespace, work = std::move(work)] {
        in_network_namespace(network_namespace, work);
        return true;
      },
      [](Napi::Env result_env, const bool&) { return result_env.Undefined(); });
}

}  // namespace

Napi::Value attach_tcx_async(const Napi::CallbackInfo& info) {
  const SharedFd program = descriptor_argument(info, 0);
  const uint32_t interface = number_argument(info, 1, "interface");
  const TcHook hook = hook_argument(info, 2);
  const std::string network_namespace = optional_text_argument(info, 3, "networkNamespace");
  return PromiseWorker<SharedFd>::start(
      info.Env(),
      [program, interface, hook, network_namespace] {
        SharedFd link;
        in_network_namespace(network_namespace, [&] {
          link = std::make_shared<const UniqueFd>(attach_tcx(*program, interface, hook));
        });
        return link;
      },
      [](Napi::Env env, const SharedFd& link) { return descriptor_value(env, link); });
}

Napi::Value update_link_async(const Napi::CallbackInfo& info) {
  const SharedFd link = descriptor_argument(info, 0);
  const SharedFd program = descriptor_argument(info, 1);
  return in_namespace(info.Env(), "", [link, program] { update_link(*link, *program); });
}

Napi::Value detach_link_async(const Napi::CallbackInfo& info) {
  const SharedFd link = descriptor_argument(info, 0);
  return in_namespace(info.Env(), "", [link] { detach_link(*link); });
}

Napi::Value describe_link_async(const Napi::CallbackInfo& info) {
  const SharedFd link = descriptor_argument(info, 0);
  return PromiseWorker<LinkDescription>::start(
      info.Env(), [link] { return describe_link(*link); },
      [](Napi::Env env, const LinkDescription& description) {
        Napi::Object value = Napi::Object::New(env);
        value.Set("id", description.id);
        value.Set("program", description.program);
        value.Set("interface", description.interface);
        value.Set("hook", description.hook == TcHook::kIngress ? "ingress" : "egress");
        return Napi::Value(value);
      });
}

Napi::Value describe_links_async(const Napi::CallbackInfo& info) {
  const std::vector<SharedFd> links = descriptors_argument(info, 0);
  return PromiseWorker<std::vector<uint32_t>>::start(
      info.Env(),
      [links] {
        std::vector<uint32_t> numbers;
        for (const SharedFd& link : links) {
          const LinkDescription description = describe_link(*link);
          numbers.push_back(description.program);
          numbers.push_back(description.interface);
        }
        return numbers;
      },
      numbers_value);
}

Napi::Value programs_on_async(const Napi::CallbackInfo& info) {
  const uint32_t interface = number_argument(info, 0, "interface");
  const TcHook hook = hook_argument(info, 1);
  const std::string network_namespace = optional_text_argument(info, 2, "networkNamespace");
  using Programs = std::vector<AttachedProgram>;
  return PromiseWorker<Programs>::start(
      info.Env(),
      [interface, hook, network_namespace] {
        Programs programs;
        in_network_namespace(network_namespace, [&] { programs = programs_on(interface, hook); });
        return programs;
      },
      [](Napi::Env env, const Programs& programs) {
        Napi::Array value = Napi::Array::New(env, programs.size());
        for (size_t index = 0; index < programs.size(); ++index) {
          Napi::Object entry = Napi::Object::New(env);
          entry.Set("program", programs[index].program);
          entry.Set("link", programs[index].link);
          value.Set(static_cast<uint32_t>(index), entry);
        }
        return Napi::Value(value);
      });
}

Napi::Value attach_filter_async(const Napi::CallbackInfo& info) {
  const SharedFd program = descriptor_argument(info, 0);
  const uint32_t interface = number_argument(info, 1, "interface");
  const TcHook hook = hook_argument(info, 2);
  const uint32_t priority = number_argument(info, 3, "priority");
  return in_namespace(info.Env(), optional_text_argument(info, 4, "networkNamespace"),
                      [=] { attach_filter(*program, interface, hook, priority); });
}

Napi::Value detach_filter_async(const Napi::CallbackInfo& info) {
  const uint32_t interface = number_argument(info, 0, "interface");
  const TcHook hook = hook_argument(info, 1);
  const uint32_t priority = number_argument(info, 2, "priority");
  return in_namespace(info.Env(), optional_text_argument(info, 3, "networkNamespace"),
                      [=] { detach_filter(interface, hook, priority); });
}

Napi::Value filter_programs_async(const Napi::CallbackInfo& info) {
  const std::vector<uint32_t> interfaces = numbers_argument(info, 0, "interfaces");
  const uint32_t priority = number_argument(info, 1, "priority");
  const std::string network_namespace = optional_text_argument(info, 2, "networkNamespace");
  return PromiseWorker<std::vector<uint32_t>>::start(
      info.Env(),
      [interfaces, priority, network_namespace] {
        std::vector<uint32_t> programs;
        in_network_namespace(network_namespace, [&] {
          for (const uint32_t interface : interfaces) {
            for (const TcHook hook : {TcHook::kIngress, TcHook::kEgress}) {
              programs.push_back(filter_program(interface, hook, priority));
            }
          }
        });
        return programs;
      },
      numbers_value);
}

Napi::Value others_on_async(const Napi::CallbackInfo& info) {
  const std::vector<uint32_t> interfaces = numbers_argument(info, 0, "interfaces");
  const std::vector<uint32_t> own = numbers_argument(info, 1, "ownPrograms");
  const std::string network_namespace = optional_text_argument(info, 2, "networkNamespace");
  return PromiseWorker<std::vector<uint32_t>>::start(
      info.Env(),
      [interfaces, own, network_namespace] {
        std::vector<uint32_t> sums;
        in_network_namespace(network_namespace, [&] {
          const std::vector<TrafficControl> controls = find_traffic_control(interfaces, kFilterHandle);
          for (size_t index = 0; index < interfaces.size(); ++index) {
            const bool program = has_other_program(interfaces[index], TcHook::kIngress, own) ||
                                 has_other_program(interfaces[index], TcHook::kEgress, own);
            sums.push_back((program ? 1U : 0U) + (controls[index].filter ? 2U : 0U) + (controls[index].queue ? 4U : 0U));
          }
        });
        return sums;
      },
      numbers_value);
}

}  // namespace weir
