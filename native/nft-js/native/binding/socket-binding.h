// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <memory>

#include "../netlink-socket.h"

namespace nftjs {

/// JS class `Socket`: { portId, transact(batch, first, acknowledged), query(request, sequence), close() }.
class SocketBinding : public Napi::ObjectWrap<SocketBinding> {
 public:
  /// Defines the class and sets `openSocket(netns?)` on `exports`.
  static void define(Napi::Env env, Napi::Object exports);

  explicit SocketBinding(const Napi::CallbackInfo& info);

 private:
  static Napi::Value open(const Napi::CallbackInfo& info);
  Napi::Value transact(const Napi::CallbackInfo& info);
  Napi::Value query(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value port_id(const Napi::CallbackInfo& info);
  std::shared_ptr<NetlinkSocket> socket(Napi::Env env) const;

  std::shared_ptr<NetlinkSocket> socket_;
};

}  // namespace nftjs
