import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EndpointSliceObject, ServiceObject } from '../../../src/model/objects.ts';
import { type FakeObject, fakeService } from './fake-server.ts';
import { beginFollowing, type Following } from './following.ts';

let following: Following;
beforeEach(async () => {
  following = await beginFollowing();
});
afterEach(() => following.end());

function fakeSlice(index: number, endpoints: number): FakeObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `slice-${index}`, namespace: 'shop' },
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: endpoints }, (_, endpoint) => ({
      addresses: [`10.${index % 200}.${endpoint >> 8}.${endpoint & 255}`],
      nodeName: `node-${endpoint % 100}`,
      zone: `zone-${endpoint % 3}`,
    })),
  };
}

const objectsOf = <Kind>(kind: string): Kind[] =>
  [...following.recorder.objects.values()].filter((object) => object.kind === kind) as Kind[];

describe.each([
  ['streaming lists', true, false],
  ['paged lists', false, false],
  ['streaming lists in protocol buffers', true, true],
  ['paged lists in protocol buffers', false, true],
])('many objects by %s', (_, streaming, protobuf) => {
  beforeEach(() => {
    following.server.streaming = streaming;
    following.server.protobuf = protobuf;
  });

  it('arrive whole: 10,000 Services and 10,000 slices in one batch', async () => {
    const { server, recorder } = following;
    for (let index = 0; index < 10_000; index++) {
      server.set(fakeService(`service-${index}`));
      server.set(fakeSlice(index, 3));
    }
    await following.create().start(recorder.listen);
    expect(recorder.batches).toHaveLength(1);
    expect(objectsOf('Service')).toHaveLength(10_000);
    const endpoints = objectsOf<EndpointSliceObject>('EndpointSlice').flatMap((slice) => slice.endpoints);
    expect(endpoints).toHaveLength(30_000);
    expect(endpoints[29_999]).toMatchObject({
      addresses: ['10.199.0.2'],
      nodeName: 'node-2',
      zone: 'zone-2',
    });
  });

  it('may be large: a slice of a megabyte, before and after the listing', async () => {
    const { server, recorder, until } = following;
    const large = fakeSlice(1, 16_000);
    expect(JSON.stringify(large).length).toBeGreaterThan(1 << 20);
    server.set(large);
    server.set({
      ...fakeService('noted'),
      metadata: { ...fakeService('noted').metadata, annotations: { note: 'x'.repeat(1 << 20) } },
    });
    await following.create().start(recorder.listen);
    const sizes = () =>
      objectsOf<EndpointSliceObject>('EndpointSlice').map((slice) => slice.endpoints.length);
    expect(sizes()).toEqual([16_000]);
    expect(recorder.objects.get('Service/shop/noted')?.annotations.note).toHaveLength(1 << 20);
    await until(() => server.watches('EndpointSlice') === 1);
    server.set(fakeSlice(1, 15_999));
    await until(() => sizes()[0] === 15_999);
  });
});

describe('changes without end', () => {
  it('5,000 of them, a thousand a second, are all taken: the last state of each object arrives, and nothing piles up', async () => {
    const { server, recorder, until } = following;
    for (let index = 0; index < 100; index++) server.set(fakeService(`service-${index}`));
    await following.create().start(recorder.listen);
    await until(() => server.watches('Service') === 1);
    const before = server.requests.length;
    // Ten at a time, so that they come in more batches than one.
    for (let change = 0; change < 5_000; change++) {
      server.set(fakeService(`service-${change % 100}`, 1 + change));
      if (change % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 9));
    }
    server.set(fakeService('last', 5_001));
    await until(() => recorder.objects.has('Service/shop/last'));
    const ports = objectsOf<ServiceObject>('Service').map((service) => Number(service.ports[0]?.port));
    expect(ports.filter((port) => port > 4_900)).toHaveLength(101);
    // No batch holds an object twice, and no listing was needed.
    for (const { changes } of recorder.batches) {
      const told = changes.map((change) => (change.type === 'set' ? change.object.name : change.name));
      expect(new Set(told).size).toBe(told.length);
    }
    expect(server.requests.length).toBe(before);
  });
});
