#include "binding/bpf_object.h"

#include <algorithm>
#include <utility>

#include "binding/descriptor.h"
#include "binding/promise_worker.h"
#include "bpf/iterator.h"
#include "bpf/object.h"
#include "bpf/program.h"
#include "link/network_namespace.h"

namespace weir {
namespace {

// What an async worker keeps until its promise is settled; descriptors can be moved but not copied.
template <typename Value>
using Shared = std::shared_ptr<Value>;

Napi::Object property(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsObject()) throw Napi::TypeError::New(object.Env(), std::string(name) + " must be an object");
  return value.As<Napi::Object>();
}

std::vector<std::string> names_of(const Napi::Object& object) {
  const Napi::Array properties = object.GetPropertyNames();
  std::vector<std::string> names;
  for (uint32_t index = 0; index < properties.Length(); ++index) {
    names.push_back(properties.Get(index).As<Napi::String>().Utf8Value());
  }
  return names;
}

// None where the property is left out.
std::vector<std::string> texts_property(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) return {};
  if (!value.IsArray()) throw Napi::TypeError::New(object.Env(), std::string(name) + " must be an array");
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> texts;
  for (uint32_t index = 0; index < array.Length(); ++index) {
    if (!array.Get(index).IsString()) throw Napi::TypeError::New(object.Env(), std::string(name) + " must be texts");
    texts.push_back(array.Get(index).As<Napi::String>().Utf8Value());
  }
  return texts;
}

ObjectOptions options_from(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsObject()) throw Napi::TypeError::New(info.Env(), "options must be an object");
  const auto value = info[index].As<Napi::Object>();
  ObjectOptions options;
  const Napi::Object constants = property(value, "constants");
  for (const std::string& name : names_of(constants)) {
    const Napi::Value bytes = constants.Get(name);
    if (!bytes.IsTypedArray()) throw Napi::TypeError::New(info.Env(), name + " must be a Uint8Array");
    const auto array = bytes.As<Napi::Uint8Array>();
    options.constants.emplace(name, std::vector<uint8_t>(array.Data(), array.Data() + array.ByteLength()));
  }
  const Napi::Object sizes = property(value, "maxEntries");
  for (const std::string& name : names_of(sizes)) {
    if (!sizes.Get(name).IsNumber()) throw Napi::TypeError::New(info.Env(), name + " must be a number");
    options.max_entries.emplace(name, sizes.Get(name).As<Napi::Number>().Uint32Value());
  }
  const Napi::Object pins = property(value, "pins");
  for (const std::string& name : names_of(pins)) {
    if (!pins.Get(name).IsString()) throw Napi::TypeError::New(info.Env(), name + " must be a path");
    options.pins.emplace(name, pins.Get(name).As<Napi::String>().Utf8Value());
  }
  options.skipped = texts_property(value, "skipped");
  return options;
}

Napi::Object descriptors_value(Napi::Env env, std::map<std::string, UniqueFd>& descriptors) {
  Napi::Object value = Napi::Object::New(env);
  for (auto& [name, fd] : descriptors) {
    value.Set(name, descriptor_value(env, std::make_shared<const UniqueFd>(std::move(fd))));
  }
  return value;
}

Napi::Value descriptor_result(Napi::Env env, const SharedFd& fd) { return descriptor_value(env, fd); }

Napi::Value nothing(Napi::Env env, const bool&) { return env.Undefined(); }

}  // namespace

Napi::Value load_bpf_object_async(const Napi::CallbackInfo& info) {
  const std::string path = text_argument(info, 0, "path");
  const ObjectOptions options = options_from(info, 1);
  return PromiseWorker<Shared<LoadedObject>>::start(
      info.Env(), [path, options] { return std::make_shared<LoadedObject>(load_object(path, options)); },
      [](Napi::Env env, const Shared<LoadedObject>& loaded) {
        Napi::Object value = Napi::Object::New(env);
        value.Set("maps", descriptors_value(env, loaded->maps));
        value.Set("programs", descriptors_value(env, loaded->programs));
        return Napi::Value(value);
      });
}

Napi::Value pin_descriptor_async(const Napi::CallbackInfo& info) {
  const SharedFd object = descriptor_argument(info, 0);
  const std::string path = text_argument(info, 1, "path");
  return PromiseWorker<bool>::start(
      info.Env(),
      [object, path] {
        pin(*object, path);
        return true;
      },
      nothing);
}

Napi::Value open_pinned_async(const Napi::CallbackInfo& info) {
  const std::string path = text_argument(info, 0, "path");
  return PromiseWorker<SharedFd>::start(
      info.Env(), [path] { return std::make_shared<const UniqueFd>(open_pinned(path)); }, descriptor_result);
}

