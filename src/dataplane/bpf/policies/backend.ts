/** Network policy by BPF: the programs loaded, their maps pinned and filled, their links on pods' interfaces. */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LAYOUT, type PolicyOptions, policyOptionsCodec, sweepCodec } from '../../../generated/policy.ts';
import type { BpfObject } from '../../../kernel/bpf-object.ts';
import { runOnContext } from '../../../kernel/bpf-program.ts';
import type { Descriptor } from '../../../kernel/native-bpf.ts';
import type { NetworkPlace } from '../../../kernel/network.ts';
import type { Address } from '../../../model/address.ts';
import type { ObjectName } from '../../../model/names.ts';
import type { PolicyBackend, PolicyInstallReport, PolicyVerdict } from '../../policy-backend.ts';
import type { PodInterface, PolicyApplyReport } from '../../policy-change.ts';
import { mappedBytes } from '../mapped-address.ts';
import { openTakeover, type Takeover } from '../migration/takeover.ts';
import { createServiceDataplane } from '../services/dataplane.ts';
import { openServiceTables } from '../services/tables.ts';
import { createPolicyDataplane, type PolicyDataplane } from './dataplane.ts';
import { readFigures } from './figures.ts';
import { createGuards, type Guards } from './guards.ts';
import { filterHooks, linkHooks, restorePin } from './hooks.ts';
import { inspectPeriodically } from './inspection.ts';
import { createPassages, NO_PASSAGES } from './passages.ts';
import { openPolicyTables } from './tables.ts';
import { readVerdicts } from './verdict-events.ts';

/** The compiled programs. */
export const POLICY_OBJECT = fileURLToPath(new URL('../../../../bpf/build/policy.bpf.o', import.meta.url));

export interface BpfPolicyOptions {
  /** Of pins, in a BPF file system. */
  readonly directory: string;
  /** Interfaces with programs but without a known pod let nothing through. */
  readonly unknownInterfaceClosed: boolean;
  readonly onVerdict: (verdict: PolicyVerdict) => void;
  /** Somebody else changed programs or maps: to be repaired. */
  readonly onForeignChange: () => void;
  /** What policies deny is answered with a TCP reset or an ICMP error; else dropped in silence. */
  readonly answerDenied: boolean;
  readonly hookKind: 'tcx' | 'clsact';
  /** How packets go from pod to pod of the node: by its stack, or from interface to interface where that can be. */
  readonly sameNode: 'stack' | 'direct';
  /** Path of the namespace that has the interfaces; left out, the caller's. */
  readonly networkNamespace?: string;
}

/** What the programs are loaded with beside what the agent's configuration says. */
export const PROGRAM_OPTIONS: PolicyOptions = {
  unknownInterfaceClosed: 0,
  flowsPerSubject: 65_536,
  admissionsPerSecond: 50,
  eventsPerSecond: 1000,
  answerDenied: 0,
  tcpOpeningSeconds: 120,
  tcpEstablishedSeconds: 86_400,
  tcpClosingSeconds: 60,
  otherOpeningSeconds: 30,
  otherEstablishedSeconds: 180,
  hairpinIpv4: mappedBytes('169.254.90.90' as Address),
  hairpinIpv6: mappedBytes('fd77:6569:7200::1' as Address),
};

/**
 * Loads the programs over the maps that are pinned. Those of an earlier agent go on until the first `sync`: the new ones
 * take their places when their maps have the rows.
 * @throws Error with the kernel's reason; what an earlier agent left goes on
 */
export async function openBpfPolicies(options: BpfPolicyOptions): Promise<PolicyBackend> {
  const takeover = await openTakeover({
    object: POLICY_OBJECT,
    constants: { options: constantsOf(options) },
    directory: options.directory,
  });
  const { object } = takeover;
  const tables = openPolicyTables(object.maps);
  const dataplane = createPolicyDataplane(tables);
  const services = createServiceDataplane(openServiceTables(object.maps));
  const guards = await openGuards(options, object);
  await takeover.resume(() => guards.adopt());
  const stopReading = readVerdicts(named(object.maps, 'events'), dataplane, options.onVerdict);
  const sweeper = createSweeper(object);
  const guarded = createGuardedInterfaces(takeover, guards);
  const isDirect = options.sameNode === 'direct';
  const passages = isDirect ? createPassages(guards, dataplane, placeOf(options)) : NO_PASSAGES;
  const renewPassages = () => passages.renew(guarded.interfaces());
  const upkeep = createUpkeep(takeover, guards, dataplane);
  const inspect = () => renewPassages().then(upkeep.isDisturbed);
  const stopInspecting = inspectPeriodically(inspect, options.onForeignChange);
  return {
    name: 'bpf',
    services,
    // Programs only afterwards: a pod's meet its rows when they begin.
    async sync(rows, interfaces) {
      guarded.replace(interfaces);
      await renewPassages();
      return guarded.guardToo(await dataplane.sync(rows, interfaces));
    },
    async apply(change) {
      guarded.change(change.interfaces ?? new Map());
      if (change.interfaces !== undefined) await renewPassages();
      return guarded.guardToo(await dataplane.apply(change));
    },
    repair() {
      guarded.doubt();
      return upkeep.repair(async () => guarded.guardToo(await dataplane.repair()));
    },
    async collect() {
      await dataplane.collect();
      await services.collect();
    },
    sweep: sweeper.sweep,
    figures: async () => ({
      ...(await readFigures(tables, dataplane, sweeper.kept())),
      repairs: upkeep.repairs(),
      upgrade: takeover.upgrade(),
      passages: passages.figures(),
    }),
    async close() {
      stopReading();
      await stopInspecting();
      await guards.close();
      takeover.close();
    },
  };
}

