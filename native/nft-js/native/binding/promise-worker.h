// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <functional>
#include <optional>
#include <system_error>

namespace nftjs {

/// Turns a failed system call into a JS error with `errno` and `syscall`.
Napi::Error to_js_error(Napi::Env env, const std::system_error& failure);

/// Runs `work` in the thread pool and settles a promise with what `finish` makes of it in the JS thread. The
/// worker owns itself until then, as node-addon-api has it.
class PromiseWorker : public Napi::AsyncWorker {
 public:
  using Work = std::function<void()>;
  using Finish = std::function<Napi::Value(Napi::Env)>;

  /// Starts the work. `held` (may be undefined) is kept from being collected until it is done.
  static Napi::Promise run(Napi::Env env, Napi::Value held, Work work, Finish finish);

 protected:
  void Execute() override;
  void OnOK() override;

 private:
  PromiseWorker(Napi::Env env, Napi::Value held, Work work, Finish finish);

  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference held_;
  Work work_;
  Finish finish_;
  std::optional<std::system_error> failure_;
};

}  // namespace nftjs
