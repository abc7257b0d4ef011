// Work off the JavaScript thread whose result becomes a promise.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/errno_error.h"

namespace weir {

// Runs `work` (plain C++, its inputs copied in) on a thread of libuv's pool; resolves with what `present` makes of the
// result, on the JavaScript thread. An ErrnoError rejects with an Error that has `code`, `errno` and `syscall`.
template <typename Result>
class PromiseWorker : public Napi::AsyncWorker {
 public:
  using Work = std::function<Result()>;
  using Present = std::function<Napi::Value(Napi::Env, const Result&)>;

  static Napi::Value start(Napi::Env env, Work work, Present present) {
    // The worker deletes itself after its promise is settled.
    auto* worker = new PromiseWorker(env, std::move(work), std::move(present));
    const Napi::Value promise = worker->deferred_.Promise();
    worker->Queue();
    return promise;
  }

  void Execute() override {
    try {
      result_ = work_();
    } catch (const ErrnoError& error) {
      failure_ = error;
      SetError(error.what());
    } catch (const std::exception& error) {
      SetError(error.what());
    }
  }

  void OnOK() override { deferred_.Resolve(present_(Env(), *result_)); }

  void OnError(const Napi::Error& error) override {
    if (failure_.has_value()) {
      Napi::Object value = error.Value();
      value.Set("code", failure_->code());
      value.Set("errno", -failure_->number());
      value.Set("syscall", failure_->call());
    }
    deferred_.Reject(error.Value());
  }

 private:
  PromiseWorker(Napi::Env env, Work work, Present present)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        work_(std::move(work)),
        present_(std::move(present)) {}

  Napi::Promise::Deferred deferred_;
  Work work_;
  Present present_;
  std::optional<Result> result_;
  std::optional<ErrnoError> failure_;
};

}  // namespace weir
