#include "binding/descriptor.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

constexpr napi_type_tag kTag = {0x77656972'64657363ULL, 0x72697074'6f720001ULL};

void forget(Napi::Env, SharedFd* fd) { delete fd; }

SharedFd* held(const Napi::Value& value) {
  if (!value.IsExternal()) throw Napi::TypeError::New(value.Env(), "not a descriptor");
  const auto external = value.As<Napi::External<SharedFd>>();
  if (!external.CheckTypeTag(&kTag)) throw Napi::TypeError::New(value.Env(), "not a descriptor");
  return external.Data();
}

SharedFd open_one(const Napi::Value& value) {
  SharedFd fd = *held(value);
  if (!fd) throw Napi::TypeError::New(value.Env(), "the descriptor is closed");
  return fd;
}

}  // namespace

Napi::Value descriptor_value(Napi::Env env, SharedFd fd) {
  // Owned by the garbage collector from here on.
  auto external = Napi::External<SharedFd>::New(env, new SharedFd(std::move(fd)), forget);
  external.TypeTag(&kTag);
  return external;
}

SharedFd descriptor_argument(const Napi::CallbackInfo& info, size_t index) { return open_one(info[index]); }

std::vector<SharedFd> descriptors_argument(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsArray()) throw Napi::TypeError::New(info.Env(), "not an array of descriptors");
  const auto array = info[index].As<Napi::Array>();
  std::vector<SharedFd> descriptors;
  for (uint32_t at = 0; at < array.Length(); ++at) descriptors.push_back(open_one(array.Get(at)));
  return descriptors;
}

Napi::Value close_descriptor(const Napi::CallbackInfo& info) {
  held(info[0])->reset();
  return info.Env().Undefined();
}

std::vector<uint8_t> bytes_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsTypedArray() || info[index].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(info.Env(), std::string(name) + " must be a Uint8Array");
  }
  const auto array = info[index].As<Napi::Uint8Array>();
  return {array.Data(), array.Data() + array.ByteLength()};
}

std::vector<uint32_t> numbers_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsTypedArray() || info[index].As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
    throw Napi::TypeError::New(info.Env(), std::string(name) + " must be a Uint32Array");
  }
  const auto array = info[index].As<Napi::Uint32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::string text_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsString()) throw Napi::TypeError::New(info.Env(), std::string(name) + " must be a string");
  return info[index].As<Napi::String>().Utf8Value();
}

std::string optional_text_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  return info[index].IsUndefined() ? "" : text_argument(info, index, name);
}

uint32_t number_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  const double number = info[index].IsNumber() ? info[index].As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= UINT32_MAX) || number != static_cast<double>(static_cast<uint32_t>(number))) {
    throw Napi::RangeError::New(info.Env(), std::string(name) + " must be a whole number of 32 bits");
  }
  return static_cast<uint32_t>(number);
}

Napi::Value numbers_value(Napi::Env env, const std::vector<uint32_t>& numbers) {
  Napi::Uint32Array array = Napi::Uint32Array::New(env, numbers.size());
  std::copy(numbers.begin(), numbers.end(), array.Data());
  return array;
}

Napi::Value bytes_value(Napi::Env env, const std::vector<uint8_t>& bytes) {
  Napi::Uint8Array array = Napi::Uint8Array::New(env, bytes.size());
  std::copy(bytes.begin(), bytes.end(), array.Data());
  return array;
}

}  // namespace weir
