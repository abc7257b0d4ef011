#include "binding/network_values.h"

#include <sys/socket.h>

#include <algorithm>

namespace weir {
namespace {

template <typename Number>
Napi::Value optional_number(Napi::Env env, const std::optional<Number>& number) {
  return number ? Napi::Value(Napi::Number::New(env, *number)) : env.Null();
}

Napi::Value address_value(Napi::Env env, uint8_t family, const AddressBytes& address) {
  const size_t length = family == AF_INET ? 4 : address.size();
  Napi::Uint8Array bytes = Napi::Uint8Array::New(env, length);
  std::copy_n(address.begin(), length, bytes.Data());
  return bytes;
}

const char* kind_of(const Interface&) { return "interface"; }
const char* kind_of(const HostRoute&) { return "route"; }
const char* kind_of(const InterfaceAddress&) { return "address"; }

template <typename Subject>
void set_subject(Napi::Object& value, const Subject& subject) {
  value.Set("kind", kind_of(subject));
  value.Set("subject", value_of(value.Env(), subject));
}
void set_subject(Napi::Object& value, const LostNamespace& subject) {
  value.Set("kind", "namespace");
  value.Set("namespace", subject.id);
}

}  // namespace

Napi::Object value_of(Napi::Env env, const Interface& subject) {
  Napi::Object value = Napi::Object::New(env);
  value.Set("index", subject.index);
  value.Set("name", subject.name);
  value.Set("kind", subject.kind);
  value.Set("up", subject.up);
  value.Set("master", optional_number(env, subject.master));
  value.Set("peer", optional_number(env, subject.peer));
  value.Set("peerNamespace", optional_number(env, subject.peer_namespace));
  return value;
}

Napi::Object value_of(Napi::Env env, const HostRoute& subject) {
  Napi::Object value = Napi::Object::New(env);
  value.Set("address", address_value(env, subject.family, subject.address));
  value.Set("interfaceIndex", subject.interface_index);
  value.Set("table", subject.table);
  value.Set("metric", subject.metric);
  return value;
}

Napi::Object value_of(Napi::Env env, const InterfaceAddress& subject) {
  Napi::Object value = Napi::Object::New(env);
  value.Set("address", address_value(env, subject.family, subject.address));
  value.Set("interfaceIndex", subject.interface_index);
  return value;
}

Napi::Object value_of(Napi::Env env, const ObservedChange& observed) {
  Napi::Object value = Napi::Object::New(env);
  std::visit([&value](const auto& subject) { set_subject(value, subject); }, observed.change.subject);
  value.Set("gone", observed.change.gone);
  if (observed.network_namespace) value.Set("namespace", *observed.network_namespace);
  return value;
}

}  // namespace weir
