/** The standalone control plane: what an API server and its controllers do to objects, one batch at a time. */
import { type ObjectName, objectName } from '../model/names.ts';
import type {
  ObjectChange,
  ObjectKind,
  Problem,
  ServiceCidrObject,
  ServiceObject,
  WeirObject,
} from '../model/objects.ts';
import { takeChange } from './intake.ts';
import { settleNamespaces } from './namespace-stage.ts';
import { closeNetworks, openNetworks } from './network-stage.ts';
import { settleNodes } from './node-stage.ts';
import type { ClusterOptions } from './options.ts';
import { settlePods } from './pod-stage.ts';
import { settleServices } from './service-stage.ts';
import { settleSlices } from './slice-stage.ts';
import { snapshotOf } from './snapshot.ts';
import { type AllocationHistory, createDirty, createState, type Dirty, type State } from './state.ts';

type ObjectIdentity = Pick<WeirObject, 'kind' | 'namespace' | 'name'>;

export interface ControlPlane {
  /**
   * Takes changes of the input and tells what they change in the completed objects, ordered by kind and name, and all
   * problems known now. Costs what the changes touch: a pod costs the Services that select it.
   */
  apply(changes: readonly ObjectChange[]): {
    readonly changes: readonly ObjectChange[];
    readonly problems: readonly Problem[];
  };
  /**
   * Addresses and ports stay, from now on, with whoever has them: what a later change claims of them is refused, also
   * where the elder claims it. An API server does so after every request; without it the result depends on no history.
   */
  keep(): void;
  /** The object as it came, of the kinds that may be refused; undefined also for any other kind. */
  given(of: ObjectIdentity): WeirObject | undefined;
  /** Services and ServiceCIDRs as they came. */
  givenServices(): readonly (ServiceObject | ServiceCidrObject)[];
  /** The object in effect. */
  completed(of: ObjectIdentity): WeirObject | undefined;
  /** All that was chosen so far, as of now whatever comes later. */
  history(): AllocationHistory;
  /** Another text whenever history may be another, apart from slices: cheap, for who writes it down. After `keep`. */
  revision(): string;
}

/**
 * @param history choices of an earlier control plane, kept where they are still possible; with the same history, the
 *   same objects are completed alike whether they come at once or in steps
 */
export function createControlPlane(
  options: ClusterOptions,
  history?: Partial<AllocationHistory>,
): ControlPlane {
  const state = createState(options, history);
  let isFirst = true;
  return {
    apply(changes) {
      const dirty = createDirty();
      for (const change of changes) takeChange(state, change, dirty);
      if (isFirst) begin(state, dirty);
      isFirst = false;
      settleNodes(state, dirty);
      settlePods(state, dirty);
      do {
        openNetworks(state, dirty);
        settleServices(state, dirty);
        // A family may go with a network.
      } while (closeNetworks(state, dirty));
      settleSlices(state, dirty);
      settleNamespaces(state, dirty);
      return { changes: state.output.flush(), problems: state.problems.all() };
    },
    keep() {
      for (const book of Object.values(state.books)) book.keep();
    },
    given: ({ kind, namespace, name }) => givenIn(state, kind, objectName(namespace, name)),
    givenServices: () => [...state.input.services.values(), ...state.input.serviceCidrs.values()],
    completed: ({ kind, namespace, name }) => state.output.get(kind, objectName(namespace, name)),
    revision() {
      const { books, balancers, leavingCidrs, placements } = state;
      const numbers = Object.values(books).map((book) => book.revision());
      return [...numbers, balancers.revision, leavingCidrs.size, placements.size].join(' ');
    },
    history: () => ({
      nodeNumbers: state.books.nodeNumbers.history(),
      podAddresses: state.books.podAddresses.history(),
      clusterIps: state.books.clusterIps.history(),
      nodePorts: state.books.nodePorts.history(),
      balancerAddresses: new Map(state.balancers.held),
      leavingCidrs: [...state.leavingCidrs.values()],
      placements: snapshotOf(state.placements),
      slices: new Map(state.madeSlices),
    }),
  };
}

function givenIn({ input }: State, kind: ObjectKind, owner: ObjectName): WeirObject | undefined {
  switch (kind) {
    case 'Node':
      return input.nodes.get(owner);
    case 'Pod':
      return input.pods.get(owner);
    case 'Service':
      return input.services.get(owner);
    case 'ServiceCIDR':
      return input.serviceCidrs.get(owner);
    default:
      return undefined;
  }
}

/** The first batch holds every object there is: what history gave to others is free. */
function begin({ books, input, leavingCidrs }: State, dirty: Dirty): void {
  for (const { name } of leavingCidrs.values()) dirty.serviceCidrs.add(name);
  books.nodeNumbers.forgetAbsent((owner) => input.nodes.has(owner));
  books.podAddresses.forgetAbsent((owner) => input.pods.has(owner));
  for (const book of [books.clusterIps, books.nodePorts])
    book.forgetAbsent((owner) => input.services.has(owner));
}
