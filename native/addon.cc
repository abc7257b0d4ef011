// The addon's export table; everything else is in binding/.
#include <napi.h>

#include "binding/bpf_map.h"
#include "binding/bpf_object.h"
#include "binding/cgroup.h"
#include "binding/conntrack.h"
#include "binding/descriptor.h"
#include "binding/event_reader.h"
#include "binding/network.h"
#include "binding/network_reader.h"
#include "binding/packet_log_reader.h"
#include "binding/ring_reader.h"
#include "binding/tc.h"

namespace {

struct Export {
  const char* name;
  Napi::Value (*call)(const Napi::CallbackInfo&);
};

constexpr Export kExports[] = {
    {"listConntrack", weir::list_conntrack_async},
    {"deleteConntrack", weir::delete_conntrack_async},
    {"loadBpfObject", weir::load_bpf_object_async},
    {"pinDescriptor", weir::pin_descriptor_async},
    {"openPinned", weir::open_pinned_async},
    {"closeDescriptor", weir::close_descriptor},
    {"runProgramOnPacket", weir::run_program_on_packet_async},
    {"runProgramOnPackets", weir::run_program_on_packets_async},
    {"runProgramOnContext", weir::run_program_on_context_async},
    {"runIterator", weir::run_iterator_async},
    {"runIteratorOnMap", weir::run_iterator_on_map_async},
    {"describeProgram", weir::describe_program_async},
    {"countProgramRuns", weir::count_program_runs_async},
    {"describeMap", weir::describe_map_async},
    {"mapTypes", weir::map_types_async},
    {"updateMap", weir::update_map_async},
    {"readMap", weir::read_map_async},
    {"lookUpInMap", weir::look_up_in_map_async},
    {"deleteFromMap", weir::delete_from_map_async},
    {"attachTcx", weir::attach_tcx_async},
    {"updateLink", weir::update_link_async},
    {"detachLink", weir::detach_link_async},
    {"describeLink", weir::describe_link_async},
    {"describeLinks", weir::describe_links_async},
    {"attachToCgroup", weir::attach_to_cgroup_async},
    {"describeCgroupLink", weir::describe_cgroup_link_async},
    {"programsOn", weir::programs_on_async},
    {"attachFilter", weir::attach_filter_async},
    {"detachFilter", weir::detach_filter_async},
    {"filterPrograms", weir::filter_programs_async},
    {"othersOn", weir::others_on_async},
    {"readRing", weir::read_ring},
    {"closeReader", weir::close_reader},
    {"listInterfaces", weir::list_interfaces_async},
    {"listHostRoutes", weir::list_host_routes_async},
    {"listAddresses", weir::list_addresses_async},
    {"networkNamespaceCookie", weir::network_namespace_cookie_async},
    {"watchNetwork", weir::watch_network},
    {"watchPacketLog", weir::watch_packet_log},
};

Napi::Object export_functions(Napi::Env env, Napi::Object exports) {
  for (const Export& entry : kExports) exports.Set(entry.name, Napi::Function::New(env, entry.call, entry.name));
  return exports;
}

}  // namespace

NODE_API_MODULE(weir, export_functions)
