import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileAll, createServiceCompiler } from '../../../src/compile/services/compiler.ts';
import { MOST_TABLES } from '../../../src/compile/services/table-claims.ts';
import type { ObjectName } from '../../../src/model/names.ts';
import type { WeirObject } from '../../../src/model/objects.ts';
import { compile, rowsOf, viewOf } from './sample-cluster.ts';
import { defaultOptions, endpoint, HERE, node, service, servicePort, slice } from './sample-objects.ts';

interface Asking {
  readonly age: number | null;
  readonly ports: number;
  readonly endpoints: number;
  readonly scheduler: string;
}

const BY_MAGLEV: Asking = { age: null, ports: 1, endpoints: 2, scheduler: 'maglev' };

function asking(index: number, { age, ports, endpoints, scheduler }: Asking): readonly WeirObject[] {
  const name = nameOf(index);
  const all = Array.from({ length: ports }, (_, port) =>
    servicePort(80 + port, { name: `p${port}`, targetPort: 8080 as never }),
  );
  const some = Array.from({ length: endpoints }, (_, each) => endpoint(`10.244.${index}.${each + 1}`));
  return [
    service(name, [`10.96.0.${index + 1}`], {
      createdAtMs: age,
      annotations: { 'weir.dev/scheduler': scheduler },
      ports: all,
    }),
    slice(name, some, {
      ports: all.map((port) => ({ name: port.name, protocol: 'TCP', port: 8080 as never })),
    }),
  ];
}

/** In the order of the numbers. */
const nameOf = (index: number) => `s${String(index).padStart(2, '0')}`;

function schedulers(objects: readonly WeirObject[]): Readonly<Record<string, string>> {
  const { rows } = compile([node(HERE), ...objects]);
  return Object.fromEntries([...rows.services.values()].map((row) => [row.owner, row.balancing.scheduler]));
}

describe('tables of maglev', () => {
  const crowd = Array.from({ length: MOST_TABLES + 2 }, (_, index) => asking(index, BY_MAGLEV));

  it('[A57] are for the oldest that ask, and others are told that they have sh', () => {
    const { rows, problems } = compile([node(HERE), ...crowd.flat()]);
    const given = crowd.map(
      (_, index) => rowsOf(rows, `shop/${nameOf(index)}:p0/TCP/IPv4`).balancing.scheduler,
    );
    expect(given).toEqual([...Array(MOST_TABLES).fill('maglev'), 'sh', 'sh']);
    const about = (index: number) => ({
      severity: 'warning',
      object: { kind: 'Service', namespace: 'shop', name: nameOf(index) },
      field: "metadata.annotations['weir.dev/scheduler']",
      reason: 'TooManyTables',
    });
    expect(problems).toMatchObject([about(MOST_TABLES), about(MOST_TABLES + 1)]);
  });

  it('[A57] go to the next one when an older Service needs none any more', () => {
    const [, second, ...rest] = crowd;
    const last = `shop/${nameOf(MOST_TABLES)}`;
    expect(
      schedulers([...asking(0, { ...BY_MAGLEV, endpoints: 1 }), ...(second ?? []), ...rest.flat()])[last],
    ).toBe('maglev');
    expect(schedulers([...(second ?? []), ...rest.flat()])[last]).toBe('maglev');
  });

  it('[A57] never go from an older Service to a newer one', () => {
    const old = asking(MOST_TABLES + 1, { ...BY_MAGLEV, age: 1 });
    expect(schedulers([...crowd.slice(0, -1).flat(), ...old])).toMatchObject({
      [`shop/${nameOf(MOST_TABLES + 1)}`]: 'maglev',
      [`shop/${nameOf(MOST_TABLES - 1)}`]: 'sh',
    });
  });

  it('[A64] [A70] are given in whatever order Services came, and never more than there are', () => {
    const any = fc.record({
      index: fc.nat(12),
      is: fc.option(
        fc.record({
          age: fc.option(fc.nat(3)),
          ports: fc.integer({ min: 1, max: 6 }),
          endpoints: fc.nat(3),
          scheduler: fc.constantFrom('maglev', 'maglev', 'rr'),
        }),
      ),
    });
    let refused = 0;
    fc.assert(
      fc.property(fc.array(any, { minLength: 5, maxLength: 30 }), (steps) => {
        const objects = new Map<number, readonly WeirObject[]>();
        const view = () => viewOf([node(HERE), ...[...objects.values()].flat()]);
        const compiler = createServiceCompiler(defaultOptions());
        compiler.update(view(), 'everything');
        for (const { index, is } of steps) {
          if (is === null) objects.delete(index);
          else objects.set(index, asking(index, is));
          const services = new Set([`shop/${nameOf(index)}` as ObjectName]);
          const { problems } = compiler.update(view(), {
            services,
            pods: new Set(),
            nodes: new Set(),
            namespaces: new Set(),
            serviceCidrs: new Set(),
            policies: new Set(),
          });
          const whole = compileAll(view(), defaultOptions());
          expect({ rows: compiler.rows(), problems }).toEqual({ rows: whole.rows, problems: whole.problems });
          const tables = [...whole.rows.services.values()].filter(
            ({ balancing, cluster }) => balancing.scheduler === 'maglev' && cluster.length > 1,
          );
          expect(tables.length).toBeLessThanOrEqual(MOST_TABLES);
          refused += problems.filter(({ reason }) => reason === 'TooManyTables').length;
        }
      }),
      { numRuns: 60 },
    );
    expect(refused).toBeGreaterThan(0);
  });
});
