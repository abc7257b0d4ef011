// SPDX-License-Identifier: Apache-2.0
#include <napi.h>

#include <memory>
#include <string>

#include "../port-registry.h"
#include "../text-commands.h"
#include "monitor-binding.h"
#include "promise-worker.h"
#include "socket-binding.h"

namespace nftjs {

namespace {

Napi::Value owns_port(const Napi::CallbackInfo& info) {
  if (!info[0].IsNumber()) throw Napi::TypeError::New(info.Env(), "port id must be a number");
  return Napi::Boolean::New(info.Env(), nftjs::owns_port(info[0].As<Napi::Number>().Uint32Value()));
}

Napi::Value run_text(const Napi::CallbackInfo& info) {
  const std::string netns = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : std::string();
  if (!info[1].IsString()) throw Napi::TypeError::New(info.Env(), "text must be a string");
  const std::string text = info[1].As<Napi::String>().Utf8Value();
  const bool json = info[2].ToBoolean().Value();
  auto result = std::make_shared<TextResult>();
  return PromiseWorker::run(
      info.Env(), info.Env().Undefined(), [=] { *result = run_text_commands(netns, text, json); },
      [result](Napi::Env env) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("succeeded", result->succeeded);
        object.Set("output", result->output);
        object.Set("error", result->error);
        return object;
      });
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  SocketBinding::define(env, exports);
  exports.Set("openMonitor", Napi::Function::New(env, open_monitor));
  exports.Set("runText", Napi::Function::New(env, run_text));
  exports.Set("ownsPort", Napi::Function::New(env, owns_port));
  return exports;
}

}  // namespace

}  // namespace nftjs

// NODE_API_MODULE declares at file scope and takes an unqualified name.
static Napi::Object initialise_module(Napi::Env env, Napi::Object exports) { return nftjs::initialise(env, exports); }
NODE_API_MODULE(nft_js, initialise_module)