function createSweeper({ programs }: BpfObject) {
  const program = named(programs, 'sweep_flows');
  let kept = 0;
  return {
    /** Flows that the last sweep left. */
    kept: () => kept,
    async sweep(): Promise<void> {
      const context = await runOnContext(program, new Uint8Array(sweepCodec.size));
      kept = sweepCodec.read(new DataView(context.buffer, context.byteOffset), 0).kept;
    },
  };
}

/** Looks at interfaces when there are others, or when what was found calls for it: most changes are about rows. */
function createGuardedInterfaces(takeover: Takeover, guards: Guards) {
  const indexes = new Map<ObjectName, number>();
  /** All have their programs, as far as is known. */
  let complete = false;
  const change = (changes: ReadonlyMap<ObjectName, PodInterface | null>): void => {
    if (changes.size > 0) complete = false;
    for (const [pod, value] of changes) {
      if (value === null) indexes.delete(pod);
      else indexes.set(pod, value.interfaceIndex);
    }
  };
  return {
    interfaces: (): Iterable<number> => indexes.values(),
    change,
    replace(interfaces: ReadonlyMap<ObjectName, PodInterface>): void {
      complete = false;
      indexes.clear();
      change(interfaces);
    },
    doubt(): void {
      complete = false;
    },
    async guardToo(report: PolicyApplyReport): Promise<PolicyInstallReport> {
      if (complete) return { ...report, unguarded: [] };
      const wanted = new Map([...indexes].map(([pod, index]) => [index, pod]));
      const unguarded = await takeover.replacing(() => guards.guard(wanted));
      complete = unguarded.length === 0;
      return { ...report, unguarded };
    },
  };
}

/** Finds what is no longer as this process left it, and counts how often that was undone. */
function createUpkeep(takeover: Takeover, guards: Guards, dataplane: PolicyDataplane) {
  let disturbed = false;
  let repairs = 0;
  const isDisturbed = async (): Promise<boolean> => {
    const unpinned = unpinnedMaps(takeover.pins()).length > 0;
    const looks = [unpinned, await guards.inspect(), await dataplane.isDisturbed()];
    disturbed ||= looks.includes(true);
    return disturbed;
  };
  return {
    isDisturbed,
    repairs: () => repairs,
    /** `restore` brings rows and programs back. */
    async repair(restore: () => Promise<PolicyInstallReport>): Promise<PolicyInstallReport> {
      await isDisturbed();
      for (const [name, place] of unpinnedMaps(takeover.pins()))
        await restorePin(named(takeover.object.maps, name), place);
      const report = await restore();
      if (disturbed || report.written > 0) repairs += 1;
      disturbed = false;
      return report;
    },
  };
}

/** Those that somebody removed from `pins`, with their places. */
function unpinnedMaps(pins: string | null): readonly (readonly [string, string])[] {
  if (pins === null) return [];
  const places = Object.keys(LAYOUT.maps).map((name) => [name, `${pins}/${name}`] as const);
  return places.filter(([, place]) => !existsSync(place));
}

function constantsOf({ unknownInterfaceClosed, answerDenied }: BpfPolicyOptions): Uint8Array {
  const constants = new Uint8Array(policyOptionsCodec.size);
  const choices = {
    ...PROGRAM_OPTIONS,
    unknownInterfaceClosed: unknownInterfaceClosed ? 1 : 0,
    answerDenied: answerDenied ? 1 : 0,
  };
  policyOptionsCodec.write(new DataView(constants.buffer), 0, choices);
  return constants;
}

async function openGuards(options: BpfPolicyOptions, { programs }: BpfObject): Promise<Guards> {
  const { directory, hookKind } = options;
  const place = placeOf(options);
  const byHook = {
    ingress: named(programs, 'from_pod'),
    egress: named(programs, 'to_pod'),
    standBy: named(programs, 'stand_by'),
  };
  const filters = filterHooks(byHook, place);
  if (hookKind === 'clsact') return createGuards(filters);
  return createGuards(await linkHooks(`${directory}/links`, byHook, place), filters);
}

function placeOf({ networkNamespace }: BpfPolicyOptions): NetworkPlace {
  return networkNamespace === undefined ? {} : { networkNamespace };
}

/** The map or program of this name; throws where there is none. */
export function named(all: Readonly<Record<string, Descriptor>>, name: string): Descriptor {
  const found = all[name];
  if (found === undefined) throw new Error(`the policy programs have no ${name}`);
  return found;
}