Napi::Value run_program_on_packet_async(const Napi::CallbackInfo& info) {
  const SharedFd program = descriptor_argument(info, 0);
  TestPacket packet;
  packet.data = bytes_argument(info, 1, "data");
  packet.interface = number_argument(info, 2, "interface");
  packet.ingress_interface = number_argument(info, 3, "ingressInterface");
  packet.repeat = number_argument(info, 4, "repeat");
  const std::string network_namespace = optional_text_argument(info, 5, "networkNamespace");
  return PromiseWorker<TestResult>::start(
      info.Env(),
      [program, packet, network_namespace] {
        TestResult result;
        in_network_namespace(network_namespace, [&] { result = run_on_packet(*program, packet); });
        return result;
      },
      [](Napi::Env env, const TestResult& result) {
        Napi::Object value = Napi::Object::New(env);
        value.Set("value", result.value);
        value.Set("nanoseconds", result.duration);
        value.Set("frame", bytes_value(env, result.frame));
        return Napi::Value(value);
      });
}

Napi::Value run_program_on_packets_async(const Napi::CallbackInfo& info) {
  const SharedFd program = descriptor_argument(info, 0);
  const std::vector<uint8_t> frames = bytes_argument(info, 1, "frames");
  const std::vector<uint32_t> ends = numbers_argument(info, 2, "ends");
  TestPacket place;
  place.interface = number_argument(info, 3, "interface");
  place.ingress_interface = number_argument(info, 4, "ingressInterface");
  const std::string network_namespace = optional_text_argument(info, 5, "networkNamespace");
  using Values = std::vector<uint32_t>;
  return PromiseWorker<Values>::start(
      info.Env(),
      [program, frames, ends, place, network_namespace] {
        Values values;
        in_network_namespace(network_namespace, [&] { values = run_on_packets(*program, frames, ends, place); });
        return values;
      },
      [](Napi::Env env, const Values& values) {
        Napi::Uint32Array array = Napi::Uint32Array::New(env, values.size());
        std::copy(values.begin(), values.end(), array.Data());
        return Napi::Value(array);
      });
}

Napi::Value run_program_on_context_async(const Napi::CallbackInfo& info) {
  const SharedFd program = descriptor_argument(info, 0);
  const std::vector<uint8_t> context = bytes_argument(info, 1, "context");
  using Result = std::pair<uint32_t, std::vector<uint8_t>>;
  return PromiseWorker<Result>::start(
      info.Env(),
      [program, context] {
        Result result{0, context};
        result.first = run_on_context(*program, result.second);
        return result;
      },
      [](Napi::Env env, const Result& result) {
        Napi::Object value = Napi::Object::New(env);
        value.Set("value", result.first);
        value.Set("context", bytes_value(env, result.second));
        return Napi::Value(value);
      });
}

Napi::Value run_iterator_async(const Napi::CallbackInfo& info) {
  const SharedFd program = descriptor_argument(info, 0);
  const std::string network_namespace = optional_text_argument(info, 1, "networkNamespace");
  return PromiseWorker<bool>::start(
      info.Env(),
      [program, network_namespace] {
        in_network_namespace(network_namespace, [&] { run_iterator(*program); });
        return true;
      },
      nothing);
}

Napi::Value run_iterator_on_map_async(const Napi::CallbackInfo& info) {
  const SharedFd program = descriptor_argument(info, 0);
  const SharedFd map = descriptor_argument(info, 1);
  return PromiseWorker<bool>::start(
      info.Env(),
      [program, map] {
        run_iterator(*program, map.get());
        return true;
      },
      nothing);
}

Napi::Value describe_program_async(const Napi::CallbackInfo& info) {
  const SharedFd program = descriptor_argument(info, 0);
  return PromiseWorker<ProgramDescription>::start(
      info.Env(), [program] { return describe_program(*program); },
      [](Napi::Env env, const ProgramDescription& description) {
        Napi::Object value = Napi::Object::New(env);
        value.Set("id", description.id);
        value.Set("name", description.name);
        value.Set("runs", static_cast<double>(description.runs));
        value.Set("nanoseconds", static_cast<double>(description.nanoseconds));
        return Napi::Value(value);
      });
}

Napi::Value count_program_runs_async(const Napi::CallbackInfo& info) {
  return PromiseWorker<SharedFd>::start(
      info.Env(), [] { return std::make_shared<const UniqueFd>(count_runs()); }, descriptor_result);
}

}  // namespace weir
