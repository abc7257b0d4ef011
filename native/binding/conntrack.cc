#include "binding/conntrack.h"

#include <string>
#include <vector>

#include "binding/conntrack_values.h"
#include "binding/promise_worker.h"
#include "link/conntrack.h"

namespace weir {
namespace {

std::string namespace_argument(const Napi::CallbackInfo& info, size_t index) {
  if (info.Length() <= index || info[index].IsUndefined()) return "";
  if (!info[index].IsString()) {
    throw Napi::TypeError::New(info.Env(), "the network namespace must be a path");
  }
  return info[index].As<Napi::String>().Utf8Value();
}

Napi::Value entries_value(Napi::Env env, const std::vector<ConntrackEntry>& entries) {
  Napi::Array array = Napi::Array::New(env, entries.size());
  for (size_t index = 0; index < entries.size(); ++index) {
    // Each entry makes several handles; a long table would keep them all until the end.
    const Napi::HandleScope scope(env);
    array.Set(static_cast<uint32_t>(index), value_of(env, entries[index]));
  }
  return array;
}

}  // namespace

Napi::Value list_conntrack_async(const Napi::CallbackInfo& info) {
  const ConntrackFilter filter = filter_from(info[0]);
  const std::string network_namespace = namespace_argument(info, 1);
  return PromiseWorker<std::vector<ConntrackEntry>>::start(
      info.Env(), [filter, network_namespace] { return list_conntrack(filter, network_namespace); }, entries_value);
}

Napi::Value delete_conntrack_async(const Napi::CallbackInfo& info) {
  if (!info[0].IsArray()) throw Napi::TypeError::New(info.Env(), "filters must be an array");
  const auto values = info[0].As<Napi::Array>();
  std::vector<ConntrackFilter> filters;
  for (uint32_t index = 0; index < values.Length(); ++index) filters.push_back(filter_from(values.Get(index)));
  const std::string network_namespace = namespace_argument(info, 1);
  return PromiseWorker<size_t>::start(
      info.Env(), [filters, network_namespace] { return delete_conntrack(filters, network_namespace); },
      [](Napi::Env env, const size_t& deleted) {
        return Napi::Value(Napi::Number::New(env, static_cast<double>(deleted)));
      });
}

}  // namespace weir
