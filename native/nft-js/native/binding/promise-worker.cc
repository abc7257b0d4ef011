// SPDX-License-Identifier: Apache-2.0
#include "promise-worker.h"

#include <memory>
#include <utility>

namespace nftjs {

Napi::Error to_js_error(Napi::Env env, const std::system_error& failure) {
  Napi::Error error = Napi::Error::New(env, failure.what());
  error.Set("errno", Napi::Number::New(env, failure.code().value()));
  return error;
}

PromiseWorker::PromiseWorker(Napi::Env env, Napi::Value held, Work work, Finish finish)
    : Napi::AsyncWorker(env),
      deferred_(Napi::Promise::Deferred::New(env)),
      work_(std::move(work)),
      finish_(std::move(finish)) {
  if (held.IsObject()) held_ = Napi::Persistent(held.As<Napi::Object>());
}

Napi::Promise PromiseWorker::run(Napi::Env env, Napi::Value held, Work work, Finish finish) {
  auto worker = std::unique_ptr<PromiseWorker>(new PromiseWorker(env, held, std::move(work), std::move(finish)));
  const Napi::Promise promise = worker->deferred_.Promise();
  worker->Queue();
  worker.release();  // From here the thread pool's completion deletes it.
  return promise;
}

void PromiseWorker::Execute() {
  try {
    work_();
  } catch (const std::system_error& failure) {
    failure_ = failure;
  } catch (const std::exception& failure) {
    failure_ = std::system_error(EIO, std::generic_category(), failure.what());
  }
}

void PromiseWorker::OnOK() {
  const Napi::Env env = Env();
  if (failure_) {
    deferred_.Reject(to_js_error(env, *failure_).Value());
    return;
  }
  deferred_.Resolve(finish_(env));
}

}  // namespace nftjs
