/**
 * The agent's way from a folder's objects to rows, in a process of its own: control plane, world and compiler put
 * together as `weir agent --source DIR` does, without files and without kernel.
 */
import { createPipeline } from '../../src/agent/pipeline.ts';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { keepLastGood } from '../../src/cluster/last-good.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import { createServiceCompiler } from '../../src/compile/services/compiler.ts';
import type { Prefix } from '../../src/model/address.ts';
import type { NodeName, Port } from '../../src/model/names.ts';
import type {
  NodeObject,
  ObjectChange,
  PodObject,
  ServiceObject,
  WeirObject,
} from '../../src/model/objects.ts';
import { createWorld } from '../../src/world/world.ts';
import { nodeObject, podObject, serviceObject, servicePort } from '../objects.ts';
import { answerParent } from './child-process.ts';
import { COMPILE_OPTIONS } from './cluster-objects.ts';
import { NODE } from './cluster-shape.ts';
import { peakRssMb } from './memory.ts';
import { type Changed, type Completed, Request, type StandaloneSize } from './standalone-messages.ts';

const NAMESPACE = 'bench';
const NODES = 100;
const ZONES = 3;

const plane = keepLastGood(
  createControlPlane({ ...DEFAULT_CLUSTER_OPTIONS, serviceCidrs: ['10.96.0.0/12' as Prefix] }),
);
const pipeline = createPipeline({
  controlPlane: plane,
  world: createWorld(),
  compiler: createServiceCompiler({ ...COMPILE_OPTIONS, serviceCidrs: ['10.96.0.0/12' as Prefix] }),
});
let loaded: StandaloneSize | null = null;
let changes = 0;

async function answer(request: Request): Promise<Completed | Changed> {
  switch (request.type) {
    case 'complete': {
      const objects = clusterOf(request.size);
      const [start, startCpu] = [performance.now(), process.threadCpuUsage()];
      pipeline.accept({ changes: objects.map(set), problems: [] });
      const [accepted, cpu] = [performance.now(), process.threadCpuUsage(startCpu)];
      pipeline.compile();
      loaded = request.size;
      return {
        completeMs: accepted - start,
        completeCpuMs: (cpu.user + cpu.system) / 1000,
        compileMs: performance.now() - accepted,
        peakRssMb: peakRssMb('self'),
      };
    }
    case 'readiness':
      return { latenciesMs: changeReadiness(request.count) };
  }
}

/** Strides through the Services; two changes for each pod: it becomes unready, then ready again. */
function changeReadiness(count: number): number[] {
  if (loaded === null) throw new Error('readiness was asked for before complete');
  const latencies: number[] = [];
  for (let done = 0; done < count; done++, changes++) {
    const pod = changes >> 1;
    const service = (pod * 7919) % loaded.services;
    const object = { ...podOf(loaded, service, pod % loaded.podsPerService), ready: changes % 2 === 1 };
    const start = performance.now();
    pipeline.accept({ changes: [set(object)], problems: [] });
    const { change } = pipeline.compile();
    latencies.push(performance.now() - start);
    if (change.services.size !== 1) throw new Error(`readiness of ${object.name} did not change one Service`);
  }
  return latencies;
}

function clusterOf(size: StandaloneSize): readonly WeirObject[] {
  const indexes = Array.from({ length: size.services }, (_, index) => index);
  return [
    ...Array.from({ length: NODES }, (_, index) => nodeOf(index)),
    ...indexes.map(serviceOf),
    ...indexes.flatMap((index) =>
      Array.from({ length: size.podsPerService }, (_, pod) => podOf(size, index, pod)),
    ),
  ];
}

/** Node 0 is the one whose rows are compiled. */
function nodeOf(index: number): NodeObject {
  return nodeObject({
    name: index === 0 ? NODE : `node-${index}`,
    labels: { 'topology.kubernetes.io/zone': `zone-${index % ZONES}` },
    podCidrs: [`10.${128 + index}.0.0/16` as Prefix],
  });
}

function serviceOf(index: number): ServiceObject {
  return serviceObject({
    namespace: NAMESPACE,
    name: `service-${index}`,
    labels: { app: `service-${index}` },
    selector: { app: `service-${index}` },
    ports: [servicePort({ name: 'http', targetPort: 'http' })],
  });
}

/** On a node, as controllers put it there, but without an address. */
function podOf({ podsPerService }: StandaloneSize, service: number, pod: number): PodObject {
  const node = (service * podsPerService + pod) % NODES;
  return podObject({
    namespace: NAMESPACE,
    name: `service-${service}-${pod}`,
    labels: { app: `service-${service}`, 'pod-template-hash': '5d9c7b' },
    nodeName: nodeOf(node).name as NodeName,
    ports: [{ name: 'http', port: 8080 as Port, protocol: 'TCP', hostPort: null, hostIp: null }],
  });
}

function set(object: WeirObject): ObjectChange {
  return { type: 'set', object };
}

answerParent(
  (message) => answer(Request.parse(message)),
  async () => {},
);
