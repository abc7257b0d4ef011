/** Compile options for tests: the agent's defaults, for whichever node a test is about. */
import type { Prefix } from '../src/model/address.ts';
import type { CompileOptions } from '../src/model/compile-options.ts';
import type { Port } from '../src/model/names.ts';

export const COMPILE_DEFAULTS: Omit<CompileOptions, 'node'> = {
  nodePortAddresses: [],
  clusterCidrs: [],
  detectLocalMode: 'NodeCIDR',
  serviceCidrs: ['10.96.0.0/16' as Prefix, 'fd96::/112' as Prefix],
  nodePortRange: [30000 as Port, 32767 as Port],
  masqueradeAll: false,
  masqueradePods: false,
  nonMasqueradeCidrs: [],
  allowExternalClusterIp: false,
  externalIpCidrs: [],
  serviceProxyName: null,
  sourceRangesAllTypes: false,
  scheduler: 'random',
  ejects: true,
};
