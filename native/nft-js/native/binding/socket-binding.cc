// SPDX-License-Identifier: Apache-2.0
#include "socket-binding.h"

#include <optional>
#include <span>
#include <utility>

#include "promise-worker.h"

namespace nftjs {

namespace {

using Bytes = Napi::Buffer<std::uint8_t>;

std::uint32_t sequence_argument(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsNumber()) throw Napi::TypeError::New(info.Env(), "sequence must be a number");
  return info[index].As<Napi::Number>().Uint32Value();
}

std::span<const std::uint8_t> bytes_argument(const Napi::CallbackInfo& info) {
  if (!info[0].IsBuffer()) throw Napi::TypeError::New(info.Env(), "message must be a Buffer");
  const Bytes bytes = info[0].As<Bytes>();
  return {bytes.Data(), bytes.Length()};
}

Napi::Value to_js(Napi::Env env, const std::optional<Refusal>& refusal) {
  if (!refusal) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("sequence", refusal->sequence);
  result.Set("errno", refusal->error);
  result.Set("message", refusal->message);
  result.Set("offset", refusal->offset);
  return result;
}

}  // namespace

SocketBinding::SocketBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SocketBinding>(info) {
  using Holder = Napi::External<std::shared_ptr<NetlinkSocket>>;
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "use openSocket()");
  socket_ = *info[0].As<Holder>().Data();
}

void SocketBinding::define(Napi::Env env, Napi::Object exports) {
  const Napi::Function constructor =
      DefineClass(env, "Socket",
                  {InstanceMethod<&SocketBinding::transact>("transact"), InstanceMethod<&SocketBinding::query>("query"),
                   InstanceMethod<&SocketBinding::close>("close"),
                   InstanceAccessor<&SocketBinding::port_id>("portId")});
  // The environment owns the constructor, so that every worker thread of Node has one of its own.
  env.SetInstanceData(new Napi::FunctionReference(Napi::Persistent(constructor)));
  exports.Set("openSocket", Napi::Function::New(env, &SocketBinding::open));
}

Napi::Value SocketBinding::open(const Napi::CallbackInfo& info) {
  const std::string netns = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : std::string();
  auto opened = std::make_shared<std::shared_ptr<NetlinkSocket>>();
  return PromiseWorker::run(
      info.Env(), info.Env().Undefined(), [opened, netns] { *opened = std::make_shared<NetlinkSocket>(netns); },
      [opened](Napi::Env env) -> Napi::Value {
        const auto holder = Napi::External<std::shared_ptr<NetlinkSocket>>::New(env, opened.get());
        return env.GetInstanceData<Napi::FunctionReference>()->New({holder});
      });
}

std::shared_ptr<NetlinkSocket> SocketBinding::socket(Napi::Env env) const {
  if (!socket_) throw Napi::Error::New(env, "the netlink socket is closed");
  return socket_;
}

Napi::Value SocketBinding::transact(const Napi::CallbackInfo& info) {
  const auto batch = bytes_argument(info);
  const std::uint32_t first = sequence_argument(info, 1);
  const std::uint32_t acknowledged = sequence_argument(info, 2);
  auto refusal = std::make_shared<std::optional<Refusal>>();
  return PromiseWorker::run(
      info.Env(), info[0],
      [=, socket = socket(info.Env())] { *refusal = socket->transact(batch, first, acknowledged); },
      [refusal](Napi::Env env) { return to_js(env, *refusal); });
}

Napi::Value SocketBinding::query(const Napi::CallbackInfo& info) {
  const auto request = bytes_argument(info);
  const std::uint32_t sequence = sequence_argument(info, 1);
  auto answers = std::make_shared<std::vector<std::uint8_t>>();
  return PromiseWorker::run(
      info.Env(), info[0], [=, socket = socket(info.Env())] { *answers = socket->query(request, sequence); },
      [answers](Napi::Env env) -> Napi::Value {
        if (answers->empty()) return Bytes::New(env, 0);
        auto owner = std::make_unique<std::shared_ptr<std::vector<std::uint8_t>>>(answers);
        return Bytes::NewOrCopy(
            env, answers->data(), answers->size(),
            [](Napi::Env, std::uint8_t*, std::shared_ptr<std::vector<std::uint8_t>>* held) {
              const std::unique_ptr<std::shared_ptr<std::vector<std::uint8_t>>> release(held);
            },
            owner.release());
      });
}

// Closing waits for the kernel (about 12 ms after deletions), hence not in the JS thread.
Napi::Value SocketBinding::close(const Napi::CallbackInfo& info) {
  auto closing = std::make_shared<std::shared_ptr<NetlinkSocket>>(std::exchange(socket_, nullptr));
  return PromiseWorker::run(
      info.Env(), info.Env().Undefined(), [closing] { closing->reset(); },
      [](Napi::Env env) { return env.Undefined(); });
}

Napi::Value SocketBinding::port_id(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), socket(info.Env())->port_id());
}

}  // namespace nftjs
