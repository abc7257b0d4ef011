/** When addresses of pods are closed beside a backend, and when they open: told by what each is asked, in order. */
import { beforeEach, describe, expect, it } from 'vitest';
import { closingUnguarded } from '../../src/dataplane/closing-backend.ts';
import type { ClosedTable } from '../../src/dataplane/nft/policies/closed-table.ts';
import type { PolicyBackend, Unguarded } from '../../src/dataplane/policy-backend.ts';
import type { PodInterface, PolicyChange } from '../../src/dataplane/policy-change.ts';
import type { Address } from '../../src/model/address.ts';
import type { ObjectName } from '../../src/model/names.ts';
import type { PolicyRows, PolicyRowsChange, SubjectRow } from '../../src/model/policy-rows.ts';

const NO_ROWS = { peers: new Map(), classes: new Map(), rules: new Map() };
const said: string[] = [];
let refused: readonly ObjectName[];
let rowsFail: boolean;
let closeFails: boolean;

beforeEach(() => {
  said.length = 0;
  refused = [];
  rowsFail = false;
  closeFails = false;
});

const nameOf = (pod: string) => `test/${pod}` as ObjectName;
const at = (index: number) => [`10.9.0.${index}` as Address];

function joined(pod: string, address: number, interfaceIndex = address): [ObjectName, PodInterface] {
  return [nameOf(pod), { pod: nameOf(pod), interfaceIndex, addresses: at(address), held: false }];
}

function subject(pod: string, address: number): [ObjectName, SubjectRow] {
  return [
    nameOf(pod),
    { pod: nameOf(pod), addresses: at(address), policyClass: 'class' as SubjectRow['policyClass'] },
  ];
}

function backend(): PolicyBackend {
  const answer = async (what: string) => {
    said.push(what);
    if (rowsFail) throw new Error('no room');
    const unguarded = refused.map((pod): Unguarded => ({ pod, interfaceIndex: 1, why: 'refused' }));
    return { written: 0, revision: 1, unprogrammed: [], unguarded };
  };
  const parts: Pick<PolicyBackend, 'name' | 'services' | 'sync' | 'apply' | 'repair'> = {
    name: 'bpf',
    services: null,
    sync: () => answer('rows'),
    apply: () => answer('rows'),
    repair: () => answer('rows'),
  };
  return parts as PolicyBackend;
}

const list = (changes: ReadonlyMap<Address, string | null>) =>
  [...changes]
    .map(([address, standing]) => `${address.slice(7)} ${standing ?? 'neither'}`)
    .sort()
    .join(', ');
const table: ClosedTable = {
  async set(changes) {
    said.push(list(changes));
    if (closeFails && said.length === 1) throw new Error('netlink');
  },
  repair: async () => false,
  drops: async () => ({ ingress: 0, egress: 0 }),
  end: async () => {},
};

const rows = (...subjects: readonly [ObjectName, SubjectRow][]): PolicyRows => ({
  ...NO_ROWS,
  subjects: new Map(subjects),
});
const change = (
  subjects: readonly (readonly [ObjectName, SubjectRow | null])[],
  interfaces: readonly (readonly [ObjectName, PodInterface | null])[],
): PolicyChange => ({
  rows: { ...NO_ROWS, subjects: new Map(subjects) } as PolicyRowsChange,
  interfaces: new Map(interfaces),
});

async function begun(): Promise<PolicyBackend> {
  const closing = closingUnguarded(backend(), table);
  await closing.sync(rows(subject('web', 1)), new Map([joined('web', 1), joined('free', 2)]));
  said.length = 0;
  return closing;
}

describe('a backend beside which pods are closed', () => {
  it('[H2] [H6] begins with rows: what an earlier agent closed or guards stays until then', async () => {
    const closing = closingUnguarded(backend(), table);
    await closing.sync(rows(subject('web', 1), subject('late', 3)), new Map([joined('web', 1)]));
    expect(said).toEqual(['rows', '1 known, 3 closed']);
  });

  it('[C17] closes a pod that a policy selects before its rows, and opens it once programs are on', async () => {
    const closing = await begun();
    await closing.apply(change([subject('late', 3)], []));
    expect(said.splice(0)).toEqual(['3 closed', 'rows', '3 closed']);
    await closing.apply(change([], [joined('late', 3)]));
    expect(said.splice(0)).toEqual(['rows', '3 known']);
    await closing.apply({ interfaces: new Map() });
    expect(said).toEqual(['rows']);
  });

  it('[C17] closes a pod whose interface went or is another one now, and no pod that nothing selects', async () => {
    const closing = await begun();
    await closing.apply(change([], [[nameOf('web'), null], [nameOf('free'), null], joined('new', 4)]));
    expect(said.splice(0)).toEqual(['1 closed', 'rows', '1 closed, 2 neither, 4 known']);
    await closing.apply(change([], [joined('web', 1, 11)]));
    expect(said.splice(0)).toEqual(['rows', '1 known']);
    await closing.apply(change([], [joined('web', 1, 12)]));
    expect(said).toEqual(['1 closed', 'rows', '1 known']);
  });

  it('leaves open what a pod has that policies begin or cease to select, as its programs are on', async () => {
    const closing = await begun();
    await closing.apply(change([subject('free', 2), [nameOf('web'), null]], []));
    expect(said).toEqual(['rows']);
  });

  it('leaves an address open that another pod has whose programs are on', async () => {
    const closing = await begun();
    await closing.apply(change([subject('going', 2)], []));
    expect(said.splice(0)).toEqual(['rows', '2 known']);
    await closing.apply(change([], [[nameOf('free'), null]]));
    expect(said).toEqual(['2 closed', 'rows', '2 closed']);
  });

  it('[H6] leaves closed where rows failed or programs were refused, until both are in', async () => {
    const closing = await begun();
    rowsFail = true;
    const late = change([subject('late', 3)], [joined('late', 3)]);
    await expect(closing.apply(late)).rejects.toThrow('no room');
    expect(said.splice(0)).toEqual(['3 closed', 'rows']);
    rowsFail = false;
    refused = [nameOf('late')];
    await closing.apply({});
    expect(said.splice(0)).toEqual(['3 closed', 'rows', '3 closed']);
    refused = [];
    await closing.repair();
    expect(said).toEqual(['rows', '3 known']);
  });

  it('[C17] closes a guarded pod whose programs are refused later', async () => {
    const closing = await begun();
    refused = [nameOf('web')];
    await closing.apply({});
    expect(said).toEqual(['rows', '1 closed']);
  });

  it('[H2] forgets with all rows what is not among them', async () => {
    const closing = await begun();
    await closing.sync(rows(), new Map([joined('free', 2)]));
    expect(said).toEqual(['rows', '1 neither, 2 known']);
  });

  it('brings rows in though nothing can be closed', async () => {
    const closing = await begun();
    closeFails = true;
    await closing.apply(change([subject('late', 3)], []));
    expect(said).toEqual(['3 closed', 'rows', '3 closed']);
  });
});
